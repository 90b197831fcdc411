#include "experiments/explain_choices.hpp"

#include <algorithm>
#include <cmath>

#include "core/decode/choices.hpp"
#include "core/error.hpp"
#include "experiments/plan.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;

std::vector<plugin::LogitsProcessor> processors_of(plugin::Registry& registry,
                                                   const plugin::Model& model,
                                                   const json& strategy) {
  std::vector<plugin::LogitsProcessor> processors;
  for (const auto& entry : strategy.at("processors")) {
    processors.push_back(plugin::LogitsProcessor::create(
        registry, entry.at("plugin").get<std::string>(), entry.at("settings")));
    processors.back().bind(model);
  }
  std::ranges::stable_sort(processors, {}, &plugin::LogitsProcessor::rank);
  return processors;
}

bool all_drawn(const std::vector<decode::Choice>& choices,
               const std::vector<std::int32_t>& output) {
  return std::ranges::equal(choices, output, {}, &decode::Choice::drawn);
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
    const auto strategy =
        plugin::Strategy::create(registry, record.strategy_plugin, record.strategy.at("settings"));
    const auto processors = processors_of(registry, model, record.strategy);
    decode::ChoiceRequest request;
    request.prompt = model.encode_prompt(sample.source, sample.prefix);
    for (const auto& token : sample.tokens) request.output.push_back(token.id);
    // How long it could have become is not stored; only processors that shape the length look at
    // it, and of an output that reached it this is known.
    request.limit = request.output.size() + (sample.finish == "length" ? 0 : 1);
    request.noise = {record.seed, sample.example_index, sample.sample_index, 0};
    request.top_alternatives = top_alternatives;
    auto choices = decode::choices(model, strategy, processors, request);
    bool noise = all_drawn(choices, request.output);
    if (!noise) {
      request.noise.stream = stream_of(record.strategy);
      auto independent = decode::choices(model, strategy, processors, request);
      noise = all_drawn(independent, request.output);
      if (noise) choices = std::move(independent);
    }
    return {{"noise", noise}, {"tokens", to_json(model, choices)}};
  } catch (const Error& error) {
    return {{"problem", error.what()}};
  } catch (const json::exception&) {
    return {{"problem", "the trial's strategy is not described as this trellis describes it"}};
  }
}

}  // namespace trellis::experiments
