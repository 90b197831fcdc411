/// Searches on the reference's networks: its tokens, one by one, and its scores.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "core/decode/generate.hpp"
#include "core/plugin/settings.hpp"
#include "tests/abi/host.hpp"
#include "tests/golden/nn_golden.hpp"
#include "trellis/sdk/model.hpp"

namespace trellis {
namespace {

using nlohmann::json;
using Tokens = std::vector<std::int32_t>;

struct State final : sdk::State {
  std::unique_ptr<nn::NetworkState> network;
};

// A reference's network whose texts are the numbers of its tokens.
class NumbersModel final : public sdk::Model {
 public:
  NumbersModel(std::unique_ptr<nn::Network> network, const json& config, Tokens eos)
      : network_(std::move(network)), config_(config), eos_(std::move(eos)) {
    network_->parameters.freeze();
  }

  sdk::Json describe() const override {
    return {{"vocab_size", config_.at("vocab_size")},
            {"hidden_size", network_->hidden_size()},
            {"parameters", network_->parameters.count()},
            {"max_context", nullptr},
            {"bos", 1},
            {"eos", eos_},
            {"encoder_decoder", config_.at("model_type") == "rnn_seq2seq" ||
                                    config_.value("is_encoder_decoder", false)},
            {"weights_hash", ""},
            {"tokenizer", {{"kind", "numbers"}}},
            {"specification", sdk::Json::object()}};
  }
  sdk::PromptTokens encode_prompt(std::string_view source, std::string_view prefix) const override {
    return {encode(source), encode(prefix)};
  }
  Tokens encode(std::string_view text) const override {
    std::istringstream numbers{std::string(text)};
    return {std::istream_iterator<std::int32_t>(numbers), {}};
  }
  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::string text;
    for (const auto token : tokens) text += token_text(token);
    return text;
  }
  std::string token_text(std::int32_t token) const override { return std::to_string(token) + " "; }

  std::unique_ptr<sdk::State> open_state(std::span<const std::int32_t> encoder) override {
    const c10::InferenceMode inference;
    return wrap(network_->open(encoder));
  }
  std::unique_ptr<sdk::State> fork_state(const sdk::State& state) override {
    return wrap(static_cast<const State&>(state).network->fork());
  }
  void feed(std::span<trellis_feed_item> items) override {
    const c10::InferenceMode inference;
    std::vector<nn::FeedRequest> requests;
    for (const auto& item : items) {
      requests.push_back({sdk::state_of<State>(item).network.get(),
                          {item.tokens, item.token_count},
                          item.logits,
                          item.hidden,
                          item.row_count});
    }
    nn::feed_rows(*network_, requests);
  }

 private:
  static std::unique_ptr<sdk::State> wrap(std::unique_ptr<nn::NetworkState> network) {
    auto state = std::make_unique<State>();
    state->network = std::move(network);
    return state;
  }

  std::unique_ptr<nn::Network> network_;
  json config_;
  Tokens eos_;
};

plugin::Registry& registry() {
  static plugin::Registry plugins({tests::built_plugins()}, tests::quiet_host());
  return plugins;
}

plugin::LogitsProcessor processor(const std::string& id, const json& given) {
  const auto& schema = registry().get(plugin::Kind::logits_processor, id).settings;
  return plugin::LogitsProcessor::create(registry(), id, plugin::complete_settings(schema, given));
}

plugin::Strategy strategy(const std::string& id, const json& given) {
  const auto& schema = registry().get(plugin::Kind::strategy, id).settings;
  return plugin::Strategy::create(registry(), id, plugin::complete_settings(schema, given));
}

// The reference's name and value of early stopping is no, yes or "never".
json early_stopping(const json& value) {
  if (value.is_string()) return value;
  return value.get<bool>() ? "first" : "heuristic";
}

plugin::Strategy strategy_of(const std::string& kind, const json& args) {
  json settings = json::object();
  const auto take = [&](const char* theirs, const char* ours) {
    if (args.contains(theirs)) settings[ours] = args.at(theirs);
  };
  if (kind == "greedy") return strategy("greedy", settings);
  if (kind == "prompt_lookup") {
    take("prompt_lookup_num_tokens", "num_tokens");
    return strategy("prompt_lookup", settings);
  }
  if (kind == "contrastive") {
    take("penalty_alpha", "alpha");
    take("top_k", "k");
    return strategy("contrastive", settings);
  }
  take("num_beams", "num_beams");
  take("length_penalty", "length_penalty");
  if (args.contains("early_stopping")) {
    settings["early_stopping"] = early_stopping(args["early_stopping"]);
  }
  if (kind == "beam") return strategy("beam", settings);
  take("num_beam_groups", "num_beam_groups");
  take("diversity_penalty", "diversity_penalty");
  return strategy("group_beam", settings);
}

decode::Arm arm_of(const std::string& kind, const json& args) {
  decode::Arm arm{strategy_of(kind, args), {}};
  const auto add = [&](const char* theirs, const char* id, const char* setting) {
    if (args.contains(theirs)) arm.processors.push_back(processor(id, {{setting, args[theirs]}}));
  };
  add("repetition_penalty", "repetition_penalty", "penalty");
  add("no_repeat_ngram_size", "no_repeat_ngram", "n");
  add("min_new_tokens", "min_new_tokens", "tokens");
  add("suppress_tokens", "banned_tokens", "tokens");
  if (args.contains("forced_eos_token_id")) {
    arm.processors.push_back(processor("forced_eos", json::object()));
  }
  for (const auto& word : args.value("bad_words_ids", json::array())) {
    arm.processors.push_back(processor("banned_tokens", {{"tokens", word}}));
  }
  return arm;
}

std::string spaced(const json& ids) {
  std::string text;
  for (const auto& id : ids) text += id.dump() + " ";
  return text;
}

Tokens eos_of(const json& args) {
  const auto& eos = args.at("eos_token_id");
  if (eos.is_null()) return {};
  return eos.is_array() ? eos.get<Tokens>() : Tokens{eos.get<std::int32_t>()};
}

// The prompts of a case, without padding.
std::vector<json> prompts_of(const json& figure) {
  const auto& prompt = figure.at("prompt");
  if (!prompt.is_object()) return {prompt};
  const auto& rows = prompt.at("input_ids");
  if (!prompt.contains("attention_mask")) return rows.get<std::vector<json>>();
  std::vector<json> prompts;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    json ids = json::array();
    for (std::size_t i = 0; i < rows[row].size(); ++i) {
      if (prompt.at("attention_mask")[row][i] != 0) ids.push_back(rows[row][i]);
    }
    prompts.push_back(std::move(ids));
  }
  return prompts;
}

// What was generated, up to its end symbol; the reference pads.
Tokens generated(const json& sequence, std::size_t prompt, const Tokens& eos) {
  Tokens tokens;
  for (std::size_t i = prompt; i < sequence.size(); ++i) {
    tokens.push_back(sequence[i].get<std::int32_t>());
    if (std::find(eos.begin(), eos.end(), tokens.back()) != eos.end()) break;
  }
  return tokens;
}

decode::Generation search(plugin::Model& model, const decode::Arm& arm, const json& figure,
                          const json& prompt, std::size_t limit, std::size_t runners_up) {
  decode::Prompt asked;
  if (figure.contains("source_ids")) asked.source = spaced(figure["source_ids"]);
  asked.prefix = spaced(prompt);
  if (figure.contains("decoder_start")) {  // a published encoder-decoder: the encoder reads it
    asked.source = asked.prefix;
    asked.prefix = spaced(figure["decoder_start"]);
  }
  asked.max_new_tokens = limit;
  decode::GenerateOptions options;
  options.runners_up = runners_up;
  decode::Generation result;
  decode::GenerateEvents events;
  events.on_generation = [&](decode::Generation generation) { result = std::move(generation); };
  events.on_failure = [](const decode::GenerateFailure& failure) {
    ADD_FAILURE() << failure.message;
  };
  const auto requests = decode::every_sample({&arm, 1}, 1, 1, 0);
  decode::generate(model, {&arm, 1}, {&asked, 1}, requests, options, events, [] { return 0.0; });
  return result;
}

// How many tokens the reference's sequences begin with, padding included.
std::size_t beginning(const json& figure) {
  if (figure.contains("decoder_start")) return figure["decoder_start"].size();
  const json& prompt = figure.at("prompt");
  return prompt.is_object() ? prompt.at("input_ids")[0].size() : prompt.size();
}

void compare(plugin::Model& model, const json& figure) {
  const auto& args = figure.at("args");
  const auto kind = figure.at("kind").get<std::string>();
  const auto arm = arm_of(kind, args);
  const auto eos = eos_of(args);
  const auto prompts = prompts_of(figure);
  const auto expected = args.value("num_return_sequences", std::size_t{1});
  // The reference returns so many of each group, here they are the best of all groups together.
  const auto returned = kind == "group_beam" ? 1 : expected;
  auto limit = args.at("max_new_tokens").get<std::size_t>();
  // Contrastive search looks at what follows a token, which it cannot do for the very last.
  const auto compared = limit;
  if (kind == "contrastive") ++limit;
  const auto padded = beginning(figure);
  for (std::size_t row = 0; row < prompts.size(); ++row) {
    const auto result = search(model, arm, figure, prompts[row], limit, returned - 1);
    std::vector<std::pair<Tokens, double>> found(1);
    for (const auto& record : result.tokens) found[0].first.push_back(record.token);
    if (found[0].first.size() > compared) found[0].first.resize(compared);
    found[0].second = result.score;
    for (const auto& other : result.runners_up) found.emplace_back(other.tokens, other.score);
    ASSERT_EQ(found.size(), returned);
    for (std::size_t i = 0; i < returned; ++i) {
      const auto place = row * expected + i;
      EXPECT_EQ(found[i].first, generated(figure.at("sequences")[place], padded, eos)) << i;
      if (figure.contains("sequences_scores")) {
        // The goldens' own tolerance, which is for sums: a negative penalty multiplies them.
        const double penalty = args.value("length_penalty", 1.0);
        const auto length = static_cast<double>(found[i].first.size());
        const double tolerance = 1e-4 * std::max(1.0, std::pow(length, -penalty));
        EXPECT_NEAR(found[i].second, figure["sequences_scores"][place].get<double>(), tolerance)
            << i;
      }
    }
  }
}

class Searches : public testing::TestWithParam<const char*> {};

TEST_P(Searches, EqualTheReference) {
  const auto model_folder = golden::folder() / "models" / GetParam();
  const json io = golden::read_json(model_folder / "io.json");
  const json config = golden::read_json(model_folder / "config.json");
  std::map<std::string, int> compared;
  for (json figure : io.at("generation")) {
    if (config.contains("decoder_start_token_id"))
      figure["decoder_start"] = json::array({config["decoder_start_token_id"]});
    const auto kind = figure.at("kind").get<std::string>();
    static const std::set<std::string> known = {"greedy", "beam", "group_beam", "contrastive",
                                                "prompt_lookup"};
    if (!known.contains(kind) || !figure.value("robust", true)) continue;
    SCOPED_TRACE("case " + figure.at("id").dump() + " " + kind + " " + figure.at("args").dump());
    plugin::Model model(sdk::detail::wrap(
        std::make_unique<NumbersModel>(golden::load_network(model_folder, "model.safetensors"),
                                       config, eos_of(figure.at("args")))));
    compare(model, figure);
    ++compared[kind];
  }
  EXPECT_GT(compared["greedy"], 0);
  EXPECT_GT(compared["beam"], 0);
  for (const auto& [kind, count] : compared) RecordProperty(kind, count);
}

INSTANTIATE_TEST_SUITE_P(Models, Searches,
                         testing::Values("gpt2", "llama_gqa_tied", "llama_untied", "gpt_neo",
                                         "mixtral", "gemma3", "rnn_1l", "rnn_2l", "lstm_1l",
                                         "lstm_2l", "gru_1l", "gru_2l", "seq2seq_bahdanau",
                                         "seq2seq_luong", "t5", "t5_v11", "marian"));

}  // namespace
}  // namespace trellis
