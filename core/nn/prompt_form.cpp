#include "core/nn/prompt_form.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.hpp"

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

bool holds(const Tokens& tokens, std::int32_t token) {
  return std::ranges::find(tokens, token) != tokens.end();
}

class MaskedForm final : public PromptForm {
 public:
  MaskedForm(std::string gap_mark, std::size_t limit)
      : gap_mark_(std::move(gap_mark)), limit_(limit) {}

  EncodedPrompt encode(const text::Tokenizer& tokenizer, std::string_view source,
                       std::string_view prefix) const override {
    const MaskedSymbols symbols = masked_symbols(tokenizer);
    std::string before(prefix);
    std::string_view behind;
    bool marked = true;
    if (const std::size_t gap = find_gap(source); gap != source.npos) {
      before.insert(0, source.substr(0, gap));
      behind = source.substr(gap + gap_mark_.size());
      source = {};
    } else if (const std::size_t place = find_gap(prefix); place != prefix.npos) {
      before.resize(place);
      behind = prefix.substr(place + gap_mark_.size());
    } else {
      marked = false;
    }
    Tokens left = before.empty() ? Tokens{} : tokenizer.encode(before);
    Tokens right = behind.empty() ? Tokens{} : tokenizer.encode(behind);
    if (!source.empty()) {
      Tokens read = tokenizer.encode(source);
      if (limit_ > 0) read.resize(std::min(read.size(), limit_));
      read.push_back(symbols.separator);
      left.insert(left.begin(), read.begin(), read.end());
    } else if (limit_ > 0) {
      keep_around_gap(left, right);
    }
    if (marked || !holds(left, symbols.mask)) left.push_back(symbols.mask);
    EncodedPrompt prompt;
    prompt.encoder.push_back(symbols.begin);
    append(prompt.encoder, left);
    append(prompt.encoder, right);
    prompt.encoder.push_back(symbols.end);
    prompt.decoder.push_back(symbols.mask);
    return prompt;
  }

  Tokens empty_source() const override { return {}; }

 private:
  std::size_t find_gap(std::string_view text) const {
    return gap_mark_.empty() ? text.npos : text.find(gap_mark_);
  }

  // Each side has half of the limit, and what the other does not need.
  void keep_around_gap(Tokens& left, Tokens& right) const {
    const std::size_t room = std::max(limit_ / 2, limit_ - std::min(limit_, right.size()));
    if (left.size() > room)
      left.erase(left.begin(), left.end() - static_cast<std::ptrdiff_t>(room));
    right.resize(std::min(right.size(), limit_ - left.size()));
  }

  std::string gap_mark_;
  std::size_t limit_;
};

}  // namespace

MaskedSymbols masked_symbols(const text::Tokenizer& tokenizer) {
  const text::SpecialTokens special = tokenizer.special_tokens();
  if (!special.mask && special.begin == text::kBegin && special.separator == text::kSeparator &&
      special.end == text::kEnd)
    return {text::kBegin, text::kSeparator, text::kEnd,
            static_cast<std::int32_t>(tokenizer.vocab_size())};
  if (!special.mask || !special.separator || !special.begin)
    throw Error(Fault::bad_data,
                "the tokenizer of a model of masked places must have the tokens "
                "[CLS], [SEP] and [MASK]; give the one that belongs to the model");
  return {*special.begin, *special.separator, *special.separator, *special.mask};
}

std::unique_ptr<PromptForm> masked_form(std::string gap_mark, std::size_t limit) {
  return std::make_unique<MaskedForm>(std::move(gap_mark), limit);
}

std::unique_ptr<PromptForm> trained_form(bool encoder_decoder, std::size_t source_limit) {
  return std::make_unique<TrainedForm>(encoder_decoder, source_limit);
}

std::unique_ptr<PromptForm> published_form(const PublishedFormOptions& options) {
  return std::make_unique<PublishedForm>(options);
}

}  // namespace trellis::nn
