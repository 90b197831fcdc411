"""Seconds that llama.cpp or CTranslate2 takes to go on with prompts, greedily; loading not counted.

Usage: published_reference.py llama.cpp|CTranslate2 MODEL.gguf PROMPTS.json NEW_TOKENS THREADS
PROMPTS.json: a list of lists of tokens, which all go on together. CTranslate2 takes files of float32
weights only.
"""
import json
import sys
import time

import numpy


def llama_cpp(path, prompts, new_tokens, threads):
    """Only the time inside of llama_decode: choosing tokens here would be slower than it need be."""
    import llama_cpp as llama
    silent = llama.llama_log_callback(lambda *_: None)  # must live as long as it may be called
    llama.llama_log_set(silent, None)
    llama.llama_backend_init()
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    longest = max(map(len, prompts)) + new_tokens
    settings = llama.llama_context_default_params()
    settings.n_seq_max = len(prompts)
    settings.n_ctx = (longest + 255) // 256 * 256 * len(prompts)
    settings.n_batch = settings.n_ubatch = 512
    settings.n_threads = settings.n_threads_batch = threads
    context = llama.llama_init_from_model(model, settings)
    batch = llama.llama_batch_init(512, 0, 1)
    seconds = 0.0

    def decode(tokens):
        """tokens: (token, position, sequence, whether logits are wanted); returns those logits."""
        nonlocal seconds
        rows = {}
        for begin in range(0, len(tokens), 512):
            part = tokens[begin:begin + 512]
            batch.n_tokens = len(part)
            for i, (token, position, sequence, wanted) in enumerate(part):
                batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
                batch.seq_id[i][0], batch.logits[i] = sequence, wanted
            start = time.perf_counter()
            failed = llama.llama_decode(context, batch)
            seconds += time.perf_counter() - start
            if failed:
                raise RuntimeError(f"llama_decode: {failed}")
            for i, (_, _, sequence, wanted) in enumerate(part):
                if wanted:
                    logits = llama.llama_get_logits_ith(context, i)
                    rows[sequence] = int(numpy.ctypeslib.as_array(logits, (vocab,)).argmax())
        return rows

    chosen = decode([(token, position, sequence, position + 1 == len(prompt))
                     for sequence, prompt in enumerate(prompts)
                     for position, token in enumerate(prompt)])
    for step in range(new_tokens - 1):
        chosen = decode([(chosen[sequence], len(prompt) + step, sequence, True)
                         for sequence, prompt in enumerate(prompts)])
    return seconds


def ctranslate2_model(path):
    """A folder beside the file with the model in CTranslate2's form, made at the first call."""
    from pathlib import Path

    import gguf
    from ctranslate2.specs import common_spec, transformer_spec
    folder = Path(path).with_suffix(".ctranslate2")
    if folder.exists():
        return str(folder)
    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    if any(tensor.tensor_type != gguf.GGMLQuantizationType.F32 for tensor in tensors.values()):
        raise SystemExit("not all of its weights are float32")
    values = {name: numpy.array(tensor.data) for name, tensor in tensors.items()}
    fact = lambda name: reader.fields["llama." + name].contents()
    heads, kv_heads = fact("attention.head_count"), fact("attention.head_count_kv")
    spec = transformer_spec.TransformerDecoderModelSpec.from_config(
        fact("block_count"), heads, activation=common_spec.Activation.SWISH, pre_norm=True,
        ffn_glu=True, rms_norm=True, rotary_dim=0, rotary_interleave=True,
        rotary_base=fact("rope.freq_base"), num_heads_kv=kv_heads)
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = values["token_embd.weight"]
    decoder.layer_norm.gamma = values["output_norm.weight"]
    decoder.projection.weight = values.get("output.weight", values["token_embd.weight"])
    for index, layer in enumerate(decoder.layer):
        part = lambda name: values[f"blk.{index}.{name}.weight"]
        attention = layer.self_attention
        attention.layer_norm.gamma = part("attn_norm")
        attention.linear[0].weight = numpy.concatenate(
            [part("attn_q"), part("attn_k"), part("attn_v")])
        attention.linear[1].weight = part("attn_output")
        layer.ffn.layer_norm.gamma = part("ffn_norm")
        layer.ffn.linear_0.weight = part("ffn_gate")
        layer.ffn.linear_0_noact.weight = part("ffn_up")
        layer.ffn.linear_1.weight = part("ffn_down")
    spec.config.unk_token = spec.config.bos_token = spec.config.eos_token = "0"
    spec.config.layer_norm_epsilon = fact("attention.layer_norm_rms_epsilon")
    spec.register_vocabulary([str(i) for i in range(len(values["token_embd.weight"]))])
    spec.validate()
    spec.optimize(quantization="float32")
    folder.mkdir()
    spec.save(str(folder))
    return str(folder)


def ctranslate2(path, prompts, new_tokens, threads):
    import ctranslate2 as engine
    generator = engine.Generator(ctranslate2_model(path), device="cpu", compute_type="float32",
                                 inter_threads=1, intra_threads=threads)
    texts = [[str(token) for token in prompt] for prompt in prompts]
    start = time.perf_counter()
    results = generator.generate_batch(texts, max_length=new_tokens, min_length=new_tokens,
                                       sampling_topk=1, include_prompt_in_result=False)
    seconds = time.perf_counter() - start
    if any(len(result.sequences_ids[0]) != new_tokens for result in results):
        raise SystemExit("CTranslate2 ended a text early")
    return seconds


def main():
    engine, path, prompts, new_tokens, threads = sys.argv[1:]
    with open(prompts, encoding="utf-8") as file:
        prompts = json.load(file)
    run = {"llama.cpp": llama_cpp, "CTranslate2": ctranslate2}[engine]
    print(run(path, prompts, int(new_tokens), int(threads)))


if __name__ == "__main__":
    main()
