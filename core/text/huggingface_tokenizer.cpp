#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.hpp"
#include "core/text/bpe_model.hpp"
#include "core/text/json.hpp"
#include "core/text/pipeline_tokenizer.hpp"
#include "core/text/published_tokenizer.hpp"
#include "core/text/special_names.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

using Ids = std::unordered_map<std::string_view, std::int32_t>;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Fault::bad_data, "tokenizer: " + what);
}

/// Vocabularies number their tokens without large gaps; anything else would only waste memory.
void check_id(std::int64_t id, std::size_t count, const std::string& token) {
  if (id < 0 || static_cast<std::uint64_t>(id) > 2 * count + 65536) {
    refuse(fmt::format("the token \"{}\" has the impossible id {}", token, id));
  }
}

void set_name(std::vector<std::string>& names, std::int64_t id, std::size_t count,
              const std::string& token) {
  check_id(id, count, token);
  const auto place = static_cast<std::size_t>(id);
  if (names.size() <= place) names.resize(place + 1);
  if (!names[place].empty() && names[place] != token) {
    refuse(fmt::format("the id {} has two tokens, \"{}\" and \"{}\"", id, names[place], token));
  }
  names[place] = token;
}

std::vector<std::string> read_vocabulary(const nlohmann::json& vocabulary) {
  std::vector<std::string> names;
  if (!vocabulary.is_object()) refuse("its vocabulary is no table of tokens and ids");
  names.reserve(vocabulary.size());
  for (const auto& [token, id] : vocabulary.items()) {
    set_name(names, id.get<std::int64_t>(), vocabulary.size(), token);
  }
  return names;
}

std::vector<AddedToken> read_added(const nlohmann::json& json, std::vector<std::string>& names) {
  std::vector<AddedToken> added;
  if (!json.contains("added_tokens") || json.at("added_tokens").is_null()) return added;
  const auto& entries = json.at("added_tokens");
  const std::size_t count = names.size() + entries.size();
  for (const auto& entry : entries) {
    AddedToken token;
    token.content = entry.at("content").get<std::string>();
    const auto id = entry.at("id").get<std::int64_t>();
    set_name(names, id, count, token.content);
    token.id = static_cast<std::int32_t>(id);
    token.special = entry.value("special", false);
    token.single_word = entry.value("single_word", false);
    token.strip_left = entry.value("lstrip", false);
    token.strip_right = entry.value("rstrip", false);
    token.normalized = entry.value("normalized", !token.special);
    added.push_back(std::move(token));
  }
  return added;
}

Ids ids_of(const std::vector<std::string>& names) {
  Ids ids;
  ids.reserve(names.size());
  for (std::size_t id = 0; id < names.size(); ++id) {
    if (!names[id].empty()) ids.emplace(names[id], static_cast<std::int32_t>(id));
  }
  return ids;
}

std::int32_t id_of(const Ids& ids, const std::string& token, std::string_view what) {
  const auto found = ids.find(token);
  if (found == ids.end()) refuse(fmt::format("{} \"{}\" is not in its vocabulary", what, token));
  return found->second;
}

std::string text_or_empty(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? std::string() : found->get<std::string>();
}

std::pair<std::string, std::string> read_merge(const nlohmann::json& merge) {
  if (merge.is_array() && merge.size() == 2) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  const auto text = merge.get<std::string>();
  const auto space = text.find(' ');
  if (space == std::string::npos) refuse(fmt::format("the merge \"{}\" has one part", text));
  return {text.substr(0, space), text.substr(space + 1)};
}

std::unique_ptr<TokenModel> read_bpe(const nlohmann::json& json,
                                     const std::vector<std::string>& names, bool byte_level) {
  for (const char* const affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!text_or_empty(json, affix).empty()) {
      refuse(fmt::format("BPE with a {} is not supported", affix));
    }
  }
  if (json.contains("dropout") && json.at("dropout").is_number() &&
      json.at("dropout").get<double>() > 0) {
    refuse("BPE with dropout would not give the same tokens twice: set it to null");
  }
  const Ids ids = ids_of(names);
  BpeSettings settings;
  settings.bytes = byte_level;
  settings.ignore_merges = json.value("ignore_merges", false);
  settings.fuse_unknown = json.value("fuse_unk", false);
  const auto unknown = text_or_empty(json, "unk_token");
  if (!unknown.empty()) settings.unknown = id_of(ids, unknown, "the unknown token");
  if (json.value("byte_fallback", false)) settings.byte_tokens = find_byte_tokens(names);
  std::int32_t rank = 0;
  for (const auto& merge : json.at("merges")) {
    const auto [left, right] = read_merge(merge);
    settings.merges.push_back({id_of(ids, left, "a merge's part"),
                               id_of(ids, right, "a merge's part"),
                               id_of(ids, left + right, "what a merge makes,"), rank++});
  }
  settings.tokens.resize(names.size());
  for (std::size_t id = 0; id < names.size(); ++id) {
    if (!byte_level) {
      settings.tokens[id] = names[id];
    } else if (!bytes_of_byte_level(names[id], settings.tokens[id])) {
      settings.tokens[id].clear();
    }
  }
  return std::make_unique<BpeModel>(std::move(settings));
}

std::unique_ptr<TokenModel> read_word_piece(const nlohmann::json& json,
                                            const std::vector<std::string>& names) {
  WordPieceSettings settings;
  settings.tokens = names;
  settings.unknown =
      id_of(ids_of(names), json.value("unk_token", std::string("[UNK]")), "the unknown token");
  settings.continuing_prefix = json.value("continuing_subword_prefix", std::string("##"));
  settings.longest_word = json.value("max_input_chars_per_word", std::size_t{100});
  return make_word_piece_model(settings);
}

std::unique_ptr<TokenModel> read_unigram(const nlohmann::json& json,
                                         std::vector<std::string>& names) {
  UnigramSettings settings;
  for (const auto& entry : json.at("vocab")) {
    settings.tokens.push_back(entry.at(0).get<std::string>());
    settings.scores.push_back(entry.at(1).get<double>());
  }
  if (!json.contains("unk_id") || json.at("unk_id").is_null()) {
    refuse("Unigram without an unk_id is not supported");
  }
  settings.unknown = json.at("unk_id").get<std::int32_t>();
  if (settings.unknown < 0 ||
      static_cast<std::size_t>(settings.unknown) >= settings.tokens.size()) {
    refuse(fmt::format("the unk_id {} is outside its vocabulary", settings.unknown));
  }
  if (json.value("byte_fallback", false)) settings.byte_tokens = find_byte_tokens(settings.tokens);
  names = settings.tokens;
  return make_unigram_model(settings);
}

std::string model_type(const nlohmann::json& model) {
  if (model.contains("type")) return model.at("type").get<std::string>();
  // Files of the first versions do not name it.
  if (model.contains("merges")) return "BPE";
  return model.at("vocab").is_array() ? "Unigram" : "WordPiece";
}

std::vector<TemplatePart> read_template(const nlohmann::json& parts, const nlohmann::json& tokens) {
  std::vector<TemplatePart> out;
  for (const auto& entry : parts) {
    TemplatePart part;
    const bool text = entry.contains("Sequence");
    const auto& inner = entry.at(text ? "Sequence" : "SpecialToken");
    part.segment = inner.value("type_id", 0);
    const auto id = inner.at("id").get<std::string>();
    if (text) {
      part.text = id == "A" ? 0 : 1;
    } else {
      part.tokens = tokens.at(id).at("ids").get<std::vector<std::int32_t>>();
    }
    out.push_back(std::move(part));
  }
  return out;
}

void read_post_processor(const nlohmann::json& json, PostProcessing& post) {
  if (json.is_null()) return;
  const auto type = json.at("type").get<std::string>();
  if (type == "Sequence") {
    for (const auto& part : json.at("processors")) read_post_processor(part, post);
  } else if (type == "TemplateProcessing") {
    const auto tokens = json.value("special_tokens", nlohmann::json::object());
    post.single = read_template(json.at("single"), tokens);
    post.pair = read_template(json.at("pair"), tokens);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    const std::vector<std::int32_t> cls = {json.at("cls").at(1).get<std::int32_t>()};
    const std::vector<std::int32_t> sep = {json.at("sep").at(1).get<std::int32_t>()};
    const bool bert = type == "BertProcessing";
    const auto both = bert ? sep : std::vector<std::int32_t>{sep[0], sep[0]};
    const std::int32_t second = bert ? 1 : 0;
    post.single = {{-1, cls, 0}, {0, {}, 0}, {-1, sep, 0}};
    post.pair = {{-1, cls, 0}, {0, {}, 0}, {-1, both, 0}, {1, {}, second}, {-1, sep, second}};
    if (bert) return;
    post.trim_spaces = json.value("trim_offsets", true);
    post.keep_prefix_space = json.value("add_prefix_space", true);
  } else if (type == "ByteLevel") {
    post.trim_spaces = json.value("trim_offsets", true);
    post.keep_prefix_space = json.value("add_prefix_space", true);
  } else {
    refuse(
        fmt::format("unknown post-processor \"{}\": known are Sequence, TemplateProcessing, "
                    "BertProcessing, RobertaProcessing and ByteLevel",
                    type));
  }
}

void check_template(const std::vector<TemplatePart>& parts, std::size_t vocab_size) {
  for (const TemplatePart& part : parts) {
    for (const auto token : part.tokens) {
      if (token < 0 || static_cast<std::size_t>(token) >= vocab_size) {
        refuse(fmt::format("its post-processor adds the token {} of {}", token, vocab_size));
      }
    }
  }
}

std::unique_ptr<Tokenizer> build(const nlohmann::json& json,
                                 const std::function<std::string()>& source) {
  PipelineParts parts;
  parts.normalizer = read_normalizer(json.value("normalizer", nlohmann::json()));
  parts.pre_tokenizer = read_pre_tokenizer(json.value("pre_tokenizer", nlohmann::json()));
  const auto& model = json.at("model");
  const auto type = model_type(model);
  if (type != "BPE" && type != "WordPiece" && type != "Unigram") {
    refuse(fmt::format("unknown model \"{}\": known are BPE, WordPiece and Unigram", type));
  }
  if (type != "BPE" && parts.pre_tokenizer.byte_level) {
    refuse("the pre-tokenizer ByteLevel needs the model BPE");
  }
  if (type == "Unigram") {
    parts.model = read_unigram(model, parts.names);
  } else {
    parts.names = read_vocabulary(model.at("vocab"));
    parts.model = type == "BPE" ? read_bpe(model, parts.names, parts.pre_tokenizer.byte_level)
                                : read_word_piece(model, parts.names);
  }
  parts.added = read_added(json, parts.names);
  parts.decoder = read_decoder(json.value("decoder", nlohmann::json()));
  read_post_processor(json.value("post_processor", nlohmann::json()), parts.post);
  check_template(parts.post.single, parts.names.size());
  check_template(parts.post.pair, parts.names.size());
  parts.special = special_by_name(parts.names);
  parts.to_json = [source] {
    return nlohmann::json{{"kind", "huggingface"}, {"tokenizer", source()}};
  };
  return make_pipeline_tokenizer(std::move(parts));
}

/// Messages quote tokens, which may hold anything and be of any length.
std::string one_line(std::string_view message) {
  constexpr std::size_t kLongest = 400;
  std::string line;
  for (const auto character : split_code_points(message)) {
    if (line.size() > kLongest) return line + " ...";
    const auto first = static_cast<unsigned char>(character[0]);
    line += first < 0x20 ? fmt::format("\\x{:02X}", first) : std::string(character);
  }
  return line;
}

// Whatever is wrong becomes one line.
template <typename Build>
std::unique_ptr<Tokenizer> built(const Build& build_it) {
  try {
    return build_it();
  } catch (const nlohmann::json::exception& exception) {
    refuse(one_line(
        fmt::format("not a whole tokenizer.json: {}", replace_invalid_utf8(exception.what()))));
  } catch (const Error& error) {
    if (error.fault() != Fault::bad_data) throw;
    throw Error(Fault::bad_data, one_line(replace_invalid_utf8(error.what())));
  }
}

}  // namespace

std::unique_ptr<Tokenizer> read_huggingface_tokenizer(std::string_view json) {
  return built(
      [&] { return build(parse_json(json), [source = std::string(json)] { return source; }); });
}

std::unique_ptr<Tokenizer> build_huggingface_tokenizer(const nlohmann::json& json) {
  return built([&] { return build(json, [source = json.dump()] { return source; }); });
}

}  // namespace trellis::text
