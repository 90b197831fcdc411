#include "experiments/explain_choices.hpp"

#include <cmath>

#include "core/decode/choices.hpp"
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
    // Common random numbers, or a stream of the strategy's own.
    for (const std::uint64_t stream : {std::uint64_t{0}, stream_of(record.strategy)}) {
      request.noises.push_back({record.seed, sample.example_index, sample.sample_index, stream});
    }
    request.top_alternatives = top_alternatives;
    const auto choices = decode::choices(model, arm, request);
    return {{"noise", choices.drawn}, {"tokens", to_json(model, choices.at)}};
  } catch (const Error& error) {
    return {{"problem", error.what()}};
  } catch (const json::exception&) {
    return {{"problem", "the trial's strategy is not described as this trellis describes it"}};
  }
}

}  // namespace trellis::experiments
