#include "core/plugin/strategy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/plugin/boundary.hpp"

namespace trellis::plugin {
namespace {

constexpr const char* kMaskedPrediction = "masked_prediction";

// A number, or the name of the setting that holds it.
std::size_t parse_width(const nlohmann::json& description, const nlohmann::json& settings) {
  auto width = description.value("width", nlohmann::json(1));
  if (width.is_string()) width = settings.value(width.get<std::string>(), nlohmann::json());
  if (!width.is_number_integer() || width.get<std::int64_t>() < 1) {
    throw Error(Fault::plugin, fmt::format("strategy: width = {}: must be a number from 1 on, or "
                                           "name a setting that is one",
                                           one_line(description["width"].dump())));
  }
  return width.get<std::size_t>();
}

StrategyNeeds parse_needs(const nlohmann::json& description, const nlohmann::json& settings) {
  StrategyNeeds needs;
  try {
    for (const auto& need : description.value("needs", nlohmann::json::array())) {
      if (need == "hidden") {
        needs.hidden = true;
      } else if (need == "prompt_hidden") {
        needs.prompt_hidden = true;
      } else if (need == kMaskedPrediction) {
        needs.masked_prediction = true;
      } else if (need == "draft") {
        needs.draft = true;
      } else {
        throw Error(
            Fault::plugin,
            fmt::format("strategy needs {}, which this Trellis does not know", need.dump()));
      }
    }
    needs.processors_see_log_probabilities =
        description.value("processors_see", "logits") == "log_probabilities";
    needs.stochastic = description.value("stochastic", false);
    needs.width = parse_width(description, settings);
  } catch (const nlohmann::json::exception& exception) {
    throw Error(Fault::plugin, fmt::format("malformed strategy description: {}", exception.what()));
  }
  return needs;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

// Some tokenizers write what they do not know with an unknown symbol and drop spaces at the ends:
// the former is no token of this text.
std::vector<std::int32_t> encode_exactly(const Model& model, std::string_view text) {
  std::vector<std::int32_t> tokens;
  try {
    tokens = model.encode(text);
  } catch (const Error& error) {
    throw Error(error.fault(), fmt::format("\"{}\": {}", text, error.what()));
  }
  const auto again = model.decode(tokens);
  if (tokens.empty() || trimmed(again) != trimmed(text)) {
    throw Error(Fault::usage,
                fmt::format("\"{}\": the model's vocabulary cannot write it (it reads "
                            "\"{}\"); name its tokens by their ids",
                            text, again));
  }
  return tokens;
}

// Runs what a processor asked for; what is thrown becomes a status.
template <typename Answer>
trellis_status answer_processor(trellis_error* error, const Answer& answer) {
  std::string problem;
  try {
    answer();
    return TRELLIS_OK;
  } catch (const std::exception& exception) {
    problem = one_line(exception.what());
  }
  const std::size_t size = std::min(problem.size(), sizeof error->message - 1);
  std::memcpy(error->message, problem.data(), size);
  error->message[size] = '\0';
  return TRELLIS_INVALID_ARGUMENT;
}

trellis_status encode_for_processor(void* context, trellis_span text, trellis_token_sink* tokens,
                                    trellis_error* error) {
  return answer_processor(error, [&] {
    const auto encoded =
        encode_exactly(*static_cast<const Model*>(context), {text.data, text.size});
    tokens->write(tokens->context, encoded.data(), encoded.size());
  });
}

trellis_status token_bytes_for_processor(void* context, std::int32_t token,
                                         trellis_text_sink* bytes, trellis_error* error) {
  return answer_processor(error, [&] {
    const auto written = static_cast<const Model*>(context)->token_bytes(token);
    bytes->write(bytes->context, written.data(), written.size());
  });
}

}  // namespace

LogitsProcessor LogitsProcessor::create(Registry& registry, std::string_view id,
                                        const nlohmann::json& settings) {
  const auto& factory =
      factory_of<trellis_logits_processor_factory>(registry, Kind::logits_processor, id);
  trellis_logits_processor* processor = nullptr;
  call(fmt::format("logits_processor {}", id), [&](trellis_error* error) {
    return factory.create(settings.dump().c_str(), &processor, error);
  });
  const auto& description = registry.get(Kind::logits_processor, id).json;
  const auto rank = description.find("rank");
  if (rank != description.end() && !rank->is_number()) {
    throw Error(Fault::plugin, fmt::format("logits_processor {}: its rank is not a number", id));
  }
  const auto stochastic = description.find("stochastic");
  if (stochastic != description.end() && !stochastic->is_boolean()) {
    throw Error(Fault::plugin,
                fmt::format("logits_processor {}: its stochastic is not true or false", id));
  }
  LogitsProcessor made(processor, description.value("rank", 600.0),
                       description.value("stochastic", false));
  made.name_ = fmt::format("logits_processor {}", id);
  return made;
}

LogitsProcessor::LogitsProcessor(trellis_logits_processor* processor, double rank, bool stochastic)
    : processor_(adopt("logits_processor", processor, offsetof(trellis_logits_processor, bind))),
      rank_(rank),
      stochastic_(stochastic) {
  if (!processor->apply) throw Error(Fault::plugin, "logits_processor: its struct lacks apply");
}

void LogitsProcessor::bind(const Model& model) {
  if (processor_->struct_size < sizeof(trellis_logits_processor) || !processor_->bind) return;
  const trellis_vocabulary vocabulary{sizeof vocabulary, const_cast<Model*>(&model),
                                      model.facts().vocab_size, &encode_for_processor,
                                      &token_bytes_for_processor};
  call(name_, [&](trellis_error* error) {
    return processor_->bind(processor_.get(), &vocabulary, error);
  });
}

void LogitsProcessor::apply(const trellis_sequence& sequence, std::span<float> logits) const {
  call("logits_processor apply", [&](trellis_error* error) {
    return processor_->apply(processor_.get(), &sequence, logits.data(), logits.size(), error);
  });
}

Search::Search(trellis_search* search) : search_(adopt("search", search)) {
  if (!search->advance) throw Error(Fault::plugin, "search: its struct lacks advance");
}

void Search::advance(const trellis_view& view, trellis_answer& answer) {
  call("strategy advance", [&](trellis_error* error) {
    return search_->advance(search_.get(), &view, &answer, error);
  });
}

Strategy Strategy::create(Registry& registry, std::string_view id, const nlohmann::json& settings) {
  const auto& factory = factory_of<trellis_strategy_factory>(registry, Kind::strategy, id);
  trellis_strategy* strategy = nullptr;
  call(fmt::format("strategy {}", id), [&](trellis_error* error) {
    return factory.create(settings.dump().c_str(), &strategy, error);
  });
  return Strategy(strategy, parse_needs(registry.get(Kind::strategy, id).json, settings));
}

Strategy::Strategy(trellis_strategy* strategy, StrategyNeeds needs)
    : strategy_(adopt("strategy", strategy)), needs_(needs) {
  if (!strategy->open_search) {
    throw Error(Fault::plugin, "strategy: its struct lacks open_search");
  }
}

Search Strategy::open_search() const {
  trellis_search* search = nullptr;
  call("strategy open_search", [&](trellis_error* error) {
    return strategy_->open_search(strategy_.get(), &search, error);
  });
  return Search(search);
}

bool needs_masks(const Description& strategy) {
  const auto needs = strategy.json.value("needs", nlohmann::json::array());
  return std::find(needs.begin(), needs.end(), kMaskedPrediction) != needs.end();
}

bool fits(const Description& model, const Description& strategy) {
  return model.json.value(kMaskedPrediction, false) == needs_masks(strategy);
}

std::string misfit(std::string_view strategy, bool strategy_needs_masks) {
  return strategy_needs_masks
             ? fmt::format(
                   "strategy {}: fills in masks, of which the model knows none; use a model "
                   "of masked prediction, such as bert",
                   strategy)
             : fmt::format(
                   "strategy {}: writes token after token, and the model fills in masks; "
                   "use a strategy of masked prediction, such as mask_predict or gibbs",
                   strategy);
}

void require_fit(const Model& model, const Strategy& strategy, std::string_view id) {
  const bool masks = strategy.needs().masked_prediction;
  if (model.facts().mask.has_value() != masks) throw Error(Fault::usage, misfit(id, masks));
}

}  // namespace trellis::plugin
