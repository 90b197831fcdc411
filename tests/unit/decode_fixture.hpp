/// What the tests of the decode loop share: plugins, runs that are collected, tables and strategies
/// made of functions.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/decode/generate.hpp"
#include "core/decode/random.hpp"
#include "core/decode/token_tree.hpp"
#include "core/plugin/settings.hpp"
#include "core/plugin/strategy.hpp"
#include "tests/abi/host.hpp"
#include "tests/unit/table_model.hpp"

namespace trellis::tests {

using nlohmann::json;

inline constexpr std::int32_t kEos = 1;

inline plugin::Registry& registry() {
  static plugin::Registry plugins({built_plugins()}, quiet_host());
  return plugins;
}

inline json settings_of(plugin::Kind kind, const std::string& id, const json& given) {
  return plugin::complete_settings(registry().get(kind, id).settings, given);
}

inline plugin::Strategy strategy(const std::string& id, const json& given = json::object()) {
  return plugin::Strategy::create(registry(), id, settings_of(plugin::Kind::strategy, id, given));
}

inline plugin::LogitsProcessor processor(const std::string& id, const json& given) {
  return plugin::LogitsProcessor::create(registry(), id,
                                         settings_of(plugin::Kind::logits_processor, id, given));
}

inline decode::Arm arm(plugin::Strategy chosen) {
  return {std::move(chosen), {}};
}

inline decode::Arm greedy() {
  return arm(strategy("greedy"));
}

/// Generations and failures by (prompt, sample).
struct Outcome {
  std::map<std::pair<std::size_t, std::uint32_t>, decode::Generation> generations;
  std::map<std::pair<std::size_t, std::uint32_t>, std::string> failures;
  decode::GenerateTotals totals;

  const decode::Generation& at(std::size_t prompt, std::uint32_t sample = 0) const {
    return generations.at({prompt, sample});
  }
  const std::string& text(std::size_t prompt, std::uint32_t sample = 0) const {
    return at(prompt, sample).text;
  }
};

inline decode::Prompt prompt_of(std::uint64_t example, std::string prefix, std::size_t limit,
                                std::vector<std::string> stop = {}) {
  decode::Prompt prompt;
  prompt.example = example;
  prompt.prefix = std::move(prefix);
  prompt.max_new_tokens = limit;
  prompt.stop = std::move(stop);
  return prompt;
}

struct RunOptions : decode::GenerateOptions {
  std::uint32_t samples = 1;  ///< per prompt, of an arm that is stochastic
  std::uint64_t seed = 0;
};

/// Runs to the end; every request must be answered once. One outcome an arm, each with the totals
/// of the whole. The clock ticks once a question.
inline std::vector<Outcome> run_arms(plugin::Model& model, std::span<const decode::Arm> arms,
                                     const std::vector<decode::Prompt>& prompts,
                                     std::span<const decode::SampleRequest> requests,
                                     const decode::GenerateOptions& options = {}) {
  std::vector<Outcome> outcomes(arms.size());
  const auto key_of = [&](std::size_t request) {
    return std::pair(requests[request].prompt, requests[request].sample);
  };
  decode::GenerateEvents events;
  events.on_generation = [&](decode::Generation generation) {
    auto& outcome = outcomes[requests[generation.request].arm];
    const auto key = key_of(generation.request);
    EXPECT_TRUE(outcome.generations.emplace(key, std::move(generation)).second);
  };
  events.on_failure = [&](const decode::GenerateFailure& failure) {
    auto& outcome = outcomes[requests[failure.request].arm];
    EXPECT_TRUE(outcome.failures.emplace(key_of(failure.request), failure.message).second);
  };
  double now = 0;
  const auto totals =
      decode::generate(model, arms, prompts, requests, options, events, [&] { return ++now; });
  for (auto& outcome : outcomes) outcome.totals = totals;
  return outcomes;
}

/// One sample of one arm on each prompt, with events of the test's own.
inline decode::GenerateTotals generate_with(plugin::Model& model, const decode::Arm& chosen,
                                            const std::vector<decode::Prompt>& prompts,
                                            const decode::GenerateEvents& events,
                                            const decode::Clock& clock) {
  const auto requests = decode::every_sample({&chosen, 1}, prompts.size(), 1, 0);
  return decode::generate(model, {&chosen, 1}, prompts, requests, {}, events, clock);
}

inline Outcome run(plugin::Model& model, const decode::Arm& chosen,
                   const std::vector<decode::Prompt>& prompts, const RunOptions& options = {}) {
  const auto requests =
      decode::every_sample({&chosen, 1}, prompts.size(), options.samples, options.seed);
  return run_arms(model, {&chosen, 1}, prompts, requests, options).front();
}

inline void expect_equal(const decode::TokenRecord& a, const decode::TokenRecord& b) {
  EXPECT_EQ(a.token, b.token);
  EXPECT_EQ(a.log_probability, b.log_probability);
  EXPECT_EQ(a.entropy, b.entropy);
  EXPECT_EQ(a.rank, b.rank);
  ASSERT_EQ(a.alternatives.size(), b.alternatives.size());
  for (std::size_t i = 0; i < a.alternatives.size(); ++i) {
    EXPECT_EQ(a.alternatives[i].token, b.alternatives[i].token);
    EXPECT_EQ(a.alternatives[i].log_probability, b.alternatives[i].log_probability);
  }
}

/// Bitwise the same text, tokens and records; scores and times are the strategy's affair.
inline void expect_same_output(const decode::Generation& a, const decode::Generation& b) {
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.finish, b.finish);
  ASSERT_EQ(a.tokens.size(), b.tokens.size());
  for (std::size_t i = 0; i < a.tokens.size(); ++i) expect_equal(a.tokens[i], b.tokens[i]);
}

// ---- tables -----------------------------------------------------------------------------------

/// Log of the given probabilities, by token text ("" is the end symbol); the others never occur.
inline std::vector<float> log_of(const std::vector<std::string>& texts,
                                 const std::map<std::string, double>& probabilities) {
  std::vector<float> logits(texts.size(), -INFINITY);
  for (std::size_t id = 1; id < texts.size(); ++id) {
    const auto found = probabilities.find(texts[id]);
    if (found != probabilities.end()) logits[id] = static_cast<float>(std::log(found->second));
  }
  return logits;
}

/// A Markov table: from the last letter ("" is the start) to probabilities of what follows.
using Markov = std::map<std::string, std::map<std::string, double>>;

inline TableSettings markov(std::size_t letter_count, Markov table) {
  TableSettings settings;
  settings.texts = letters(letter_count);
  settings.logits = [texts = settings.texts, table = std::move(table)](
                        const Tokens&, std::span<const std::int32_t> history) {
    return log_of(texts, table.at(texts[static_cast<std::size_t>(history.back())]));
  };
  return settings;
}

/// "abcdeabcde..." and nothing else.
inline TableSettings turning_letters() {
  return markov(5, {{"", {{"a", 1}}},
                    {"a", {{"b", 1}}},
                    {"b", {{"c", 1}}},
                    {"c", {{"d", 1}}},
                    {"d", {{"e", 1}}},
                    {"e", {{"a", 1}}}});
}

/// Logits that depend on the whole history, without rhyme or reason, but always the same.
inline TableSettings scrambled(std::size_t letter_count, float eos_bias = 0) {
  TableSettings settings;
  settings.texts = letters(letter_count);
  const std::size_t vocab_size = settings.texts.size();
  settings.logits = [vocab_size, eos_bias](const Tokens& encoder,
                                           std::span<const std::int32_t> history) {
    std::array<std::uint32_t, 4> hash = {static_cast<std::uint32_t>(encoder.size()), 0, 0, 0};
    for (const auto token : history) {
      hash[1] ^= static_cast<std::uint32_t>(token);
      hash = decode::philox4x32(hash, {1, 2});
    }
    std::vector<float> logits(vocab_size, -INFINITY);  // the start symbol never follows
    for (std::size_t id = 1; id < vocab_size; ++id) {
      const auto bits = decode::philox4x32(hash, {static_cast<std::uint32_t>(id), 3});
      logits[id] = static_cast<float>(bits[0]) * 0x1p-30F - 2.0F;  // in [-2, 2)
    }
    logits[kEos] += eos_bias;
    return logits;
  };
  return settings;
}

/// Always spells `tokens` after the prompt of one start symbol, then ends.
inline TableSettings spelling(std::vector<std::string> texts, Tokens tokens) {
  TableSettings settings;
  settings.texts = std::move(texts);
  settings.logits = [vocab_size = settings.texts.size(), tokens = std::move(tokens)](
                        const Tokens&, std::span<const std::int32_t> history) {
    std::vector<float> logits(vocab_size, 0);
    const std::size_t place = history.size() - 1;
    logits[static_cast<std::size_t>(place < tokens.size() ? tokens[place] : kEos)] = 5;
    return logits;
  };
  return settings;
}

// ---- strategies -------------------------------------------------------------------------------

using Advance = std::function<void(const trellis_view&, trellis_answer&)>;

/// A strategy whose searches are functions that `open` makes.
inline plugin::Strategy scripted(std::function<Advance()> open, plugin::StrategyNeeds needs = {}) {
  struct Box {
    trellis_strategy abi;
    std::function<Advance()> open;
  };
  struct SearchBox {
    trellis_search abi;
    Advance advance;
  };
  auto* box = new Box{{}, std::move(open)};
  box->abi = {sizeof(trellis_strategy), box,
              [](trellis_strategy* strategy) { delete static_cast<Box*>(strategy->self); },
              [](const trellis_strategy* strategy, trellis_search** search, trellis_error* error) {
                return sdk::guard(error, [&] {
                  auto opened = std::make_unique<SearchBox>();
                  opened->advance = static_cast<const Box*>(strategy->self)->open();
                  opened->abi = {sizeof(trellis_search), opened.get(),
                                 [](trellis_search* s) { delete static_cast<SearchBox*>(s->self); },
                                 [](trellis_search* s, const trellis_view* view,
                                    trellis_answer* answer, trellis_error* failure) {
                                   return sdk::guard(failure, [&] {
                                     static_cast<SearchBox*>(s->self)->advance(*view, *answer);
                                   });
                                 }};
                  *search = &opened.release()->abi;
                });
              }};
  return plugin::Strategy(&box->abi, needs);
}

/// Sends one move or, with a reason, one finish, whatever it holds; returns the host's answer.
inline std::string send(trellis_answer& answer, std::uint32_t parent, std::uint32_t row,
                        const Tokens& tokens, double score = 0,
                        std::optional<trellis_finish_reason> reason = std::nullopt,
                        std::uint32_t again = 0) {
  const trellis_move move{sizeof(trellis_move), parent, row,   tokens.data(),
                          tokens.size(),        score,  again, TRELLIS_READER_MODEL};
  trellis_error error{};
  error.struct_size = sizeof error;
  const auto status = reason ? answer.finish(answer.context, &move, *reason, &error)
                             : answer.move(answer.context, &move, &error);
  return status == TRELLIS_OK ? "" : error.message;
}

inline std::int32_t best_of(const trellis_view& view, std::size_t hypothesis, std::size_t row) {
  const float* scores = view.hypotheses[hypothesis].scores + row * view.vocab_size;
  return static_cast<std::int32_t>(std::max_element(scores, scores + view.vocab_size) - scores);
}

}  // namespace trellis::tests
