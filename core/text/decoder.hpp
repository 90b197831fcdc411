/// The last step of a published tokenizer: tokens back to text. The kinds and their names are those
/// of Hugging Face's tokenizer.json.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::text {

/// Immutable, so any thread may use it.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Rewrites the tokens; joined they are the text. `bytes` and other tokens are as in the
  /// vocabulary.
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

/// For JSON's null tokens are joined by spaces. Throws Error(bad_data) for a kind or setting that
/// is not known, and nlohmann::json::exception where something is missing.
std::unique_ptr<Decoder> read_decoder(const nlohmann::json& json);

/// GPT-2's alphabet, in which each byte is a visible character (Radford et al. 2019): the bytes of
/// a token, or nothing for a token with other characters.
bool bytes_of_byte_level(std::string_view token, std::string& bytes);

/// What GPT-2's alphabet writes for these bytes.
std::string to_byte_level(std::string_view bytes);

/// The byte that a token such as "<0xE4>" stands for, or -1.
int byte_of_token(std::string_view token);

}  // namespace trellis::text
