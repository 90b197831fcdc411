#include "core/text/sentencepiece_tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.hpp"
#include "core/text/decoder.hpp"
#include "core/text/json.hpp"
#include "core/text/lines.hpp"
#include "core/text/sentencepiece_model.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(SentencePieceFiles files)
      : files_(std::move(files)), encoder_(read_sentencepiece(files_.model)) {
    if (!files_.decoding_model.empty())
      own_decoder_.emplace(read_sentencepiece(files_.decoding_model));
    if (files_.vocabulary.empty()) {
      for (const SentencePiece& piece : encoder_.specification().pieces)
        names_.push_back(piece.text);
    } else {
      read_vocabulary();
    }
    for (std::size_t id = 0; id < names_.size(); ++id)
      if (!names_[id].empty()) ids_.emplace(names_[id], static_cast<std::int32_t>(id));
    const auto& specification = encoder_.specification();
    special_.unknown = id_of(specification.pieces[index(encoder_.unknown())].text);
    special_.begin = id_of(specification.begin_name);
    special_.end = id_of(specification.end_name);
    special_.pad = id_of(specification.pad_name);
    for (const SentencePiece& piece : specification.pieces)
      token_of_piece_.push_back(id_of(piece.text).value_or(special_.unknown.value_or(0)));
    if (files_.add_begin && !special_.begin) refuse("it has no begin symbol to add");
    if (files_.add_end && !special_.end) refuse("it has no end symbol to add");
  }

  std::size_t vocab_size() const override { return names_.size(); }

  std::vector<std::int32_t> encode(std::string_view text,
                                   const EncodeOptions& options) const override {
    return encode_with_ranges(text, options).tokens;
  }

  Encoding encode_with_ranges(std::string_view text, const EncodeOptions& options) const override {
    check_length(text);
    const RewrittenText rewritten = encoder_.rewrite(text);
    Encoding out;
    const auto add = [&](std::int32_t token, std::uint32_t begin, std::uint32_t end) {
      out.tokens.push_back(token);
      out.ranges.push_back({begin, end});
    };
    const bool around = options.add_special_tokens;
    if (around && files_.add_begin) add(*special_.begin, 0, 0);
    bool after_unknown = false;
    for (const Segment& segment : encoder_.segment(rewritten.text)) {
      const std::uint32_t begin = rewritten.origin[segment.begin];
      const std::uint32_t end = rewritten.origin[segment.end];
      const bool unknown = segment.piece == encoder_.unknown();
      if (unknown && encoder_.specification().byte_fallback) {
        for (std::uint32_t i = segment.begin; i < segment.end; ++i) {
          const auto byte = static_cast<unsigned char>(rewritten.text[i]);
          add(token_of_piece_[index(encoder_.byte_pieces()[byte])], begin,
              i + 1 == segment.end ? end : begin);
        }
      } else if (unknown && after_unknown) {
        out.ranges.back().end = end;
      } else {
        add(token_of_piece_[index(segment.piece)], begin, end);
      }
      after_unknown = unknown;
    }
    const auto whole = static_cast<std::uint32_t>(text.size());
    if (around && files_.add_end) add(*special_.end, whole, whole);
    return out;
  }

  std::string decode(std::span<const std::int32_t> tokens, bool special) const override {
    const SentencePieceSpecification& rules = decoder().specification();
    const bool strips = rules.add_space || rules.remove_extra_spaces;
    std::string text;
    bool at_begin = true;
    std::string bytes;  // of pieces of bytes in a row
    const auto put_bytes = [&] {
      text += replace_broken_bytes(bytes);
      bytes.clear();
    };
    for (const std::int32_t token : tokens) {
      if (!exists(token)) continue;
      const std::string& name = names_[index(token)];
      const PieceType type = type_of(name);
      if (type == PieceType::byte) {
        bytes += static_cast<char>(byte_of_token(name));
        continue;
      }
      put_bytes();
      if (!text.empty()) at_begin = false;
      if (is_special(token)) {
        if (special) text += name;
      } else if (type == PieceType::unknown) {
        text += rules.unknown_text;
      } else {
        std::string_view piece = name;
        if (at_begin && strips && piece.starts_with(kSpaceMark)) {
          piece.remove_prefix(kSpaceMark.size());
          at_begin = rules.remove_extra_spaces;  // then all that follow, too
        }
        text += with_spaces(piece);
      }
    }
    put_bytes();
    return text;
  }

  std::string token_text(std::int32_t token) const override {
    if (!exists(token)) return fmt::format("<{}>", token);
    return with_spaces(names_[index(token)]);
  }

  std::string token_bytes(std::int32_t token) const override {
    if (!exists(token) || is_special(token)) return {};
    const std::string& name = names_[index(token)];
    switch (type_of(name)) {
      case PieceType::byte:
        return {static_cast<char>(byte_of_token(name))};
      case PieceType::unknown:
        return decoder().specification().unknown_text;
      default:
        return with_spaces(name);
    }
  }

  SpecialTokens special_tokens() const override { return special_; }

  bool is_special(std::int32_t token) const override {
    if (!exists(token)) return false;
    const bool of_marian =
        !files_.vocabulary.empty() && (token == special_.unknown || token == special_.pad);
    return of_marian || type_of(names_[index(token)]) == PieceType::control;
  }

  std::optional<std::int32_t> find_token(std::string_view name) const override {
    return id_of(name);
  }

  json to_json() const override {
    return {{"kind", "sentencepiece"},
            {"model", to_base64(files_.model)},
            {"decoding_model", to_base64(files_.decoding_model)},
            {"vocabulary", files_.vocabulary},
            {"add_begin", files_.add_begin},
            {"add_end", files_.add_end}};
  }

 private:
  [[noreturn]] static void refuse(const std::string& what) {
    throw Error(Fault::bad_data, "tokenizer: " + what);
  }

  static std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }

  bool exists(std::int32_t token) const {
    return token >= 0 && index(token) < names_.size() && !names_[index(token)].empty();
  }

  std::optional<std::int32_t> id_of(std::string_view name) const {
    const auto found = ids_.find(name);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }

  const SentencePieceModel& decoder() const { return own_decoder_ ? *own_decoder_ : encoder_; }

  PieceType type_of(std::string_view name) const {
    const auto piece = decoder().find(name);
    return piece ? decoder().specification().pieces[index(*piece)].type : PieceType::normal;
  }

  static std::string with_spaces(std::string_view piece) {
    std::string text(piece);
    replace_all(text, kSpaceMark, " ");
    return text;
  }

  // Each byte that is no character becomes one U+FFFD.
  static std::string replace_broken_bytes(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
      const std::size_t valid = find_invalid_utf8(bytes).value_or(bytes.size());
      text += bytes.substr(0, valid);
      bytes.remove_prefix(valid);
      if (bytes.empty()) break;
      text += "\xEF\xBF\xBD";
      bytes.remove_prefix(1);
    }
    return text;
  }

  void read_vocabulary() {
    const json table = json::parse(files_.vocabulary, nullptr, false);
    if (!table.is_object() || table.empty()) refuse("vocab.json is no table of pieces and ids");
    for (const auto& [name, id] : table.items()) {
      // Ids without large gaps; anything else would only waste memory.
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() > 2 * table.size() + 65536)
        refuse(fmt::format("vocab.json gives the piece \"{}\" an impossible id", name));
      const auto place = id.get<std::size_t>();
      if (names_.size() <= place) names_.resize(place + 1);
      names_[place] = name;
    }
  }

  SentencePieceFiles files_;
  SentencePieceModel encoder_;
  std::optional<SentencePieceModel> own_decoder_;
  std::vector<std::string> names_;  // by id; "" for gaps
  std::unordered_map<std::string_view, std::int32_t> ids_;
  std::vector<std::int32_t> token_of_piece_;
  SpecialTokens special_;
};

void read_surroundings(const fs::path& folder, SentencePieceFiles& files) {
  files.add_end = !files.vocabulary.empty() || fs::exists(folder / "spiece.model");
  const fs::path path = folder / "tokenizer_config.json";
  if (!fs::exists(path)) return;
  const json config = json::parse(read_text(path), nullptr, false);
  if (!config.is_object()) throw Error(Fault::bad_data, path.string() + ": is no JSON object");
  const json kind = config.value("tokenizer_class", json());
  const bool llama = kind.is_string() && kind.get<std::string>().starts_with("Llama");
  const auto flag = [&](const char* key, bool otherwise) {
    const json value = config.value(key, json());
    return value.is_boolean() ? value.get<bool>() : otherwise;
  };
  files.add_begin = flag("add_bos_token", llama);
  files.add_end = flag("add_eos_token", files.add_end);
}

}  // namespace

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(SentencePieceFiles files) {
  return std::make_unique<SentencePieceTokenizer>(std::move(files));
}

std::unique_ptr<Tokenizer> sentencepiece_from_json(const json& json) {
  return make_sentencepiece_tokenizer({from_base64(json.at("model").get<std::string>()),
                                       from_base64(json.at("decoding_model").get<std::string>()),
                                       json.at("vocabulary").get<std::string>(),
                                       json.at("add_begin").get<bool>(),
                                       json.at("add_end").get<bool>()});
}

std::optional<SentencePieceFiles> find_sentencepiece_files(const fs::path& folder) {
  SentencePieceFiles files;
  const auto exists = [&](const char* name) { return fs::exists(folder / name); };
  if (exists("source.spm") && exists("target.spm") && exists("vocab.json")) {
    files.model = read_bytes(folder / "source.spm");
    files.decoding_model = read_bytes(folder / "target.spm");
    files.vocabulary = read_text(folder / "vocab.json");
  } else {
    for (const char* name : {"spiece.model", "tokenizer.model", "spm.model"}) {
      if (files.model.empty() && exists(name)) files.model = read_bytes(folder / name);
    }
    if (files.model.empty()) return std::nullopt;
  }
  read_surroundings(folder, files);
  return files;
}

}  // namespace trellis::text
