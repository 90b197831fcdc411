/// Loaded strategies and logits processors: trellis/abi/strategy.h with ownership and exceptions.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/plugin/model.hpp"
#include "core/plugin/registry.hpp"
#include "trellis/abi/strategy.h"

namespace trellis::plugin {

class LogitsProcessor {
 public:
  static LogitsProcessor create(Registry& registry, std::string_view id,
                                const nlohmann::json& settings);
  /// Takes one made elsewhere (tests). Owns it.
  LogitsProcessor(trellis_logits_processor* processor, double rank, bool stochastic = false);

  /// Tells it of the model whose logits it will see, before the first apply. Throws Error when its
  /// settings name tokens that the model does not have.
  void bind(const Model& model);
  /// logits: [vocab_size], changed in place. Throws Error.
  void apply(const trellis_sequence& sequence, std::span<float> logits) const;
  double rank() const { return rank_; }
  bool stochastic() const { return stochastic_; }

 private:
  struct Destroy {
    void operator()(trellis_logits_processor* p) const { p->destroy(p); }
  };
  std::unique_ptr<trellis_logits_processor, Destroy> processor_;
  double rank_;
  bool stochastic_;
  std::string name_ = "logits_processor";
};

/// One search over one sample. Must not outlive its strategy.
class Search {
 public:
  explicit Search(trellis_search* search);
  void advance(const trellis_view& view, trellis_answer& answer);

 private:
  struct Destroy {
    void operator()(trellis_search* s) const { s->destroy(s); }
  };
  std::unique_ptr<trellis_search, Destroy> search_;
};

/// What the host must know before it runs a strategy, from its description.
struct StrategyNeeds {
  bool hidden = false;
  bool prompt_hidden = false;
  bool masked_prediction = false;  ///< works on models with a mask, and on no others
  bool draft = false;              ///< a second model, named by its setting of format "model"
  bool processors_see_log_probabilities = false;
  bool stochastic = false;
  std::size_t width = 1;  ///< most hypotheses alive at once, as the strategy says
};

class Strategy {
 public:
  static Strategy create(Registry& registry, std::string_view id, const nlohmann::json& settings);
  Strategy(trellis_strategy* strategy, StrategyNeeds needs);

  Search open_search() const;
  const StrategyNeeds& needs() const { return needs_; }

 private:
  struct Destroy {
    void operator()(trellis_strategy* s) const { s->destroy(s); }
  };
  std::unique_ptr<trellis_strategy, Destroy> strategy_;
  StrategyNeeds needs_;
};

/// Whether a strategy works by predicting masked places, by its plugin's description.
bool needs_masks(const Description& strategy);
/// Whether a strategy can be used with a model, by their plugins' descriptions.
bool fits(const Description& model, const Description& strategy);
/// What to say where it cannot, in one line.
std::string misfit(std::string_view strategy, bool strategy_needs_masks);
/// Throws Error(usage) where the strategy cannot be used with the loaded model.
void require_fit(const Model& model, const Strategy& strategy, std::string_view id);

}  // namespace trellis::plugin
