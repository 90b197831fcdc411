// Files of published tokenizers that were cut, mixed up or edited by hand.
#include <nlohmann/json.hpp>

#include "core/text/published_tokenizer.hpp"
#include "core/text/unicode.hpp"
#include "tests/fuzz/mutate.hpp"

namespace trellis::fuzz {
namespace {

// Small files of every model and of every step that is known, so that a change hits something.
const std::string kBytePairs =
    R"json({"added_tokens":[{"id":0,"content":"<|end|>","special":true,"normalized":false,"lstrip":true},
{"id":9,"content":"new word","single_word":true,"rstrip":true}],"normalizer":{"type":"NFC"},
"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}{1,3}|\\s+(?!\\S)"},
"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":true,"use_regex":true}]},
"post_processor":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true},
"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","ignore_merges":false,"unk_token":null,
"vocab":{"<|end|>":0,"a":1,"b":2,"c":3,"\u0120":4,"ab":5,"\u0120ab":6,"\u0120c":7,"\u00c3":8},
"merges":["a b",["\u0120","ab"],"\u0120 c"]}})json";

const std::string kByteFallback =
    R"({"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"\u2581"},
{"type":"Replace","pattern":{"String":" "},"content":"\u2581"},{"type":"StripAccents"},{"type":"Strip"}]},
"pre_tokenizer":null,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}},
"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"\u2581"},"content":" "},
{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
"model":{"type":"BPE","fuse_unk":true,"byte_fallback":true,"unk_token":"<unk>",
"vocab":{"<unk>":0,"<s>":1,"<0xE7>":2,"\u2581":3,"a":4,"b":5,"ab":6,"\u2581ab":7},"merges":["a b","\u2581 ab"]}})";

const std::string kWordPiece =
    R"({"added_tokens":[{"id":2,"content":"[CLS]","special":true}],
"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
"pre_tokenizer":{"type":"BertPreTokenizer"},
"post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},
"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":10,
"vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"ab":4,"##c":5,"\u732b":6,"##ab":7}}})";

const std::string kUnigram =
    R"({"normalizer":{"type":"Sequence","normalizers":[{"type":"Nmt"},{"type":"NFKC"},{"type":"Lowercase"},
{"type":"Precompiled","precompiled_charsmap":"CAAAAAAAAAAAAAAAYQA="},
{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]},
"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Punctuation","behavior":"Contiguous"},
{"type":"Digits","individual_digits":true},{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"first","split":true}]},
"post_processor":null,"decoder":{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"always"},
"model":{"type":"Unigram","unk_id":0,"byte_fallback":false,
"vocab":[["<unk>",0],["\u2581",-2.5],["a",-3],["\u2581ab",-1.5],["c",-4.25],["\u732b",-5]]}})";

const std::vector<std::string> kWords = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "\"",
                                         "null",
                                         "true",
                                         "\\\\",
                                         "\\u2581",
                                         "\\u0000",
                                         "\\ud800",
                                         "\xFF",
                                         "1e999",
                                         "-",
                                         "\"\"",
                                         "\"type\":\"Sequence\",",
                                         "\"a a\"",
                                         "\"id\":4000000000",
                                         "(a*)*b",
                                         "\\\\C",
                                         "(?<=a",
                                         "\"vocab\":{}",
                                         "\"vocab\":[]",
                                         "\"merges\":[]",
                                         "Whitespace",
                                         "\"decoder\":null",
                                         "NFKD",
                                         std::string(1000, '['),
                                         std::string(300, 'a')};

const std::string kSample =
    "ab abc  \xC2\xBD new word 123 \xE7\x8C\xAB <|end|>[CLS] \xF0\x9F\x8E\x89 \xC3\x89t\xC3\xA9!\n";

void use(const std::string& json) {
  const auto tokenizer = text::read_huggingface_tokenizer(json);
  for (const bool around : {false, true}) {
    const auto encoding = tokenizer->encode_with_ranges(kSample, {.add_special_tokens = around});
    ASSERT_EQ(encoding.tokens, tokenizer->encode(kSample, {.add_special_tokens = around}));
    ASSERT_EQ(encoding.tokens.size(), encoding.ranges.size());
    text::StreamingDecoder stream(*tokenizer);
    for (std::size_t i = 0; i < encoding.tokens.size(); ++i) {
      ASSERT_GE(encoding.tokens[i], 0);
      ASSERT_LT(static_cast<std::size_t>(encoding.tokens[i]), tokenizer->vocab_size());
      ASSERT_LE(encoding.ranges[i].begin, encoding.ranges[i].end);
      ASSERT_LE(encoding.ranges[i].end, kSample.size());
      ASSERT_FALSE(text::find_invalid_utf8(stream.push(encoding.tokens[i])));
      tokenizer->token_text(encoding.tokens[i]);
    }
    ASSERT_FALSE(text::find_invalid_utf8(tokenizer->decode(encoding.tokens, true)));
  }
}

TEST(PublishedTokenizerFuzz, JsonOfEveryModel) {
  std::uint64_t seed = 20;
  for (const auto& good : {kBytePairs, kByteFallback, kWordPiece, kUnigram}) {
    ASSERT_NO_THROW(use(good)) << good;
    const auto accepted = fuzz(Mutator(++seed, {good}, kWords), 3000, use);
    EXPECT_GT(accepted, 30);
  }
}

/// Values of one file in places of another: valid JSON that means nothing sensible.
TEST(PublishedTokenizerFuzz, PartsThatDoNotBelongTogether) {
  std::vector<nlohmann::json> files;
  for (const auto& good : {kBytePairs, kByteFallback, kWordPiece, kUnigram}) {
    files.push_back(nlohmann::json::parse(good));
  }
  std::vector<std::string> mixed;
  for (const auto& file : files) {
    for (const auto& other : files) {
      for (const auto& [key, value] : other.items()) {
        auto changed = file;
        changed[key] = value;
        mixed.push_back(changed.dump());
        for (const auto& [inner, part] : other.at("model").items()) {
          changed["model"][inner] = part;
          mixed.push_back(changed.dump());
        }
      }
    }
  }
  for (const auto& json : mixed) {
    try {
      use(json);
    } catch (const sdk::Failure& failure) {
      EXPECT_TRUE(is_one_line(failure.what())) << failure.what();
    }
  }
}

}  // namespace
}  // namespace trellis::fuzz
