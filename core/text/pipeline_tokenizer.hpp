/// A published tokenizer put together from its steps: added tokens, normalizer, pre-tokenizer,
/// model, special tokens around; and a decoder for the way back.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/text/added_tokens.hpp"
#include "core/text/decoder.hpp"
#include "core/text/normalizer.hpp"
#include "core/text/pre_tokenizer.hpp"
#include "core/text/token_model.hpp"
#include "core/text/tokenizer.hpp"

namespace trellis::text {

/// What stands around texts: special tokens, or (`text` 0 or 1) one of the texts.
struct TemplatePart {
  int text = -1;
  std::vector<std::int32_t> tokens;
  std::int32_t segment = 0;
};

struct PostProcessing {
  std::vector<TemplatePart> single = {{0, {}, 0}};
  std::vector<TemplatePart> pair;  ///< empty: knows of no pairs
  bool trim_spaces = false;        ///< ranges leave out the spaces at the ends of tokens
  bool keep_prefix_space = false;  ///< but not the one that was put before the text
};

struct PipelineParts {
  std::vector<std::string> names;  ///< tokens by id, as the vocabulary writes them; "" for gaps
  std::vector<AddedToken> added;
  std::unique_ptr<Normalizer> normalizer;  ///< may be null
  PreTokenizerParts pre_tokenizer;
  std::unique_ptr<TokenModel> model;
  std::unique_ptr<Decoder> decoder;
  PostProcessing post;
  SpecialTokens special;
  std::function<nlohmann::json()> to_json;
};

std::unique_ptr<Tokenizer> make_pipeline_tokenizer(PipelineParts parts);

}  // namespace trellis::text
