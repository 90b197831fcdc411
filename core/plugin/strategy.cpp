#include "core/plugin/strategy.hpp"

#include <fmt/format.h>

#include "core/plugin/boundary.hpp"

namespace trellis::plugin {
namespace {

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
      if (need != "hidden" && need != "prompt_hidden") {
        throw Error(
            Fault::plugin,
            fmt::format("strategy needs {}, which this Trellis does not know", need.dump()));
      }
      (need == "hidden" ? needs.hidden : needs.prompt_hidden) = true;
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
  return LogitsProcessor(processor, description.value("rank", 600.0));
}

LogitsProcessor::LogitsProcessor(trellis_logits_processor* processor, double rank)
    : processor_(adopt("logits_processor", processor)), rank_(rank) {
  if (!processor->apply) throw Error(Fault::plugin, "logits_processor: its struct lacks apply");
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

}  // namespace trellis::plugin
