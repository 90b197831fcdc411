#include "core/nn/language_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/nn/tensor_names.hpp"
#include "core/nn/tuning.hpp"
#include "core/nn/weights.hpp"
#include "core/text/published_tokenizer.hpp"

namespace trellis::nn {
namespace {

const char* const kGapMark = "___";  // of published models

std::unique_ptr<text::Tokenizer> read_tokenizer(const SavedModel& saved) {
  try {
    return text::tokenizer_from_json(saved.tokenizer);
  } catch (const std::exception& exception) {
    throw Error(Fault::bad_data,
                fmt::format("{}: {}; train the model again", (saved.folder / "model.json").string(),
                            exception.what()));
  }
}

}  // namespace

nlohmann::json model_settings(std::vector<nlohmann::json> own, const TrainingDefaults& defaults,
                              const std::vector<nlohmann::json>& last) {
  own.push_back(integer_setting("max_source_tokens", "architecture", 0, 0, 1'000'000,
                                "Longer sources are cut at their end; 0 for context with an "
                                "encoder and half of it without."));
  for (const auto& entry : tokenizer_settings()) own.push_back(entry);
  for (const auto& entry : training_settings(defaults)) own.push_back(entry);
  for (const auto& entry : tuning_settings()) own.push_back(entry);
  own.insert(own.end(), last.begin(), last.end());
  return own;
}

nlohmann::json learn_source_setting() {
  return boolean_setting("learn_source", "training", false,
                         "Learn the source's tokens too, not only the target's (decoder-only "
                         "models).");
}

nlohmann::json to_json(const TrainingPoint& point) {
  nlohmann::json json = {{"step", point.step},
                         {"steps", point.steps},
                         {"tokens", point.tokens},
                         {"seconds", point.seconds},
                         {"split", point.valid ? "valid" : "train"},
                         {"loss", point.loss},
                         {"learning_rate", point.learning_rate},
                         {"gradient_norm", point.gradient_norm}};
  if (!point.expert_use.empty()) json["expert_use"] = point.expert_use;
  return json;
}

LanguageModel::LanguageModel(std::string id, nlohmann::json settings, Architecture architecture)
    : id_(std::move(id)), settings_(std::move(settings)), architecture_(std::move(architecture)) {
  // Start symbol and separator; where there are masks, also the end and a place to fill.
  const std::size_t special = architecture_.encoder_decoder ? 0 : architecture_.masked ? 4 : 2;
  if (architecture_.context_is_limit &&
      architecture_.max_source_tokens + special > architecture_.context)
    throw Error(Fault::usage,
                fmt::format("max_source_tokens = {}: must leave room in context = {}: lower it or "
                            "raise context",
                            architecture_.max_source_tokens, architecture_.context));
  std::size_t source_limit = architecture_.max_source_tokens;
  if (source_limit == 0)
    source_limit =
        architecture_.encoder_decoder ? architecture_.context : architecture_.context / 2;
  form_ = architecture_.masked ? masked_form(architecture_.gap_mark, source_limit)
                               : trained_form(architecture_.encoder_decoder, source_limit);
}

// All but weights and tokenizer.
LanguageModel LanguageModel::published_shell(std::string id, const formats::ConfigReader& config,
                                             const nlohmann::json& json,
                                             PublishedModel& published) {
  Architecture architecture;
  architecture.encoder_decoder = published.encoder_decoder;
  architecture.context = published.context;
  architecture.context_is_limit = published.context_is_limit;
  architecture.masked = published.masked;
  LanguageModel model(std::move(id), json, std::move(architecture));
  model.published_ = json;
  model.network_ = std::move(published.network);
  model.vocab_size_ = published.vocab;
  // What a model generates with may end at more tokens than it was trained with.
  const auto generation = config.object({"generation"});
  PublishedFormOptions form;
  form.encoder_decoder = published.encoder_decoder;
  form.begin = published.decoder_start;
  if (generation) form.ends = generation->tokens({"eos_token_id"});
  if (form.ends.empty()) form.ends = config.tokens({"eos_token_id"});
  const std::vector<std::int32_t> begins = config.tokens({"bos_token_id"});
  if (!form.begin && !begins.empty()) form.begin = begins.front();
  model.form_ = published_form(form);
  return model;
}

void LanguageModel::check_vocabulary(const std::filesystem::path& path) const {
  if (tokenizer_->vocab_size() > vocab_size_)
    throw Error(Fault::bad_data,
                fmt::format("{}: its tokenizer has {} tokens, the model only {}: they do not "
                            "belong together",
                            path.string(), tokenizer_->vocab_size(), vocab_size_));
}

// Of masked prediction, which needs the tokenizer. Throws Error where it has no mask.
void LanguageModel::use_masked_form() {
  masked_symbols(*tokenizer_);
  form_ = masked_form(kGapMark, 0);
}

LanguageModel LanguageModel::from_published(std::string id, formats::Checkpoint checkpoint,
                                            PublishedModel published) {
  // First the tokenizer: making it takes memory that the weights can have afterwards.
  auto tokenizer = checkpoint.tokenizer.is_null()
                       ? text::load_tokenizer(checkpoint.path)
                       : text::build_huggingface_tokenizer(checkpoint.tokenizer);
  checkpoint.tokenizer = nullptr;
  load_published(published.network->parameters, checkpoint, published.names);
  LanguageModel model =
      published_shell(std::move(id), checkpoint.reader(), checkpoint.config, published);
  model.tokenizer_ = std::move(tokenizer);
  model.check_vocabulary(checkpoint.path);
  model.weights_hash_ = formats::tensor_hash(checkpoint);
  if (published.masked) model.use_masked_form();
  return model;
}

LanguageModel LanguageModel::from_tuned(std::string id, const SavedModel& saved,
                                        PublishedModel published) {
  const std::filesystem::path config_path = saved.folder / "model.json";
  const formats::SafetensorsFile file = read_saved_weights(saved);
  formats::Checkpoint checkpoint;
  checkpoint.path = saved.weights;
  checkpoint.config_path = config_path;
  checkpoint.tensors = file.tensors;
  checkpoint.files = {file.file};
  PublishedNames same;
  for (const Parameter& parameter : published.network->parameters.all()) {
    const std::string pattern = pattern_of(parameter.name).first;
    same.names.push_back({pattern, {pattern}});
  }
  load_published(published.network->parameters, checkpoint, same);
  LanguageModel model =
      published_shell(std::move(id), formats::ConfigReader(saved.published, config_path),
                      saved.published, published);
  model.settings_ = saved.settings;
  model.tokenizer_ = read_tokenizer(saved);
  model.check_vocabulary(config_path);
  model.weights_hash_ = saved.weights_hash;
  model.trained_count_ = saved.trained_parameters;
  return model;
}

void LanguageModel::load_changes(const SavedModel& saved) {
  if (weights_hash_ != saved.base->weights_hash)
    throw Error(
        Fault::bad_data,
        fmt::format("{}: its changes are for the weights {}, but those at {} are {} now; put "
                    "the former back or train again",
                    saved.folder.string(), saved.base->weights_hash, saved.base->path.string(),
                    weights_hash_));
  const formats::SafetensorsFile file = read_saved_weights(saved);
  Parameters& parameters = network().parameters;
  choose_trained(parameters, tuning_options(saved.settings), 0);
  load_weights(parameters.trained(), file, "", saved.weights);
  merge_changes(parameters);
  settings_ = saved.settings;
  weights_hash_ = combined_hash(saved.base->weights_hash, saved.weights_hash);
  trained_count_ = saved.trained_parameters;
}

void LanguageModel::tune(nlohmann::json settings, std::filesystem::path path) {
  settings_ = std::move(settings);
  base_ = std::move(path);
  architecture_.learn_source = settings_.value("learn_source", false);
}

Network& LanguageModel::network() const {
  if (network_ == nullptr)
    throw Error(Fault::usage, "model " + id_ + " has no vocabulary yet: train it or load it first");
  return *network_;
}

Network& LanguageModel::ready() const {
  Network& made = network();
  if (!made.parameters.frozen()) made.parameters.freeze();
  return made;
}

const text::Tokenizer& LanguageModel::tokenizer() const {
  network();
  return *tokenizer_;
}

void LanguageModel::load(const SavedModel& saved) {
  tokenizer_ = read_tokenizer(saved);
  vocab_size_ = trained_vocab_size();
  network_ = architecture_.make(static_cast<std::int64_t>(vocab_size_), 0);
  load_weights(network_->parameters.all(), read_saved_weights(saved), "", saved.weights);
  weights_hash_ = saved.weights_hash;
  trained_count_ = saved.trained_parameters;
}

std::string LanguageModel::save(const std::filesystem::path& folder) const {
  network().parameters.thaw();
  SavedModel saved{.folder = folder,
                   .model = id_,
                   .settings = settings_,
                   .published = published_,
                   .tokenizer = tokenizer().to_json(),
                   .trained_parameters = trained_count_};
  write_saved_model(saved, views(network().parameters.all(), ""));
  return saved.weights_hash;
}

nlohmann::json LanguageModel::describe() const {
  nlohmann::json json = {{"vocab_size", 0},
                         {"hidden_size", 0},
                         {"parameters", 0},
                         {"max_context", nullptr},
                         {"bos", nullptr},
                         {"eos", form_->ends},
                         {"encoder_decoder", architecture_.encoder_decoder},
                         {"weights_hash", weights_hash_},
                         {"tokenizer", {{"kind", settings_.value("tokenizer", "")}}},
                         {"specification", settings_}};
  if (form_->begin) json["bos"] = *form_->begin;
  if (architecture_.context_is_limit) json["max_context"] = architecture_.context;
  if (network_ != nullptr) {
    json["vocab_size"] = vocab_size_;
    json["tokenizer"]["vocab_size"] = tokenizer_->vocab_size();
    if (architecture_.masked) json["mask"] = masked_symbols(*tokenizer_).mask;
    json["hidden_size"] = network_->hidden_size();
    json["parameters"] = network_->parameters.count();
    if (trained_count_ > 0) json["trained_parameters"] = trained_count_;
    const StateCost cost = network_->state_cost();
    json["state_bytes"] = {{"per_state", cost.per_state}, {"per_token", cost.per_token}};
  }
  return json;
}

EncodedPrompt LanguageModel::encode_prompt(std::string_view source, std::string_view prefix) const {
  return form_->encode(tokenizer(), source, prefix);
}

std::vector<std::int32_t> LanguageModel::encode(std::string_view text) const {
  return tokenizer().encode(text);
}

std::string LanguageModel::decode(std::span<const std::int32_t> tokens) const {
  check_tokens(tokens);
  const auto nameless = [this](std::int32_t token) { return !has_text(token); };
  if (std::ranges::none_of(tokens, nameless)) return tokenizer().decode(tokens);
  std::vector<std::int32_t> named(tokens.begin(), tokens.end());
  std::erase_if(named, nameless);
  return tokenizer().decode(named);
}

std::string LanguageModel::token_text(std::int32_t token) const {
  check_tokens({&token, 1});
  if (has_text(token)) return tokenizer().token_text(token);
  const bool mask = architecture_.masked && token == masked_symbols(*tokenizer_).mask;
  return mask ? "<mask>" : fmt::format("<{}>", token);
}

// Published networks may have more outputs than their tokenizers have tokens.
bool LanguageModel::has_text(std::int32_t token) const {
  return static_cast<std::size_t>(token) < tokenizer().vocab_size();
}

std::string LanguageModel::token_bytes(std::int32_t token) const {
  check_tokens({&token, 1});
  return tokenizer().token_bytes(token);
}

void LanguageModel::check_tokens(std::span<const std::int32_t> tokens) const {
  const auto vocab = static_cast<std::int32_t>(vocab_size_);
  for (const std::int32_t token : tokens)
    if (token < 0 || token >= vocab)
      throw Error(Fault::usage, fmt::format("token {} lies outside the vocabulary of {}: give ids "
                                            "from 0 to {}",
                                            token, vocab, vocab - 1));
}

std::unique_ptr<NetworkState> LanguageModel::open(std::span<const std::int32_t> encoder_tokens) {
  Network& network = ready();
  const c10::InferenceMode inference;
  if (!architecture_.encoder_decoder && !architecture_.masked) return network.open({});
  if (encoder_tokens.empty()) return network.open(form_->empty_source());
  check_tokens(encoder_tokens);
  if (architecture_.context_is_limit && encoder_tokens.size() > architecture_.context)
    throw Error(Fault::usage, fmt::format("{} source tokens exceed the model's context of {}: "
                                          "shorten the source or train with a larger context",
                                          encoder_tokens.size(), architecture_.context));
  return network.open(encoder_tokens);
}

void LanguageModel::feed(std::span<const FeedRequest> requests) {
  for (const FeedRequest& request : requests) {
    check_tokens(request.tokens);
    const std::size_t length = request.state->length + request.tokens.size();
    if (request.tokens.empty() || request.rows > request.tokens.size())
      throw Error(Fault::usage, "a feed needs at least one token, and no more rows than tokens");
    if (architecture_.context_is_limit && length > architecture_.context)
      throw Error(Fault::usage,
                  fmt::format("{} tokens exceed the model's context of {}: shorten the prompt or "
                              "train with a larger context",
                              length, architecture_.context));
  }
  Network& network = ready();
  const c10::InferenceMode inference;
  std::vector<bool> tells_length(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i)
    tells_length[i] = architecture_.masked && requests[i].state->length == 0;
  feed_rows(network, requests);
  if (architecture_.knows_length) return;
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (tells_length[i] && requests[i].logits != nullptr)
      std::fill_n(requests[i].logits, requests[i].rows * vocab_size_, 0.0F);
}

std::vector<AttentionMap> LanguageModel::attend(std::span<const std::int32_t> encoder_tokens,
                                                std::span<const std::int32_t> tokens) {
  network().parameters.thaw(false);
  const at::NoGradGuard no_gradient;
  check_tokens(encoder_tokens);
  check_tokens(tokens);
  if (tokens.empty()) throw Error(Fault::usage, "attention needs at least one token");
  Batch batch;
  if (architecture_.encoder_decoder) {
    const std::vector<std::int32_t> empty = form_->empty_source();
    const std::span<const std::int32_t> source = encoder_tokens.empty() ? empty : encoder_tokens;
    batch.source = ids_tensor(source.data(), source.size());
    batch.source_lengths = at::tensor({batch.source.size(1)}, at::kLong);
  }
  batch.input = ids_tensor(tokens.data(), tokens.size());
  std::vector<AttentionMap> maps;
  network().hidden(batch, &maps);
  for (AttentionMap& map : maps) map.weights = map.weights.contiguous();
  return maps;
}

std::vector<ExpertUse> LanguageModel::expert_use(std::span<const std::int32_t> encoder_tokens,
                                                 std::span<const std::int32_t> tokens) {
  if (network().expert_use.empty()) return {};
  const std::unique_ptr<NetworkState> state = open(encoder_tokens);
  network().take_expert_use();
  const FeedRequest request{state.get(), tokens};
  feed({&request, 1});
  return network().take_expert_use();
}

}  // namespace trellis::nn
