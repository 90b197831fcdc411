#include "core/nn/training_options.hpp"

namespace trellis::nn {
namespace {

constexpr std::int64_t kMany = 1'000'000'000;
const char* const kTraining = "training";

ScheduleKind schedule_from_name(const std::string& name) {
  if (name == "constant") return ScheduleKind::constant;
  if (name == "linear") return ScheduleKind::linear;
  if (name == "cosine") return ScheduleKind::cosine;
  if (name == "inverse_sqrt") return ScheduleKind::inverse_sqrt;
  throw Error(Fault::usage,
              "schedule = \"" + name + "\": must be constant, linear, cosine or inverse_sqrt");
}

OptimizerKind optimizer_from_name(const std::string& name) {
  if (name == "adam") return OptimizerKind::adam;
  if (name == "adamw") return OptimizerKind::adamw;
  if (name == "sgd") return OptimizerKind::sgd;
  throw Error(Fault::usage, "optimizer = \"" + name + "\": must be adam, adamw or sgd");
}

nlohmann::json setting(const std::string& name, const std::string& type, const std::string& group,
                       const nlohmann::json& default_value, const std::string& summary) {
  return {{"name", name},
          {"type", type},
          {"group", group},
          {"default", default_value},
          {"summary", summary}};
}

}  // namespace

nlohmann::json integer_setting(const std::string& name, const std::string& group,
                               std::int64_t default_value, std::int64_t minimum,
                               std::int64_t maximum, const std::string& summary) {
  nlohmann::json json = setting(name, "integer", group, default_value, summary);
  json["minimum"] = minimum;
  json["maximum"] = maximum;
  return json;
}

nlohmann::json size_setting(const std::string& name, std::int64_t default_value,
                            const std::string& summary) {
  return integer_setting(name, "architecture", default_value, 1, 65536, summary);
}

nlohmann::json divisor_setting(const std::string& name, std::int64_t default_value,
                               const std::string& divides, const std::string& summary) {
  nlohmann::json json = size_setting(name, default_value, summary);
  json["divides"] = divides;
  return json;
}

nlohmann::json number_setting(const std::string& name, const std::string& group,
                              double default_value, double minimum, double maximum,
                              const std::string& summary) {
  nlohmann::json json = setting(name, "number", group, default_value, summary);
  json["minimum"] = minimum;
  json["maximum"] = maximum;
  return json;
}

nlohmann::json boolean_setting(const std::string& name, const std::string& group,
                               bool default_value, const std::string& summary) {
  return setting(name, "boolean", group, default_value, summary);
}

nlohmann::json choice_setting(const std::string& name, const std::string& group,
                              const std::string& default_value,
                              const std::vector<std::string>& choices, const std::string& summary) {
  nlohmann::json json = setting(name, "choice", group, default_value, summary);
  json["choices"] = choices;
  return json;
}

nlohmann::json list_setting(const std::string& name, const std::string& group,
                            const std::vector<std::string>& default_value,
                            const std::string& summary) {
  return setting(name, "list", group, default_value, summary);
}

nlohmann::json model_setting(const std::string& name, const std::string& group,
                             const std::string& summary) {
  nlohmann::json json = setting(name, "string", group, "", summary);
  json["format"] = "model";
  return json;
}

nlohmann::json tokenizer_settings() {
  const std::string group = "tokenizer";
  return nlohmann::json::array(
      {choice_setting("tokenizer", group, "bpe", {"word", "character", "bpe"},
                      "What a token is: a word, a character, or a piece of a byte-level BPE."),
       integer_setting("vocab_size", group, 4096, 8, 1'000'000,
                       "Upper limit of the vocabulary, its five special tokens included."),
       integer_setting("minimum_count", group, 1, 1, kMany,
                       "Words, characters or merges seen less often are left out."),
       boolean_setting("lowercase", group, false, "Lower-case all text before anything else.")});
}

nlohmann::json training_settings(const TrainingDefaults& defaults) {
  return nlohmann::json::array(
      {integer_setting("epochs", kTraining, 20, 1, kMany, "Passes over the training data at most."),
       integer_setting("max_steps", kTraining, 0, 0, kMany, "Updates at most; 0 for no limit."),
       integer_setting("batch_tokens", kTraining, 4096, 1, kMany,
                       "Rows times longest row of a batch, padding included."),
       integer_setting("max_sequence_tokens", kTraining, 0, 0, kMany,
                       "Longer training sequences are cut; 0 for the model's context."),
       integer_setting("accumulate", kTraining, 1, 1, 1000,
                       "Batches whose gradients are averaged for one update."),
       choice_setting("optimizer", kTraining, "adamw", {"adam", "adamw", "sgd"},
                      "Adam, AdamW (decoupled weight decay) or plain gradient descent."),
       number_setting("learning_rate", kTraining, defaults.learning_rate, 0, 100,
                      "The highest learning rate of the schedule."),
       choice_setting("schedule", kTraining, defaults.schedule,
                      {"constant", "linear", "cosine", "inverse_sqrt"},
                      "How the learning rate changes after the warm-up."),
       integer_setting("warmup_steps", kTraining, static_cast<std::int64_t>(defaults.warmup_steps),
                       0, kMany, "Updates in which the learning rate grows from 0."),
       number_setting("weight_decay", kTraining, defaults.weight_decay, 0, 10,
                      "Pull of all weights towards 0."),
       number_setting("momentum", kTraining, 0.0, 0, 1, "Momentum of sgd."),
       number_setting("beta1", kTraining, 0.9, 0, 1, "Adam's decay of the mean."),
       number_setting("beta2", kTraining, 0.999, 0, 1, "Adam's decay of the squared mean."),
       number_setting("clip_norm", kTraining, 1.0, 0, 1e6,
                      "Longest gradient (L2 norm); 0 for no clipping."),
       number_setting("label_smoothing", kTraining, defaults.label_smoothing, 0, 1,
                      "Share of the target's probability spread over the vocabulary."),
       number_setting("dropout", kTraining, defaults.dropout, 0, 0.99,
                      "Share of activations zeroed in training."),
       number_setting("ema_decay", kTraining, 0.0, 0, 0.99999,
                      "Decay of a moving average of the weights, which is validated and kept in "
                      "their place; 0 for none."),
       integer_setting("patience", kTraining, static_cast<std::int64_t>(defaults.patience), 0,
                       kMany,
                       "Validations without improvement before training stops; 0 for never."),
       integer_setting("valid_every", kTraining, 0, 0, kMany,
                       "Updates between validations; 0 for once an epoch."),
       integer_setting("report_every", kTraining, 10, 1, kMany,
                       "Updates between points of the training curve."),
       integer_setting("checkpoint_every", kTraining, 200, 1, kMany,
                       "Updates between checkpoints, from which a killed run goes on.")});
}

text::TokenizerOptions tokenizer_options(const nlohmann::json& settings) {
  text::TokenizerOptions options;
  options.kind = setting_value<std::string>(settings, "tokenizer");
  options.vocab_size = setting_value<std::size_t>(settings, "vocab_size");
  options.minimum_count = setting_value<std::size_t>(settings, "minimum_count");
  options.lowercase = setting_value<bool>(settings, "lowercase");
  return options;
}

TrainingOptions training_options(const nlohmann::json& settings) {
  TrainingOptions options;
  options.epochs = setting_value<std::uint64_t>(settings, "epochs");
  options.max_steps = setting_value<std::uint64_t>(settings, "max_steps");
  options.batch_tokens = setting_value<std::size_t>(settings, "batch_tokens");
  options.accumulate = setting_value<std::uint64_t>(settings, "accumulate");
  options.optimizer.kind = optimizer_from_name(setting_value<std::string>(settings, "optimizer"));
  options.optimizer.weight_decay = setting_value<double>(settings, "weight_decay");
  options.optimizer.momentum = setting_value<double>(settings, "momentum");
  options.optimizer.beta1 = setting_value<double>(settings, "beta1");
  options.optimizer.beta2 = setting_value<double>(settings, "beta2");
  options.schedule.kind = schedule_from_name(setting_value<std::string>(settings, "schedule"));
  options.schedule.base = setting_value<double>(settings, "learning_rate");
  options.schedule.warmup = setting_value<std::uint64_t>(settings, "warmup_steps");
  options.clip_norm = setting_value<double>(settings, "clip_norm");
  options.label_smoothing = setting_value<double>(settings, "label_smoothing");
  options.dropout = setting_value<double>(settings, "dropout");
  options.ema_decay = setting_value<double>(settings, "ema_decay");
  options.patience = setting_value<std::uint64_t>(settings, "patience");
  options.valid_every = setting_value<std::uint64_t>(settings, "valid_every");
  options.report_every = setting_value<std::uint64_t>(settings, "report_every");
  options.checkpoint_every = setting_value<std::uint64_t>(settings, "checkpoint_every");
  options.max_sequence_tokens = setting_value<std::size_t>(settings, "max_sequence_tokens");
  return options;
}

}  // namespace trellis::nn
