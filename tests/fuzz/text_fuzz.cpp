// Data files and tokenizers that were cut, mixed up or edited by hand.
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "core/text/json.hpp"
#include "core/text/lines.hpp"
#include "core/text/tokenizer.hpp"
#include "core/text/unicode.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "tests/abi/host.hpp"
#include "tests/fuzz/mutate.hpp"

namespace trellis::fuzz {
namespace {

const std::string kJsonLines =
    "\xEF\xBB\xBF{\"id\": \"1\", \"source\": \"A cat.\", \"references\": [\"Eine Katze.\"]}\r\n"
    "\n"
    "{\"id\": 2, \"source\": \"猫 🎉\", \"target\": \"\\ud83d\\ude00 Gr\\u00fc\\u00dfe\", \"n\": "
    "1.5}\n"
    "{\"source\": \"x\", \"reference\": \"y\", \"deep\": {\"a\": [[], {\"b\": null}]}}\n";

const std::vector<std::string> kJsonWords = {"{",
                                             "}",
                                             "[",
                                             "]",
                                             ",",
                                             ":",
                                             "\"",
                                             "\\",
                                             "\n",
                                             "null",
                                             "true",
                                             "\\ud800",
                                             "\\u0000",
                                             "\xFF",
                                             "\xED\xA0\x80",
                                             "\"id\": 1",
                                             "\"references\": [1]",
                                             "\"source\"",
                                             std::string(1000, '['),
                                             std::string("\0", 1),
                                             "1e999",
                                             "-"};

std::string compressed(const std::filesystem::path& path, const std::string& text) {
  const auto file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return tests::read_file(path);
}

class DataFuzz : public testing::Test {
 protected:
  static std::vector<sdk::Json> read(const std::string& path) {
    return tasks::read_json_lines(path, TRELLIS_SPLIT_TEST, [](const auto& record, auto) {
      return std::vector<sdk::Json>{tasks::common_example(record)};
    });
  }
  tests::TemporaryFolder folder_;
};

TEST_F(DataFuzz, JsonLines) {
  const auto path = (folder_ / "data.jsonl").string();
  const auto accepted = fuzz(Mutator(1, {kJsonLines}, kJsonWords), 4000, [&](const auto& text) {
    replace_file(path, text);
    for (const auto& example : read(path)) {
      ASSERT_FALSE(text::find_invalid_utf8(example.dump()));
    }
  });
  EXPECT_GT(accepted, 10);
}

TEST_F(DataFuzz, CompressedJsonLines) {
  const auto path = folder_ / "data.jsonl.gz";
  const auto good = compressed(path, kJsonLines);
  fuzz(Mutator(2, {good}, {}), 2000, [&](const auto& bytes) {
    replace_file(path, bytes);
    read(path.string());
  });
}

TEST_F(DataFuzz, ParallelAndPlainText) {
  const auto sources = (folder_ / "test.en").string();
  const auto references = (folder_ / "test.de").string();
  const std::string lines = "Zwei Männer.\nEine Frau.\r\n\n猫。\n";
  replace_file(sources, lines);
  fuzz(Mutator(3, {lines}, {"\n", "\r", "\xFF", "\xEF\xBB\xBF"}), 3000, [&](const auto& text) {
    replace_file(references, text);
    ASSERT_FALSE(text::find_invalid_utf8(text::read_text(references)));
    ASSERT_EQ(tasks::read_parallel(sources, references).size(), 4U);
  });
}

TEST(TokenizerFuzz, JsonOfEveryKind) {
  constexpr std::string_view kTexts[] = {"The cat can't see 42 dogs!", "Die Katze. 猫 🎉"};
  for (const std::string kind : {"word", "character", "bpe"}) {
    text::TokenizerOptions options;
    options.kind = kind;
    options.vocab_size = 290;
    const auto good = text::train_tokenizer(options, kTexts)->to_json().dump();
    fuzz(Mutator(4, {good}, kJsonWords), 1500, [&](const auto& text) {
      nlohmann::json json;
      try {
        json = parse_json(text);
      } catch (const nlohmann::json::exception&) {
        return;
      }
      const auto tokenizer = text::tokenizer_from_json(json);
      for (const auto sample : kTexts) {
        const auto tokens = tokenizer->encode(sample);
        for (const auto token : tokens) {
          ASSERT_GE(token, 0);
          ASSERT_LT(static_cast<std::size_t>(token), tokenizer->vocab_size());
        }
        ASSERT_FALSE(text::find_invalid_utf8(tokenizer->decode(tokens)));
      }
    });
  }
}

}  // namespace
}  // namespace trellis::fuzz
