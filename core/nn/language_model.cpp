#include "core/nn/language_model.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

#include "core/error.hpp"
#include "core/nn/weights.hpp"
#include "core/text/published_tokenizer.hpp"

namespace trellis::nn {
namespace {

constexpr int kFormat = 1;
const char* const kModelFile = "model.json";
const char* const kCheckpointFile = "training.safetensors";
const char* const kGapMark = "___";  // of published models

nlohmann::json read_model_file(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kModelFile;
  std::ifstream file(path);
  if (!file)
    throw Error(Fault::missing,
                path.string() + ": cannot be opened; give the folder of a trained model");
  nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
  if (!json.is_object() || json.value("format", 0) != kFormat)
    throw Error(Fault::bad_data, path.string() + ": is not a model file of format " +
                                     std::to_string(kFormat) + "; train the model again");
  return json;
}

std::string fingerprint(const nlohmann::json& settings, std::uint64_t seed,
                        const std::string& weights, std::span<const TextExample> train,
                        std::span<const TextExample> valid) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  XXH3_128bits_reset(state.get());
  const auto add = [&](std::string_view text) {
    const std::uint64_t size = text.size();  // keeps "ab", "c" from looking like "a", "bc"
    XXH3_128bits_update(state.get(), &size, sizeof size);
    XXH3_128bits_update(state.get(), text.data(), text.size());
  };
  add(settings.dump());
  add(std::to_string(seed));
  add(weights);
  for (const auto& examples : {train, valid}) {
    add(std::to_string(examples.size()));
    for (const TextExample& example : examples) {
      add(example.source);
      add(example.target);
    }
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

void remove_other_weights(const std::filesystem::path& folder, const std::string& keep) {
  std::error_code ignored;  // a leftover file does no harm
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("weights-") && name.ends_with(".safetensors") && name != keep)
      std::filesystem::remove(entry.path(), ignored);
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
  own.insert(own.end(), last.begin(), last.end());
  return own;
}

nlohmann::json learn_source_setting() {
  return boolean_setting("learn_source", "training", false,
                         "Learn the source's tokens too, not only the target's (decoder-only "
                         "models).");
}

nlohmann::json to_json(const TrainingPoint& point) {
  return {{"step", point.step},
          {"steps", point.steps},
          {"tokens", point.tokens},
          {"seconds", point.seconds},
          {"split", point.valid ? "valid" : "train"},
          {"loss", point.loss},
          {"learning_rate", point.learning_rate},
          {"gradient_norm", point.gradient_norm}};
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

LanguageModel LanguageModel::from_published(std::string id, formats::Checkpoint checkpoint,
                                            PublishedModel published) {
  Architecture architecture;
  architecture.encoder_decoder = published.encoder_decoder;
  architecture.context = published.context;
  architecture.context_is_limit = published.context_is_limit;
  architecture.masked = published.masked;
  LanguageModel model(std::move(id), checkpoint.config, std::move(architecture));
  // First the tokenizer: making it takes memory that the weights can have afterwards.
  model.tokenizer_ = checkpoint.tokenizer.is_null()
                         ? text::load_tokenizer(checkpoint.path)
                         : text::build_huggingface_tokenizer(checkpoint.tokenizer);
  checkpoint.tokenizer = nullptr;
  load_published(published.network->parameters, checkpoint, published.names);
  model.network_ = std::move(published.network);
  model.vocab_size_ = published.vocab;
  if (model.tokenizer_->vocab_size() > published.vocab)
    throw Error(
        Fault::bad_data,
        fmt::format("{}: its tokenizer has {} tokens, the model only {}: they do not "
                    "belong together",
                    checkpoint.path.string(), model.tokenizer_->vocab_size(), published.vocab));
  model.weights_hash_ = formats::tensor_hash(checkpoint);
  if (published.masked) {
    masked_symbols(*model.tokenizer_);  // throws where it has none
    model.form_ = masked_form(kGapMark, 0);
    return model;
  }
  const formats::ConfigReader config = checkpoint.reader();
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

nlohmann::json LanguageModel::saved_settings(const std::string& id,
                                             const std::filesystem::path& folder) {
  const nlohmann::json json = read_model_file(folder);
  const std::string found = json.value("model", "");
  if (found != id || !json.contains("settings"))
    throw Error(Fault::bad_data, (folder / kModelFile).string() +
                                     ": holds a model of the plugin \"" + found + "\", not of \"" +
                                     id + "\"");
  return json.at("settings");
}

void LanguageModel::load(const std::filesystem::path& folder) {
  const nlohmann::json json = read_model_file(folder);
  std::filesystem::path path;
  try {
    path = folder / json.at("weights").get<std::string>();
    tokenizer_ = text::tokenizer_from_json(json.at("tokenizer"));
  } catch (const std::exception& exception) {
    throw Error(Fault::bad_data, (folder / kModelFile).string() + ": " + exception.what() +
                                     "; train the model again");
  }
  vocab_size_ = trained_vocab_size();
  network_ = architecture_.make(static_cast<std::int64_t>(vocab_size_), 0);
  const formats::SafetensorsFile file = formats::read_safetensors(path);
  const std::string hash = formats::tensor_hash(file);
  if (hash != json.value("weights_hash", ""))
    throw Error(
        Fault::bad_data,
        path.string() + ": its contents changed since it was written; train the model again");
  load_weights(network_->parameters, file, "", path);
  weights_hash_ = hash;
}

std::string LanguageModel::save(const std::filesystem::path& folder) const {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure)
    throw Error(Fault::environment, folder.string() + ": cannot be made: " + failure.message());
  network().parameters.thaw();
  const std::vector<formats::TensorToWrite> tensors = views(network().parameters, "");
  // The name needs the hash before the file is written, and writing gives it: so write, then name.
  const std::filesystem::path unnamed = folder / "weights.safetensors";
  const std::string hash = formats::write_safetensors(unnamed, tensors, {{"model", id_}});
  const std::string name = "weights-" + hash + ".safetensors";
  std::filesystem::rename(unnamed, folder / name);
  const nlohmann::json json = {{"format", kFormat},     {"model", id_},
                               {"settings", settings_}, {"tokenizer", tokenizer().to_json()},
                               {"weights", name},       {"weights_hash", hash}};
  const std::string text = json.dump(1) + "\n";
  formats::write_atomically(folder / kModelFile, std::array<std::string_view, 1>{text});
  remove_other_weights(folder, name);
  return hash;
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

std::size_t LanguageModel::trained_vocab_size() const {
  return tokenizer_->vocab_size() + (architecture_.masked ? 1 : 0);
}

// How many tokens of a plain text are learned at once.
std::size_t LanguageModel::window() const {
  constexpr std::size_t kAround = 2;  // before and behind a text with masks
  return architecture_.context - (architecture_.masked ? kAround : 0);
}

Sequence LanguageModel::to_sequence(const TextExample& example) const {
  EncodedPrompt prompt = encode_prompt(example.source, {});
  Sequence sequence;
  sequence.source = std::move(prompt.encoder);
  sequence.tokens = std::move(prompt.decoder);
  sequence.given = architecture_.learn_source ? 1 : sequence.tokens.size();
  const std::vector<std::int32_t> target = tokenizer_->encode(example.target);
  sequence.tokens.insert(sequence.tokens.end(), target.begin(), target.end());
  if (!architecture_.masked) sequence.tokens.push_back(text::kEnd);
  // Plain text is cut to windows later; a target that answers a source must stay with it. Where
  // there are masks, one in the source gives its place to the target.
  const std::size_t used = architecture_.masked ? sequence.source.size() - 1 : 0;
  if (!example.source.empty())
    sequence.tokens.resize(std::min(sequence.tokens.size(), architecture_.context - used + 1));
  return sequence;
}

std::vector<Sequence> LanguageModel::to_sequences(std::span<const TextExample> examples) const {
  std::vector<Sequence> sequences;
  sequences.reserve(examples.size());
  for (const TextExample& example : examples) sequences.push_back(to_sequence(example));
  return sequences;
}

void LanguageModel::train(std::span<const TextExample> train, std::span<const TextExample> valid,
                          const std::filesystem::path& folder, std::uint64_t seed,
                          const std::function<bool(const TrainingPoint&)>& on_point,
                          const TrainingWorld& world) {
  if (architecture_.make == nullptr)
    throw Error(Fault::usage, "model " + id_ + " is a published one, which is not trained further");
  if (train.empty())
    throw Error(Fault::usage, "there is no training data; name a training file in the task");
  const TrainingOptions options = training_options(settings_);
  const std::string mark = fingerprint(settings_, seed, weights_hash_, train, valid);
  if (network_ == nullptr) {
    std::vector<std::string_view> texts;
    for (const TextExample& example : train) {
      if (!example.source.empty()) texts.push_back(example.source);
      texts.push_back(example.target);
    }
    tokenizer_ = text::train_tokenizer(tokenizer_options(settings_), texts);
    vocab_size_ = trained_vocab_size();
    network_ = architecture_.make(static_cast<std::int64_t>(vocab_size_), seed);
  }
  network_->parameters.thaw();
  std::filesystem::create_directories(folder);
  const std::vector<Sequence> train_sequences = to_sequences(train);
  const std::vector<Sequence> valid_sequences = to_sequences(valid);
  const TrainingJob job{
      train_sequences, valid_sequences, window(), seed, folder / kCheckpointFile, mark, on_point};
  if (nn::train(*network_, options, job, world) == TrainingEnd::stopped)
    throw Error(Fault::cancelled,
                "training was stopped; run it again to go on from " + job.checkpoint.string());
  weights_hash_ = save(folder);
  std::filesystem::remove(job.checkpoint);
}

}  // namespace trellis::nn
