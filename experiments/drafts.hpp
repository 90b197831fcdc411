/// The models that are lent to strategies.
#pragma once

#include <map>
#include <string>

#include "core/plugin/model.hpp"
#include "experiments/protocol.hpp"

namespace trellis::experiments {

/// Loads each once and keeps it. Used from one thread.
class Drafts {
 public:
  /// `registry` must outlive it.
  explicit Drafts(plugin::Registry& registry) : registry_(registry) {}
  /// The one that a job names, which must have the vocabulary of `model`; borrowed. Throws Error,
  /// also where there is no model.
  plugin::Model& get(const DraftJob& job, const plugin::Model& model);

 private:
  plugin::Registry& registry_;
  std::map<std::string, plugin::Model> loaded_;  // by path
};

}  // namespace trellis::experiments
