#include "core/nn/prompt_form.hpp"

#include <algorithm>
#include <string>

namespace trellis::nn {
namespace {

using Tokens = std::vector<std::int32_t>;

void append(Tokens& tokens, const Tokens& more) {
  tokens.insert(tokens.end(), more.begin(), more.end());
}

class TrainedForm final : public PromptForm {
 public:
  TrainedForm(bool encoder_decoder, std::size_t source_limit)
      : encoder_decoder_(encoder_decoder), source_limit_(source_limit) {
    begin = text::kBegin;
    ends = {text::kEnd};
  }

  EncodedPrompt encode(const text::Tokenizer& tokenizer, std::string_view source,
                       std::string_view prefix) const override {
    EncodedPrompt prompt;
    Tokens read;
    if (!source.empty()) read = tokenizer.encode(source);
    prompt.decoder.push_back(text::kBegin);
    if (encoder_decoder_) {
      read.resize(std::min(read.size(), source_limit_ - 1));
      read.push_back(text::kEnd);
      prompt.encoder = std::move(read);
    } else if (!read.empty()) {
      read.resize(std::min(read.size(), source_limit_));
      append(prompt.decoder, read);
      prompt.decoder.push_back(text::kSeparator);
    }
    if (!prefix.empty()) append(prompt.decoder, tokenizer.encode(prefix));
    return prompt;
  }

  Tokens empty_source() const override { return {text::kEnd}; }

 private:
  bool encoder_decoder_;
  std::size_t source_limit_;
};

// What a tokenizer puts before every text.
Tokens leading_tokens(const text::Tokenizer& tokenizer) {
  const Tokens plain = tokenizer.encode("a");
  Tokens around = tokenizer.encode("a", {.add_special_tokens = true});
  around.erase(std::search(around.begin(), around.end(), plain.begin(), plain.end()), around.end());
  return around;
}

class PublishedForm final : public PromptForm {
 public:
  explicit PublishedForm(const PublishedFormOptions& options)
      : encoder_decoder_(options.encoder_decoder) {
    begin = options.begin;
    ends = options.ends;
  }

  EncodedPrompt encode(const text::Tokenizer& tokenizer, std::string_view source,
                       std::string_view prefix) const override {
    EncodedPrompt prompt;
    if (encoder_decoder_) {
      prompt.encoder = tokenizer.encode(source, {.add_special_tokens = true});
      if (begin) prompt.decoder.push_back(*begin);
      if (!prefix.empty()) append(prompt.decoder, tokenizer.encode(prefix));
    } else {
      const Tokens before = leading_tokens(tokenizer);
      const std::string all = std::string(source) + std::string(prefix);
      if (!all.empty()) prompt.decoder = tokenizer.encode(all);
      // A chat template may have written them already.
      const auto shared = std::ranges::mismatch(before, prompt.decoder).in1;
      if (shared != before.end())
        prompt.decoder.insert(prompt.decoder.begin(), before.begin(), before.end());
    }
    // A model that was trained without a start symbol takes the end of the text before for one.
    if (prompt.decoder.empty() && begin) prompt.decoder.push_back(*begin);
    if (prompt.decoder.empty() && !ends.empty()) prompt.decoder.push_back(ends.front());
    return prompt;
  }

  Tokens empty_source() const override { return ends.empty() ? Tokens{} : Tokens{ends.front()}; }

 private:
  bool encoder_decoder_;
};

}  // namespace

std::unique_ptr<PromptForm> trained_form(bool encoder_decoder, std::size_t source_limit) {
  return std::make_unique<TrainedForm>(encoder_decoder, source_limit);
}

std::unique_ptr<PromptForm> published_form(const PublishedFormOptions& options) {
  return std::make_unique<PublishedForm>(options);
}

}  // namespace trellis::nn
