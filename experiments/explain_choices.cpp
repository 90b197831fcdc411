#include "experiments/explain_choices.hpp"

#include <array>
#include <cmath>

#include "core/decode/choices.hpp"
#include "core/decode/search_tree.hpp"
#include "core/error.hpp"
#include "experiments/make_arm.hpp"
#include "experiments/plan.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;

decode::Arm arm_of(plugin::Registry& registry, const plugin::Model& model,
                   const storage::TrialRecord& trial) {
  std::vector<PluginJob> processors;
  for (const auto& entry : trial.strategy.at("processors")) {
    processors.push_back({entry.at("plugin").get<std::string>(), entry.at("settings")});
  }
  return make_arm(registry, model, {trial.strategy_plugin, trial.strategy.at("settings")},
                  processors);
}

// By common random numbers, or by a stream of the strategy's own.
std::array<std::uint64_t, 2> streams_of(const storage::TrialRecord& trial) {
  return {0, stream_of(trial.strategy)};
}

const char* name_of(decode::SearchFate fate) {
  switch (fate) {
    case decode::SearchFate::passed:
      return "passed";
    case decode::SearchFate::dropped:
      return "dropped";
    case decode::SearchFate::finished:
      return "finished";
    default:
      return "output";
  }
}

json to_json(const plugin::Model& model, const decode::SearchTree& tree) {
  json nodes = json::array();
  for (const auto& node : tree.nodes) {
    nodes.push_back({{"parent", node.parent ? json(*node.parent) : json()},
                     {"text", model.token_text(node.token)},
                     {"probability", std::exp(node.log_probability)},
                     {"score", node.score},
                     {"fate", name_of(node.fate)}});
  }
  return nodes;
}

json to_json(const plugin::Model& model, const std::vector<decode::Choice>& choices) {
  json tokens = json::array();
  for (const auto& choice : choices) {
    json alternatives = json::array();
    for (const auto& token : choice.tokens) {
      alternatives.push_back({{"text", model.token_text(token.token)},
                              {"probability", std::exp(token.log_probability)},
                              {"after", std::exp(token.log_after)},
                              {"noise", token.noise}});
    }
    tokens.push_back({{"kept", choice.kept},
                      {"mass", choice.kept_mass},
                      {"alternatives", std::move(alternatives)}});
  }
  return tokens;
}

}  // namespace

json explain_choices(plugin::Registry& registry, plugin::Model& model,
                     const storage::TrialRow& trial, const storage::SampleRecord& sample,
                     std::size_t top_alternatives) {
  try {
    const auto& record = trial.record;
    const auto arm = arm_of(registry, model, record);
    decode::ChoiceRequest request;
    request.prompt = model.encode_prompt(sample.source, sample.prefix);
    for (const auto& token : sample.tokens) request.output.push_back(token.id);
    // How long it could have become is not stored; only processors that shape the length look at
    // it, and of an output that reached it this is known.
    request.limit = request.output.size() + (sample.finish == "length" ? 0 : 1);
    for (const auto stream : streams_of(record)) {
      request.noises.push_back({record.seed, sample.example_index, sample.sample_index, stream});
    }
    request.top_alternatives = top_alternatives;
    const auto choices = decode::choices(model, arm, request);
    // That noise would have led here, too, says nothing of a strategy that draws none.
    const bool drawn = choices.drawn && arm.strategy.needs().stochastic;
    return {{"noise", drawn}, {"tokens", to_json(model, choices.at)}};
  } catch (const Error& error) {
    return {{"problem", error.what()}};
  } catch (const json::exception&) {
    return {{"problem", "the trial's strategy is not described as this trellis describes it"}};
  }
}

json explain_search(plugin::Registry& registry, plugin::Model& model,
                    const storage::TrialRow& trial, const storage::SampleRecord& sample) {
  // Searches look at how much room is left only when they come near to it; how much there was is
  // stored of no output but those that filled it.
  constexpr std::size_t spare_tokens = 64;
  try {
    const auto arm = arm_of(registry, model, trial.record);
    if (arm.strategy.needs().width <= 1) return nullptr;
    std::vector<std::int32_t> output;
    for (const auto& token : sample.tokens) output.push_back(token.id);
    decode::Prompt prompt{sample.example_index, sample.source, sample.prefix, {}, output.size()};
    if (sample.finish != "length") prompt.max_new_tokens += spare_tokens;
    for (const auto stream : streams_of(trial.record)) {
      const auto tree = decode::search_tree(model, arm, prompt,
                                            {0, 0, sample.sample_index, trial.record.seed, stream});
      if (tree.output == output) return {{"nodes", to_json(model, tree)}};
    }
    return {{"problem",
             "the search came to another output this time: it depends on how long an "
             "output may become, or on stop strings, which are not stored"}};
  } catch (const Error& error) {
    return {{"problem", error.what()}};
  } catch (const json::exception&) {
    return {{"problem", "the trial's strategy is not described as this trellis describes it"}};
  }
}

}  // namespace trellis::experiments
