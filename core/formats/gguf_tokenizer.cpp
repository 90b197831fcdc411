#include "core/formats/gguf_tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace trellis::formats {
namespace {

using nlohmann::json;

// Types of tokens that stand for no text of their own.
constexpr int kUnknown = 2;
constexpr int kControl = 3;
constexpr int kUserDefined = 4;
constexpr const char* kSpace = "\xE2\x96\x81";
constexpr std::size_t kLongestToken = 512;  // bytes; of real ones none is near it

class Reader {
 public:
  Reader(const std::filesystem::path& path, const GgufFile& file) : path_(path), file_(file) {}

  json read() const {
    const std::string model = text("model");
    json tokenizer = {{"version", "1.0"}, {"added_tokens", added_tokens()}};
    if (model == "gpt2") {
      tokenizer["pre_tokenizer"] = pre_tokenizer();
      tokenizer["decoder"] = byte_level(true);
      tokenizer["model"] = {{"type", "BPE"}, {"vocab", vocabulary()}, {"merges", texts("merges")}};
    } else if (model == "llama") {
      add_sentencepiece_steps(tokenizer);
      tokenizer["model"] = sentencepiece_bpe();
    } else {
      refuse("model", model, "gpt2 (byte-level BPE), llama (SentencePiece's BPE)");
    }
    if (file_.metadata.contains("tokenizer.ggml.add_bos_token") && value("add_bos_token") == true)
      tokenizer["post_processor"] = begin_template();
    return tokenizer;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Fault::bad_data, fmt::format("{}: tokenizer: {}", path_.string(), what));
  }
  [[noreturn]] void refuse(std::string_view key, const std::string& found,
                           std::string_view known) const {
    fail(fmt::format("tokenizer.ggml.{} = \"{}\" is not supported; supported: {}", key, found,
                     known));
  }

  const json& value(const std::string& key) const {
    const auto found = file_.metadata.find("tokenizer.ggml." + key);
    if (found == file_.metadata.end()) fail("has no tokenizer.ggml." + key);
    return found->second;
  }
  std::string text(const std::string& key) const {
    const json& found = value(key);
    if (!found.is_string()) fail(fmt::format("tokenizer.ggml.{} is no text", key));
    return found.get<std::string>();
  }
  const json& texts(const std::string& key) const {
    const json& found = value(key);
    if (!found.is_array() || (!found.empty() && !found.front().is_string()))
      fail(fmt::format("tokenizer.ggml.{} is no list of texts", key));
    return found;
  }

  json added_tokens() const {
    const json& tokens = texts("tokens");
    const json& types = value("token_type");
    if (!types.is_array() || types.size() != tokens.size())
      fail("tokenizer.ggml.token_type has not one type for each token");
    json added = json::array();
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      if (!types[id].is_number_integer()) fail("tokenizer.ggml.token_type holds no numbers");
      const int type = types[id].get<int>();
      if (type != kUnknown && type != kControl && type != kUserDefined) continue;
      added.push_back({{"id", id},
                       {"content", tokens[id]},
                       {"normalized", false},
                       {"special", type != kUserDefined}});
    }
    return added;
  }

  static json byte_level(bool pattern) {
    return {{"type", "ByteLevel"},
            {"add_prefix_space", false},
            {"trim_offsets", true},
            {"use_regex", pattern}};
  }

  json pre_tokenizer() const {
    const std::string splitting =
        file_.metadata.contains("tokenizer.ggml.pre") ? text("pre") : "gpt-2";
    if (splitting == "gpt-2" || splitting == "default") return byte_level(true);
    if (splitting != "smollm") refuse("pre", splitting, "gpt-2, smollm");
    const json digits = {{"type", "Digits"}, {"individual_digits", true}};
    return {{"type", "Sequence"}, {"pretokenizers", json::array({digits, byte_level(true)})}};
  }

  json vocabulary() const {
    json vocabulary = json::object();
    const json& tokens = texts("tokens");
    for (std::size_t id = 0; id < tokens.size(); ++id)
      vocabulary[tokens[id].get_ref<const std::string&>()] = id;
    return vocabulary;
  }

  // Spaces are written as U+2581.
  void add_sentencepiece_steps(json& tokenizer) const {
    const json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpace}};
    const json back = {{"type", "Replace"}, {"pattern", {{"String", kSpace}}}, {"content", " "}};
    const json prepend = {{"type", "Prepend"}, {"prepend", kSpace}};
    const json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
    const json bytes = {{"type", "ByteFallback"}};
    const json fuse = {{"type", "Fuse"}};
    const auto found = file_.metadata.find("tokenizer.ggml.add_space_prefix");
    const bool prefix = found == file_.metadata.end() || found->second != false;
    json normalizers = json::array({replace});
    json decoders = json::array({back, bytes, fuse});
    if (prefix) {
      normalizers.insert(normalizers.begin(), prepend);
      decoders.push_back(strip);
    }
    tokenizer["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
    tokenizer["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  }

  // SentencePiece joins the neighbours that make the token of the highest score; so every way to
  // make a token of two others is a merge, and its rank that of the token's score.
  json sentencepiece_bpe() const {
    const json& tokens = texts("tokens");
    const json& scores = value("scores");
    const json& unknown = value("unknown_token_id");
    const auto is_number = [](const json& score) { return score.is_number(); };
    if (!scores.is_array() || scores.size() != tokens.size() ||
        !std::all_of(scores.begin(), scores.end(), is_number))
      fail("tokenizer.ggml.scores has not one score for each token");
    if (!unknown.is_number_unsigned() || unknown.get<std::uint64_t>() >= tokens.size())
      fail("tokenizer.ggml.unknown_token_id is no token of it");
    std::unordered_map<std::string_view, std::size_t> ids;
    for (std::size_t id = 0; id < tokens.size(); ++id)
      ids.emplace(tokens[id].get_ref<const std::string&>(), id);
    struct Merge {
      double score;
      std::size_t left;
      std::size_t right;
    };
    std::vector<Merge> merges;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      const std::string_view token = tokens[id].get_ref<const std::string&>();
      if (token.size() > kLongestToken) continue;
      for (std::size_t cut = 1; cut < token.size(); ++cut) {
        const auto left = ids.find(token.substr(0, cut));
        if (left == ids.end()) continue;
        const auto right = ids.find(token.substr(cut));
        if (right != ids.end())
          merges.push_back({scores[id].get<double>(), left->second, right->second});
      }
    }
    std::ranges::stable_sort(merges, std::greater<>(), &Merge::score);
    json list = json::array();
    for (const Merge& merge : merges)
      list.push_back(json::array({tokens[merge.left], tokens[merge.right]}));
    return {{"type", "BPE"},         {"vocab", vocabulary()},
            {"merges", list},        {"unk_token", tokens[unknown.get<std::size_t>()]},
            {"byte_fallback", true}, {"fuse_unk", true}};
  }

  json begin_template() const {
    const json& id = value("bos_token_id");
    const json& tokens = texts("tokens");
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= tokens.size())
      fail("tokenizer.ggml.bos_token_id is no token of it");
    const auto name = tokens[id.get<std::size_t>()].get<std::string>();
    const json begin = {{"SpecialToken", {{"id", name}, {"type_id", 0}}}};
    const json first = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
    const json second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
    const json added = {{"id", name}, {"ids", json::array({id})}, {"tokens", json::array({name})}};
    return {{"type", "TemplateProcessing"},
            {"single", json::array({begin, first})},
            {"pair", json::array({begin, first, second})},
            {"special_tokens", {{name, added}}}};
  }

  const std::filesystem::path& path_;
  const GgufFile& file_;
};

}  // namespace

json gguf_tokenizer(const std::filesystem::path& path, const GgufFile& file) {
  return Reader(path, file).read();
}

}  // namespace trellis::formats
