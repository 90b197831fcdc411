// Published files, mutated: they are read, or refused in one line.
#include <fstream>

#include "core/formats/checkpoint.hpp"
#include "core/formats/gguf.hpp"
#include "core/text/chat_template.hpp"
#include "core/text/published_tokenizer.hpp"
#include "tests/abi/host.hpp"
#include "tests/fuzz/mutate.hpp"
#include "tests/unit/gguf_fixture.hpp"

namespace trellis::fuzz {
namespace {

std::string number(std::uint64_t value, std::size_t size) {
  return {reinterpret_cast<const char*>(&value), size};
}

std::string small_gguf() {
  tests::GgufWriter writer("llama");
  for (const char* key : {"block_count", "context_length", "embedding_length",
                          "feed_forward_length", "attention.head_count"})
    writer.number(std::string("llama.") + key, 2);
  writer.real("llama.rope.freq_base", 1e4F);
  writer.text("tokenizer.ggml.model", "gpt2");
  writer.text("tokenizer.ggml.pre", "smollm");
  writer.texts("tokenizer.ggml.tokens", std::vector<std::string>{"<s>", "a", "b", "ab"});
  writer.texts("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  writer.numbers("tokenizer.ggml.token_type", std::vector<std::int32_t>{3, 1, 1, 1});
  writer.number("tokenizer.ggml.bos_token_id", 0);
  writer.tensor("token_embd.weight", {4, 2}, 0, std::string(32, 'x'));
  writer.tensor("blk.0.attn_q.weight", {4, 32}, 8, std::string(4 * 34, 'y'));
  writer.tensor("blk.1.ffn_up.weight", {1, 256}, 12, std::string(144, 'z'));
  return writer.bytes();
}

TEST(CheckpointFuzz, AGgufFileOrOneLine) {
  tests::TemporaryFolder folder;
  const auto path = folder / "x.gguf";
  const std::vector<std::string> words = {number(0xFFFFFFFFFFFFFFFF, 8),
                                          number(1ULL << 62U, 8),
                                          number(9, 4),
                                          number(8, 4),
                                          number(12, 4),
                                          number(200, 4),
                                          "general.alignment",
                                          "blk.",
                                          "GGUF",
                                          "\xFF"};
  const auto accepted = fuzz(Mutator(11, {small_gguf()}, words), 6000, [&](const auto& bytes) {
    replace_file(path, bytes);
    const auto checkpoint = formats::open_checkpoint(path);
    for (const auto& [name, tensor] : checkpoint.tensors) {
      std::vector<float> values(formats::element_count(tensor.shape));
      formats::copy_values(tensor, values);
      for (std::int64_t row = 0; !tensor.shape.empty() && row < tensor.shape.front(); ++row)
        formats::stored_row(tensor, row);
    }
    text::build_huggingface_tokenizer(checkpoint.tokenizer);
  });
  EXPECT_GT(accepted, 10);
}

TEST(CheckpointFuzz, EveryTruncatedGgufFileIsRefused) {
  tests::TemporaryFolder folder;
  const auto path = folder / "x.gguf";
  const std::string good = small_gguf();
  // The last bytes only fill up the last tensor's place.
  for (std::size_t size = 0; size + 32 < good.size(); ++size) {
    replace_file(path, good.substr(0, size));
    const auto message = tests::message_of([&] { formats::open_checkpoint(path); });
    ASSERT_NE(message.find("not a whole GGUF file"), message.npos) << size << message;
  }
}

TEST(CheckpointFuzz, ATemplateOrOneLine) {
  const std::string good =
      "{% for m in messages %}{% if loop.first and m['role'] != 'system' %}{{ 'a' + m.role | trim "
      "}}"
      "{% elif m.content is defined %}{% set x = messages[1:] %}{{ x[0]['role'] ~ 3 % 2 }}"
      "{% else %}-{% endif %}{% endfor %}{# c #}\n  {%- if not false -%} b {% endif %}";
  const std::vector<std::string> words = {"{{",
                                          "}}",
                                          "{%",
                                          "%}",
                                          "-",
                                          "(",
                                          "[",
                                          "not ",
                                          "endif",
                                          "{% for a in messages %}",
                                          "raise_exception('x')",
                                          "| "};
  const std::vector<text::ChatMessage> messages = {{"user", "a"}, {"assistant", "b"}};
  const auto accepted = fuzz(Mutator(12, {good}, words), 8000, [&](const auto& source) {
    text::ChatTemplate(source).apply(messages);
  });
  EXPECT_GT(accepted, 10);
}

}  // namespace
}  // namespace trellis::fuzz
