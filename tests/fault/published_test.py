#!/usr/bin/env python3
"""Published checkpoints in `trellis run`, `generate` and `chat`: they work, and what is wrong with
them is one clear line."""
import json
import pathlib
import shutil
import unittest

from trellis_runs import GREEDY, HEAD, NGRAM, PLUGINS, RunCase, main

GOLDENS = pathlib.Path(__file__).resolve().parent.parent / "golden" / "models"
LLAMA = '[[model]]\nplugin = "llama"\nweights = "published"\n'


def tokenizer(size=0):
    """Letters, digits and a few words, and the end symbol; then ideographs up to a size."""
    names = ["<unk>", "<s>", "</s>", " ", "\n"] + [chr(c) for c in range(ord("a"), ord("z") + 1)]
    names += list("0123456789") + ["on", "one"]
    names += [chr(0x4E00 + i) for i in range(size - len(names))]
    return {"version": "1.0",
            "added_tokens": [{"id": i, "content": names[i], "special": True} for i in range(3)],
            "model": {"type": "BPE", "unk_token": "<unk>", "merges": ["o n", "on e"],
                      "vocab": {name: i for i, name in enumerate(names)}}}


def word_pieces():
    """BERT's special symbols, letters, and a few words."""
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    words = letters + ["##" + letter for letter in letters] + ["one", "two", "three"]
    return {"version": "1.0",
            "added_tokens": [{"id": i, "content": name, "special": True}
                             for i, name in enumerate(names)],
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100,
                      "vocab": {name: i for i, name in enumerate(names + words)}}}


class PublishedTest(RunCase):
    def setUp(self):
        super().setUp()
        self.model = self.path / "published"
        shutil.copytree(GOLDENS / "llama_gqa_tied", self.model)
        (self.model / "tokenizer.json").write_text(json.dumps(tokenizer()))

    def config(self, **changes):
        config = json.loads((self.model / "config.json").read_text())
        (self.model / "config.json").write_text(json.dumps({**config, **changes}))

    def assert_refused(self, code, *texts):
        result = self.trellis("generate", "--model", "published", "one")
        self.assert_ends(result, code, *texts)
        self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)

    @unittest.skipUnless(pathlib.Path(PLUGINS, "llama.so").exists(), "built without LibTorch")
    def test_its_vectors_score_what_others_wrote(self):
        two_arms = GREEDY + '[[strategy]]\nplugin = "sample"\n'
        self.assert_ends(self.run_config(HEAD + NGRAM + two_arms), 0)
        score = self.trellis("score", "x.db", "--metric", "bertscore", "--metric", "mauve",
                             "--encoder", "published")
        self.assert_ends(score, 0, "scored by bertscore.published, mauve.published")
        for metric, least in (("bertscore.published", -1), ("mauve.published", 0)):
            values = [value for (value,) in self.rows(
                f"SELECT value FROM leaderboard WHERE metric = '{metric}'")]
            self.assertEqual(len(values), 2)
            self.assertTrue(all(least <= value <= 1 for value in values), values)
        # MAUVE has no samples to test arms by, so that they are not called equal.
        table = self.trellis("compare", "x.db", "--metric", "mauve.published", "--format", "json")
        self.assertNotIn('"group": "a"', table.stdout)
        self.assert_ends(self.trellis("score", "x.db"), 0)
        self.assertEqual(self.rows("SELECT count(*) FROM leaderboard WHERE metric LIKE '%.published'"),
                         [(4,)])
        self.assert_ends(self.trellis("db", "check", "x.db"), 0)

    @unittest.skipUnless(pathlib.Path(PLUGINS, "wudao.so").exists(), "built without LibTorch")
    def test_a_mixture_tells_which_experts_it_used(self):
        shutil.rmtree(self.model)
        shutil.copytree(GOLDENS / "mixtral", self.model)
        config = json.loads((self.model / "config.json").read_text())
        (self.model / "tokenizer.json").write_text(json.dumps(tokenizer(config["vocab_size"])))
        model = '[[model]]\nplugin = "wudao"\nweights = "published"\n'
        self.assert_ends(self.run_config(HEAD + model + GREEDY), 0)
        names = [f"experts.{i + 1}" for i in range(config["num_hidden_layers"])]
        self.assertEqual([name for (name,) in self.rows(
            "SELECT metric FROM leaderboard WHERE metric LIKE 'experts.%' ORDER BY metric")], names)
        # The weights of each token's experts sum to one, in every layer.
        tokens = dict(self.rows("SELECT sample, count(*) FROM tokens GROUP BY sample"))
        for sample, statistics in self.rows(
                "SELECT sample, statistics FROM sample_metrics WHERE metric LIKE 'experts.%'"):
            weights = json.loads(statistics)
            self.assertEqual(len(weights), config["num_local_experts"])
            self.assertAlmostEqual(sum(weights), tokens[sample], places=4)
        self.assert_ends(self.trellis("score", "x.db"), 0)
        self.assertEqual(self.rows("SELECT count(*) FROM leaderboard WHERE metric LIKE 'experts.%'"),
                         [(len(names),)])
        self.assert_ends(self.trellis("report", "x.db", "-o", "x.html"), 0)
        self.assertIn("percent of each expert", (self.path / "x.html").read_text())

    @unittest.skipUnless(pathlib.Path(PLUGINS, "llama.so").exists(), "built without LibTorch")
    def test_one_is_run_without_training(self):
        self.assert_ends(self.run_config(HEAD + LLAMA + GREEDY), 0)
        self.assertEqual(self.rows("SELECT count(*), min(status) FROM trials"), [(1, "done")])
        self.assertEqual(self.rows("SELECT count(*) FROM samples"), [(80,)])
        # Other weights are another trial.
        tensors = self.model / "model.safetensors"
        content = bytearray(tensors.read_bytes())
        content[-1] ^= 1
        tensors.write_bytes(content)
        self.assert_ends(self.run_config(HEAD + LLAMA + GREEDY), 0)
        self.assertEqual(self.rows("SELECT count(*) FROM trials"), [(2,)])

    @unittest.skipUnless(pathlib.Path(PLUGINS, "llama.so").exists(), "built without LibTorch")
    def test_text_is_generated_and_talked(self):
        first = self.trellis("generate", "--model", "published", "one 2", "--max-new-tokens", "8")
        self.assert_ends(first, 0)
        again = self.trellis("generate", "--model", "published", "one 2", "--max-new-tokens", "8",
                             "--threads", "1", "--strategy", "beam", "--set", "num_beams=1")
        self.assertEqual(first.stdout, again.stdout)
        self.assert_ends(self.trellis("generate", "--model", "published", "a", "--strategy",
                                      "sample", "--set", "temperatur=1"), 2,
                         "temperatur=1: is no setting of sample and no logits processor; did you "
                         "mean temperature?")
        self.assert_ends(self.trellis("chat", "--model", "published"), 2, "has no chat template")
        (self.model / "tokenizer_config.json").write_text(json.dumps(
            {"chat_template": "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"}))
        self.assert_ends(self.trellis("chat", "--model", "published", "--max-new-tokens", "4"), 0)

    @unittest.skipUnless(pathlib.Path(PLUGINS, "bert.so").exists(), "built without LibTorch")
    def test_masks_are_filled_in(self):
        shutil.rmtree(self.model)
        shutil.copytree(GOLDENS / "bert", self.model)
        write = lambda content: (self.model / "tokenizer.json").write_text(json.dumps(content))
        write(word_pieces())
        fill = lambda text, strategy: self.trellis("generate", "--model", "published", text,
                                                   "--strategy", strategy)
        for strategy in ("mask_predict", "gibbs"):
            marked = fill("one ___ three", strategy)
            self.assert_ends(marked, 0)
            self.assertEqual(fill("one [MASK] three", strategy).stdout, marked.stdout)
            self.assertEqual(len(marked.stdout.splitlines()), 1)
        self.assert_ends(fill("one ___ three", "greedy"), 2, "use a strategy of masked prediction")
        tokenizer_without = word_pieces()
        del tokenizer_without["model"]["vocab"]["[MASK]"]
        tokenizer_without["added_tokens"].pop()
        write(tokenizer_without)
        self.assert_ends(fill("one ___ three", "gibbs"), 1, "[CLS], [SEP] and [MASK]")

    @unittest.skipUnless(pathlib.Path(PLUGINS, "llama.so").exists(), "built without LibTorch")
    def test_what_does_not_fit_is_told_in_one_line(self):
        self.config(model_type="mamba")
        self.assert_refused(2, 'no plugin reads models of the type "mamba"; those of these types '
                               "are read: ", "gpt2", "llama", "mixtral")
        self.assert_ends(self.run_config(HEAD + LLAMA + GREEDY), 1)
        self.config(model_type="llama", num_hidden_layers=4)
        self.assert_refused(1, "missing: model.layers.3.input_layernorm.weight, "
                               "model.layers.3.self_attn.q_proj.weight")
        self.config(num_hidden_layers=3, intermediate_size=97)
        self.assert_refused(1, "of another shape: model.layers.0.mlp.gate_proj.weight [96, 48]")
        self.config(intermediate_size=96)
        (self.model / "tokenizer.json").write_text('{"model": {"type": "Magic", "vocab": {}}}')
        self.assert_refused(1, 'unknown model "Magic"')
        (self.model / "tokenizer.json").unlink()
        self.assert_refused(2, "holds no tokenizer.json")
        tensors = self.model / "model.safetensors"
        tensors.write_bytes(tensors.read_bytes()[:-1])
        self.assert_refused(1, "not a whole safetensors file")
        tensors.unlink()
        self.assert_refused(2, "holds neither model.safetensors nor")

    @unittest.skipUnless(pathlib.Path(PLUGINS, "transformer.so").exists(), "built without LibTorch")
    def test_encoder_decoders_are_run_and_generate(self):
        for name in ("t5", "marian"):
            model = self.path / name
            shutil.copytree(GOLDENS / name, model)
            (model / "tokenizer.json").write_text(json.dumps(tokenizer(120)))
            first = self.trellis("generate", "--model", name, "one 2", "--max-new-tokens", "8")
            self.assert_ends(first, 0)
            same = self.trellis("generate", "--model", name, "--source", "one 2",
                                "--max-new-tokens", "8", "--threads", "1",
                                "--strategy", "beam", "--set", "num_beams=1")
            self.assertEqual(first.stdout, same.stdout)
            other = self.trellis("generate", "--model", name, "two", "--max-new-tokens", "8")
            self.assertNotEqual(first.stdout, other.stdout, "the encoder reads the prompt")
            config = f'[[model]]\nplugin = "transformer"\nlabel = "{name}"\nweights = "{name}"\n'
            self.assert_ends(self.run_config(HEAD + config + GREEDY), 0)
        self.assertEqual(self.rows("SELECT count(*), min(status) FROM trials"), [(2, "done")])
        self.assertEqual(self.rows("SELECT count(*) FROM samples"), [(160,)])
        settings = json.loads((self.path / "marian" / "config.json").read_text())
        settings["share_encoder_decoder_embeddings"] = False
        (self.path / "marian" / "config.json").write_text(json.dumps(settings))
        self.assert_ends(self.trellis("generate", "--model", "marian", "a"), 1,
                         "share_encoder_decoder_embeddings = false: is not supported; true is")

    def test_what_is_no_model_is_told(self):
        for path in ("absent", "."):
            self.assert_ends(self.trellis("generate", "--model", path, "a"), 2,
                             path + ": is no model: give a folder")
        (self.path / "x.gguf").write_bytes(b"GGUF")
        self.assert_ends(self.trellis("generate", "--model", "x.gguf", "a"), 1,
                         "x.gguf: not a whole GGUF file")

    def test_a_trained_model_generates(self):
        self.assert_ends(self.run_config(HEAD + NGRAM + GREEDY), 0)
        folder, = (self.path / "x.models").iterdir()
        self.assert_ends(self.trellis("generate", "--model", str(folder), "--source", "one two",
                                      "--max-new-tokens", "4"), 0, "eins")


if __name__ == "__main__":
    main()
