#include "core/text/decoder.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text/pattern.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

std::string joined(const std::vector<std::string>& tokens) {
  std::string text;
  for (const auto& token : tokens) text += token;
  return text;
}

class SequenceDecoder final : public Decoder {
 public:
  explicit SequenceDecoder(std::vector<std::unique_ptr<Decoder>> steps)
      : steps_(std::move(steps)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (const auto& step : steps_) step->apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<Decoder>> steps_;
};

class SpaceBetween final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 1; i < tokens.size(); ++i) tokens[i].insert(0, 1, ' ');
  }
};

class ByteLevel final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const auto& token : tokens) {
      if (!bytes_of_byte_level(token, bytes)) bytes += token;
    }
    tokens = {replace_invalid_utf8(bytes)};
  }
};

class ByteFallback final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    // As Hugging Face does it: one broken sequence breaks all bytes beside it.
    const auto end_bytes = [&] {
      if (!find_invalid_utf8(bytes)) {
        if (!bytes.empty()) out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), "\xEF\xBF\xBD");
      }
      bytes.clear();
    };
    for (auto& token : tokens) {
      const int byte = byte_of_token(token);
      if (byte >= 0) {
        bytes += static_cast<char>(byte);
        continue;
      }
      end_bytes();
      out.push_back(std::move(token));
    }
    end_bytes();
    tokens = std::move(out);
  }
};

class Fuse final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override { tokens = {joined(tokens)}; }
};

class StripDecoder final : public Decoder {
 public:
  StripDecoder(std::string content, std::size_t start, std::size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (auto& token : tokens) {
      std::string_view rest = token;
      for (std::size_t i = 0; i < start_ && rest.starts_with(content_); ++i) {
        rest.remove_prefix(content_.size());
      }
      for (std::size_t i = 0; i < stop_ && rest.ends_with(content_); ++i) {
        rest.remove_suffix(content_.size());
      }
      token = std::string(rest);
    }
  }

 private:
  std::string content_;
  std::size_t start_;
  std::size_t stop_;
};

class Replace final : public Decoder {
 public:
  Replace(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (auto& token : tokens) replace_all(token, from_, to_);
  }

 private:
  std::string from_;
  std::string to_;
};

class Metaspace final : public Decoder {
 public:
  Metaspace(std::string space, bool prepended) : space_(std::move(space)), prepended_(prepended) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      replace_all(tokens[i], space_, i == 0 && prepended_ ? "" : " ");
    }
  }

 private:
  std::string space_;
  bool prepended_;
};

class WordPiece final : public Decoder {
 public:
  WordPiece(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0 && !prefix_.empty() && token.starts_with(prefix_)) {
        token.erase(0, prefix_.size());
      } else if (i > 0) {
        token.insert(0, 1, ' ');
      }
      if (cleanup_) clean(token);
    }
  }

 private:
  static void clean(std::string& token) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kShorter = {
        {{" .", "."},
         {" ?", "?"},
         {" !", "!"},
         {" ,", ","},
         {" ' ", "'"},
         {" n't", "n't"},
         {" 'm", "'m"},
         {" do not", " don't"},
         {" 's", "'s"},
         {" 've", "'ve"},
         {" 're", "'re"}}};
    for (const auto& [from, to] : kShorter) replace_all(token, from, to);
  }

  std::string prefix_;
  bool cleanup_;
};

const std::array<char32_t, 256>& alphabet() {
  static const auto characters = [] {
    std::array<char32_t, 256> made{};
    char32_t next = 0x100;
    for (std::size_t byte = 0; byte < made.size(); ++byte) {
      const bool visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                           (byte >= 0xAE && byte <= 0xFF);
      made[byte] = visible ? static_cast<char32_t>(byte) : next++;
    }
    return made;
  }();
  return characters;
}

}  // namespace

bool bytes_of_byte_level(std::string_view token, std::string& bytes) {
  static const auto values = [] {
    std::array<std::int16_t, 0x144> made{};
    made.fill(-1);
    for (std::size_t byte = 0; byte < 256; ++byte) {
      made[alphabet()[byte]] = static_cast<std::int16_t>(byte);
    }
    return made;
  }();
  const std::size_t before = bytes.size();
  for (const char32_t character : to_code_points(token)) {
    if (character >= values.size() || values[character] < 0) {
      bytes.resize(before);
      return false;
    }
    bytes += static_cast<char>(values[character]);
  }
  return true;
}

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) append_utf8(alphabet()[static_cast<unsigned char>(byte)], text);
  return text;
}

int byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  return error == std::errc() && end == token.data() + 5 ? byte : -1;
}

std::unique_ptr<Decoder> read_decoder(const nlohmann::json& json) {
  if (json.is_null()) return std::make_unique<SpaceBetween>();
  const auto type = json.at("type").get<std::string>();
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Decoder>> steps;
    for (const auto& part : json.at("decoders")) steps.push_back(read_decoder(part));
    return std::make_unique<SequenceDecoder>(std::move(steps));
  }
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Strip") {
    auto content = json.at("content").get<std::string>();
    if (content.empty()) throw Error(Fault::bad_data, "tokenizer: a Strip decoder of nothing");
    return std::make_unique<StripDecoder>(std::move(content), json.at("start").get<std::size_t>(),
                                          json.at("stop").get<std::size_t>());
  }
  if (type == "Replace" && json.at("pattern").contains("String")) {
    auto from = json.at("pattern").at("String").get<std::string>();
    if (from.empty()) throw Error(Fault::bad_data, "tokenizer: a Replace decoder of nothing");
    return std::make_unique<Replace>(std::move(from), json.at("content").get<std::string>());
  }
  if (type == "Metaspace") {
    auto space = json.at("replacement").get<std::string>();
    if (space.empty()) throw Error(Fault::bad_data, "tokenizer: Metaspace without a replacement");
    const bool prepended = json.contains("prepend_scheme")
                               ? json.at("prepend_scheme").get<std::string>() != "never"
                               : json.value("add_prefix_space", true);
    return std::make_unique<Metaspace>(std::move(space), prepended);
  }
  if (type == "WordPiece") {
    return std::make_unique<WordPiece>(json.value("prefix", std::string("##")),
                                       json.value("cleanup", true));
  }
  throw Error(Fault::bad_data,
              fmt::format("tokenizer: unknown decoder \"{}\": known are Sequence, ByteLevel, "
                          "ByteFallback, Fuse, Strip, Replace (of text), Metaspace and WordPiece",
                          type));
}

}  // namespace trellis::text
