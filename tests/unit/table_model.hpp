/// A tiny exact model for tests: the logits of the next token are any function of the tokens before
/// it. It counts what the host asks of it. Used through the real ABI.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/plugin/model.hpp"
#include "core/text/unicode.hpp"
#include "trellis/sdk/model.hpp"

namespace trellis::tests {

/// What was asked of a model. Outlives it.
struct TableCounts {
  std::size_t fed_tokens = 0;
  std::size_t feeds = 0;
  std::size_t opened = 0;
  std::size_t forked = 0;
  std::size_t live = 0;      ///< states not yet freed
  std::size_t max_live = 0;  ///< the most at one time
  std::size_t max_rows = 0;  ///< the most rows of logits in one feed
  std::size_t max_items = 0;
  std::size_t max_tokens = 0;  ///< the most tokens in one feed of several states
};

using Tokens = std::vector<std::int32_t>;

struct TableSettings {
  /// Text (bytes) of every token id. Empty: a special symbol.
  std::vector<std::string> texts;
  std::int32_t bos = 0;
  std::vector<std::int32_t> eos = {1};
  std::optional<std::size_t> max_context;
  bool encoder_decoder = false;
  std::size_t hidden_size = 1;  ///< or 0; the vector is the number of tokens read
  sdk::Json state_bytes = {};   ///< as in the description; null: absent
  /// Encoder tokens and all decoder tokens, the start symbol included, to [vocab] logits.
  std::function<std::vector<float>(const Tokens& encoder, std::span<const std::int32_t> history)>
      logits;
};

/// Ids: 0 start, 1 end, 2.. "a", "b" ...
inline std::vector<std::string> letters(std::size_t count) {
  std::vector<std::string> texts = {"", ""};
  for (std::size_t i = 0; i < count; ++i) texts.emplace_back(1, static_cast<char>('a' + i));
  return texts;
}

class TableModel : public sdk::Model {
 public:
  TableModel(TableSettings settings, std::shared_ptr<TableCounts> counts)
      : settings_(std::move(settings)), counts_(std::move(counts)) {}

  sdk::Json describe() const override {
    sdk::Json description = {
        {"vocab_size", settings_.texts.size()},
        {"hidden_size", settings_.hidden_size},
        {"parameters", 0},
        {"max_context",
         settings_.max_context ? sdk::Json(*settings_.max_context) : sdk::Json(nullptr)},
        {"bos", settings_.bos},
        {"eos", settings_.eos},
        {"encoder_decoder", settings_.encoder_decoder},
        {"weights_hash", ""},
        {"tokenizer", {{"kind", "table"}}},
        {"specification", sdk::Json::object()}};
    if (!settings_.state_bytes.is_null()) description["state_bytes"] = settings_.state_bytes;
    return description;
  }

  sdk::PromptTokens encode_prompt(std::string_view source, std::string_view prefix) const override {
    sdk::PromptTokens tokens;
    tokens.decoder.push_back(settings_.bos);
    append(settings_.encoder_decoder ? tokens.encoder : tokens.decoder, source);
    append(tokens.decoder, prefix);
    return tokens;
  }

  std::vector<std::int32_t> encode(std::string_view text) const override {
    Tokens tokens;
    append(tokens, text);
    return tokens;
  }

  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::string bytes;
    for (const auto token : tokens) bytes += settings_.texts.at(static_cast<std::size_t>(token));
    return text::replace_invalid_utf8(bytes);
  }

  std::string token_text(std::int32_t token) const override { return decode({&token, 1}); }

  std::unique_ptr<sdk::State> open_state(std::span<const std::int32_t> encoder_tokens) override {
    ++counts_->opened;
    return std::make_unique<History>(counts_, Tokens(encoder_tokens.begin(), encoder_tokens.end()),
                                     Tokens());
  }

  std::unique_ptr<sdk::State> fork_state(const sdk::State& state) override {
    ++counts_->forked;
    const auto& history = static_cast<const History&>(state);
    return std::make_unique<History>(counts_, history.encoder, history.tokens);
  }

  void feed(std::span<trellis_feed_item> items) override {
    ++counts_->feeds;
    std::size_t rows = 0;
    std::size_t tokens = 0;
    std::set<const trellis_state*> distinct;
    for (auto& item : items) {
      EXPECT_TRUE(distinct.insert(item.state).second) << "one state twice in a feed";
      EXPECT_GE(item.token_count, 1U);
      EXPECT_LE(item.row_count, item.token_count);
      rows += item.row_count;
      tokens += item.token_count;
      feed_one(item);
    }
    counts_->max_rows = std::max(counts_->max_rows, rows);
    counts_->max_items = std::max(counts_->max_items, items.size());
    if (items.size() > 1) counts_->max_tokens = std::max(counts_->max_tokens, tokens);
  }

 private:
  struct History final : sdk::State {
    History(std::shared_ptr<TableCounts> shared, Tokens encoder_tokens, Tokens decoder_tokens)
        : counts(std::move(shared)),
          encoder(std::move(encoder_tokens)),
          tokens(std::move(decoder_tokens)) {
      counts->max_live = std::max(counts->max_live, ++counts->live);
    }
    ~History() override { --counts->live; }
    History(const History&) = delete;
    History& operator=(const History&) = delete;

    std::shared_ptr<TableCounts> counts;
    Tokens encoder;
    Tokens tokens;
  };

  void append(Tokens& tokens, std::string_view text) const {
    while (!text.empty()) {
      std::size_t best = 0;
      for (std::size_t id = 0; id < settings_.texts.size(); ++id) {
        const auto& candidate = settings_.texts[id];
        if (text.starts_with(candidate) && candidate.size() > settings_.texts[best].size()) {
          best = id;
        }
      }
      if (settings_.texts[best].empty()) {
        throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, "no token for this text");
      }
      tokens.push_back(static_cast<std::int32_t>(best));
      text.remove_prefix(settings_.texts[best].size());
    }
  }

  void feed_one(trellis_feed_item& item) {
    auto& state = sdk::state_of<History>(item);
    const std::size_t vocab_size = settings_.texts.size();
    for (std::size_t i = 0; i < item.token_count; ++i) {
      state.tokens.push_back(item.tokens[i]);
      ++counts_->fed_tokens;
      if (item.token_count - i > item.row_count) continue;
      const std::size_t row = i - (item.token_count - item.row_count);
      const auto logits = settings_.logits(state.encoder, state.tokens);
      ASSERT_EQ(logits.size(), vocab_size);
      if (item.logits != nullptr) {
        std::copy(logits.begin(), logits.end(), item.logits + row * vocab_size);
      }
      if (item.hidden != nullptr) item.hidden[row] = static_cast<float>(state.tokens.size());
    }
  }

  TableSettings settings_;
  std::shared_ptr<TableCounts> counts_;
};

/// A table model behind the ABI, with its counts.
struct Table {
  explicit Table(const TableSettings& settings)
      : counts(std::make_shared<TableCounts>()),
        model(sdk::detail::wrap(std::make_unique<TableModel>(settings, counts))) {}

  std::shared_ptr<TableCounts> counts;
  plugin::Model model;
};

}  // namespace trellis::tests
