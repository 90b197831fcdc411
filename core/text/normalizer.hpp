/// The first step of a published tokenizer: rewriting the text. The kinds and their names are those
/// of Hugging Face's tokenizer.json.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "core/text/aligned_text.hpp"

namespace trellis::text {

/// Immutable, so any thread may use it.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(AlignedText& text) const = 0;
};

/// Null for JSON's null. Throws Error(bad_data) for a kind or setting that is not known, and
/// nlohmann::json::exception where something is missing.
std::unique_ptr<Normalizer> read_normalizer(const nlohmann::json& json);

/// What BERT's tokenizers do to text (Devlin et al. 2019).
struct BertNormalization {
  bool clean_text = true;            ///< control characters go, white space becomes a space
  bool handle_chinese_chars = true;  ///< spaces around each ideograph
  bool strip_accents = true;
  bool lowercase = true;
};
std::unique_ptr<Normalizer> make_bert_normalizer(const BertNormalization& settings);

std::unique_ptr<Normalizer> make_unicode_normalizer(const std::string& form);  ///< "NFC", ...

/// Lower-cases each code point by itself, so a sigma has no final form here.
std::unique_ptr<Normalizer> make_lowercase_normalizer();

}  // namespace trellis::text
