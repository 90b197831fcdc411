/// The settings that every trained model has in common: how they are described to the host, and as
/// structs.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/nn/optimizer.hpp"
#include "core/nn/schedule.hpp"
#include "core/text/tokenizer.hpp"

namespace trellis::nn {

struct TrainingOptions {
  std::uint64_t epochs = 20;    ///< passes over the data at most
  std::uint64_t max_steps = 0;  ///< updates at most; 0: no limit
  std::size_t batch_tokens = 4096;
  std::uint64_t accumulate = 1;  ///< batches an update
  OptimizerOptions optimizer;
  ScheduleOptions schedule;  ///< `total` is filled in by the trainer
  double label_smoothing = 0;
  double clip_norm = 1.0;  ///< 0: no clipping
  double dropout = 0.1;
  double ema_decay = 0;  ///< of the weights' moving average, which is kept in their place; 0: none
  std::uint64_t patience = 5;       ///< validations without improvement before stopping; 0: never
  std::uint64_t valid_every = 0;    ///< updates; 0: once an epoch
  std::uint64_t report_every = 10;  ///< updates a point of the training curve
  std::uint64_t checkpoint_every = 200;  ///< updates; a run that is stopped writes one too
  std::size_t max_sequence_tokens = 0;   ///< longer sequences are cut; 0: at the context
};

/// Defaults that fit one model better than another.
struct TrainingDefaults {
  double learning_rate = 1e-3;
  std::string schedule = "cosine";
  std::uint64_t warmup_steps = 100;
  double label_smoothing = 0.0;
  double weight_decay = 0.0;
  double dropout = 0.1;
  std::uint64_t patience = 5;
};

/// One entry of the "settings" list that `describe` writes (trellis/abi/entry.h).
nlohmann::json integer_setting(const std::string& name, const std::string& group,
                               std::int64_t default_value, std::int64_t minimum,
                               std::int64_t maximum, const std::string& summary);
/// A size of a network: an integer of the group "architecture", at least 1.
nlohmann::json size_setting(const std::string& name, std::int64_t default_value,
                            const std::string& summary);
/// A size that must divide the setting `divides`.
nlohmann::json divisor_setting(const std::string& name, std::int64_t default_value,
                               const std::string& divides, const std::string& summary);
nlohmann::json number_setting(const std::string& name, const std::string& group,
                              double default_value, double minimum, double maximum,
                              const std::string& summary);
nlohmann::json boolean_setting(const std::string& name, const std::string& group,
                               bool default_value, const std::string& summary);
nlohmann::json choice_setting(const std::string& name, const std::string& group,
                              const std::string& default_value,
                              const std::vector<std::string>& choices, const std::string& summary);

/// A list of texts.
nlohmann::json list_setting(const std::string& name, const std::string& group,
                            const std::vector<std::string>& default_value,
                            const std::string& summary);
/// A model that the host finds: a path, or the label or id of one that was trained before.
nlohmann::json model_setting(const std::string& name, const std::string& group,
                             const std::string& summary);

/// The entries of the groups "tokenizer" and "training".
nlohmann::json tokenizer_settings();
nlohmann::json training_settings(const TrainingDefaults& defaults);

/// One setting of complete ones. Throws Error(usage) when it is missing or of the wrong type.
template <typename T>
T setting_value(const nlohmann::json& settings, const char* name);

/// From complete settings, as the host passes them. Throws Error(usage) for a missing one.
text::TokenizerOptions tokenizer_options(const nlohmann::json& settings);
TrainingOptions training_options(const nlohmann::json& settings);

template <typename T>
T setting_value(const nlohmann::json& settings, const char* name) {
  try {
    return settings.at(name).get<T>();
  } catch (const nlohmann::json::exception&) {
    throw Error(Fault::usage, std::string("setting ") + name +
                                  " is missing or of the wrong type; give it in the model's table");
  }
}

}  // namespace trellis::nn
