#include "core/plugin/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/plugin/boundary.hpp"

namespace trellis::plugin {
namespace {

void require_tokens(std::string_view what, const std::vector<std::int32_t>& tokens,
                    std::size_t vocab_size) {
  for (const auto token : tokens) {
    if (token < 0 || static_cast<std::size_t>(token) >= vocab_size) {
      throw Error(Fault::plugin, fmt::format("{}: token {} is outside the vocabulary of {}", what,
                                             token, vocab_size));
    }
  }
}

// Token ids are 32 bits wide; wider rows than these would be no model that this machine can run.
constexpr std::uint64_t kMaxVocabSize = std::numeric_limits<std::int32_t>::max();
constexpr std::uint64_t kMaxHiddenSize = 1U << 24U;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 40U;  // of a state or token
constexpr std::uint64_t kAnySize = std::numeric_limits<std::int64_t>::max();

std::uint64_t parse_size(const nlohmann::json& json, const char* key, std::uint64_t limit) {
  const auto& value = json.at(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > limit) {
    throw Error(Fault::plugin,
                fmt::format("model describe: {} = {}: must be a whole number from 0 to {}", key,
                            one_line(value.dump()), limit));
  }
  return value.get<std::uint64_t>();
}

ModelFacts parse_facts(const nlohmann::json& json) {
  ModelFacts facts;
  facts.vocab_size = parse_size(json, "vocab_size", kMaxVocabSize);
  if (json.contains("hidden_size")) {
    facts.hidden_size = parse_size(json, "hidden_size", kMaxHiddenSize);
  }
  if (json.contains("parameters")) facts.parameters = parse_size(json, "parameters", kAnySize);
  if (json.contains("max_context") && !json["max_context"].is_null()) {
    facts.max_context = parse_size(json, "max_context", kAnySize);
  }
  facts.eos = json.value("eos", std::vector<std::int32_t>());
  facts.encoder_decoder = json.value("encoder_decoder", false);
  if (json.contains("mask") && !json["mask"].is_null()) {
    facts.mask = json["mask"].get<std::int32_t>();
    if (*facts.mask < 0 || static_cast<std::size_t>(*facts.mask) >= facts.vocab_size) {
      throw Error(Fault::plugin, fmt::format("model describe: mask = {}: is outside the vocabulary "
                                             "of {}",
                                             *facts.mask, facts.vocab_size));
    }
  }
  if (json.contains("state_bytes") && !json["state_bytes"].is_null()) {
    const auto& bytes = json["state_bytes"];
    facts.state_bytes =
        StateBytes{parse_size(bytes, "per_state", kMostBytes),
                   parse_size(bytes, "per_token", kMostBytes), bytes.value("forks_share", true)};
  }
  facts.weights_hash = json.value("weights_hash", "");
  facts.tokenizer = json.value("tokenizer", nlohmann::json());
  facts.json = json;
  return facts;
}

void keep_map(void* context, const char* kind, std::int32_t layer, const float* weights,
              std::int32_t heads, std::int32_t queries, std::int32_t keys) {
  AttentionMap map{kind, layer, 0, 0, 0, {}};
  if (weights != nullptr && heads > 0 && queries > 0 && keys > 0) {
    map.heads = static_cast<std::size_t>(heads);
    map.queries = static_cast<std::size_t>(queries);
    map.keys = static_cast<std::size_t>(keys);
    map.weights.assign(weights, weights + map.heads * map.queries * map.keys);
  }
  static_cast<std::vector<AttentionMap>*>(context)->push_back(std::move(map));
}

void keep_use(void* context, std::int32_t layer, const std::uint64_t* tokens,
              std::int32_t experts) {
  ExpertUse use{layer, {}};
  if (tokens != nullptr && experts > 0) use.tokens.assign(tokens, tokens + experts);
  static_cast<std::vector<ExpertUse>*>(context)->push_back(std::move(use));
}

}  // namespace

std::size_t context_used(const ModelFacts& facts, const PromptTokens& prompt) {
  // The block takes the place of the mask in the text.
  return facts.mask ? prompt.encoder.size() - std::min<std::size_t>(prompt.encoder.size(), 1)
                    : prompt.decoder.size();
}

State::State(State&& other) noexcept
    : model_(other.model_), state_(std::exchange(other.state_, nullptr)) {}

State& State::operator=(State&& other) noexcept {
  std::swap(model_, other.model_);
  std::swap(state_, other.state_);
  return *this;
}

State::~State() {
  if (state_ != nullptr) model_->free_state(model_, state_);
}

Model Model::create(Registry& registry, std::string_view id, const nlohmann::json& settings) {
  const auto& factory = factory_of<trellis_model_factory>(registry, Kind::model, id);
  trellis_model* model = nullptr;
  call(fmt::format("model {}", id), [&](trellis_error* error) {
    return factory.create(settings.dump().c_str(), &model, error);
  });
  return Model(model);
}

Model Model::load(Registry& registry, std::string_view id, const std::filesystem::path& folder) {
  const auto& factory = factory_of<trellis_model_factory>(registry, Kind::model, id);
  trellis_model* model = nullptr;
  call(fmt::format("model {}", id),
       [&](trellis_error* error) { return factory.load(folder.string().c_str(), &model, error); });
  return Model(model);
}

Model::Model(trellis_model* model) : model_(adopt("model", model)) {
  const bool whole = model->describe && model->encode_prompt && model->encode && model->decode &&
                     model->token_text && model->open_state && model->fork_state &&
                     model->free_state && model->feed;
  if (!whole) throw Error(Fault::plugin, "model: its struct lacks a function");
  read_facts();
}

void Model::read_facts() {
  const auto json = call_for_json("model describe", [&](auto* sink, auto* error) {
    return model_->describe(model_.get(), sink, error);
  });
  try {
    facts_ = parse_facts(json);
  } catch (const nlohmann::json::exception& exception) {
    throw Error(Fault::plugin, fmt::format("model describe: malformed: {}", exception.what()));
  }
  if (facts_.vocab_size > 0) require_tokens("model describe: eos", facts_.eos, facts_.vocab_size);
}

PromptTokens Model::encode_prompt(std::string_view source, std::string_view prefix) const {
  PromptTokens tokens;
  auto encoder = token_sink(tokens.encoder);
  auto decoder = token_sink(tokens.decoder);
  const trellis_prompt prompt{span_of(source), span_of(prefix)};
  call("model encode_prompt", [&](trellis_error* error) {
    return model_->encode_prompt(model_.get(), &prompt, &encoder, &decoder, error);
  });
  require_tokens("model encode_prompt", tokens.decoder, facts_.vocab_size);
  if (std::any_of(tokens.encoder.begin(), tokens.encoder.end(), [](auto t) { return t < 0; })) {
    throw Error(Fault::plugin, "model encode_prompt: gave a negative encoder token");
  }
  if (tokens.decoder.empty()) {
    throw Error(Fault::plugin,
                "model encode_prompt: gave no decoder token, not even a start symbol");
  }
  const auto mask = facts_.mask;
  if (mask &&
      (tokens.decoder != std::vector{*mask} ||
       std::find(tokens.encoder.begin(), tokens.encoder.end(), *mask) == tokens.encoder.end())) {
    throw Error(Fault::plugin, "model encode_prompt: gave no text with a mask, and the mask alone");
  }
  return tokens;
}

std::vector<std::int32_t> Model::encode(std::string_view text) const {
  std::vector<std::int32_t> tokens;
  auto sink = token_sink(tokens);
  call("model encode", [&](trellis_error* error) {
    return model_->encode(model_.get(), span_of(text), &sink, error);
  });
  require_tokens("model encode", tokens, facts_.vocab_size);
  return tokens;
}

std::string Model::decode(std::span<const std::int32_t> tokens) const {
  return call_for_text("model decode", [&](auto* sink, auto* error) {
    return model_->decode(model_.get(), tokens.data(), tokens.size(), sink, error);
  });
}

std::string Model::token_bytes(std::int32_t token) const {
  const auto* ability = static_cast<const trellis_model_token_bytes*>(
      this->ability(TRELLIS_MODEL_TOKEN_BYTES_ABILITY));
  if (ability == nullptr) return decode({&token, 1});
  return call_for_text("model token_bytes", [&](auto* sink, auto* error) {
    return ability->write(model_.get(), token, sink, error);
  });
}

std::string Model::token_text(std::int32_t token) const {
  return call_for_text("model token_text", [&](auto* sink, auto* error) {
    return model_->token_text(model_.get(), token, sink, error);
  });
}

State Model::open_state(std::span<const std::int32_t> encoder_tokens) {
  trellis_state* state = nullptr;
  call("model open_state", [&](trellis_error* error) {
    return model_->open_state(model_.get(), encoder_tokens.data(), encoder_tokens.size(), &state,
                              error);
  });
  if (state == nullptr) throw Error(Fault::plugin, "model open_state: gave no state");
  return State(model_.get(), state);
}

State Model::fork(const State& state) {
  trellis_state* copy = nullptr;
  call("model fork_state", [&](trellis_error* error) {
    return model_->fork_state(model_.get(), state.get(), &copy, error);
  });
  if (copy == nullptr) throw Error(Fault::plugin, "model fork_state: gave no state");
  return State(model_.get(), copy);
}

void Model::feed(std::span<trellis_feed_item> items) {
  call("model feed", [&](trellis_error* error) {
    return model_->feed(model_.get(), items.data(), items.size(), error);
  });
}

std::vector<AttentionMap> Model::attention(std::span<const std::int32_t> encoder_tokens,
                                           std::span<const std::int32_t> decoder_tokens) {
  std::vector<AttentionMap> maps;
  const auto* ability =
      static_cast<const trellis_model_attention*>(this->ability(TRELLIS_MODEL_ATTENTION_ABILITY));
  if (ability == nullptr) return maps;
  trellis_attention_sink sink{sizeof sink, &maps, keep_map};
  call("model attention", [&](trellis_error* error) {
    return ability->attend(model_.get(), encoder_tokens.data(), encoder_tokens.size(),
                           decoder_tokens.data(), decoder_tokens.size(), &sink, error);
  });
  for (const auto& map : maps) {
    const auto queries = map.kind == "encoder" ? encoder_tokens.size() : decoder_tokens.size();
    const auto keys = map.kind == "experts" ? map.keys
                      : map.kind == "self"  ? decoder_tokens.size()
                                            : encoder_tokens.size();
    if (map.heads == 0 || map.queries != queries || map.keys != keys) {
      throw Error(Fault::plugin,
                  fmt::format("model attention: a map \"{}\" of {} x {} where there are {} x {}",
                              one_line(map.kind), map.queries, map.keys, queries, keys));
    }
  }
  return maps;
}

std::vector<ExpertUse> Model::expert_use(std::span<const std::int32_t> encoder_tokens,
                                         std::span<const std::int32_t> decoder_tokens) {
  std::vector<ExpertUse> layers;
  const auto* ability =
      static_cast<const trellis_model_expert_use*>(this->ability(TRELLIS_MODEL_EXPERT_USE_ABILITY));
  if (ability == nullptr) return layers;
  trellis_expert_use_sink sink{sizeof sink, &layers, keep_use};
  call("model expert_use", [&](trellis_error* error) {
    return ability->count(model_.get(), encoder_tokens.data(), encoder_tokens.size(),
                          decoder_tokens.data(), decoder_tokens.size(), &sink, error);
  });
  for (const auto& [layer, tokens] : layers) {
    const bool possible =
        layer >= 0 && !tokens.empty() && std::ranges::max(tokens) <= decoder_tokens.size();
    if (!possible) {
      throw Error(Fault::plugin, fmt::format("model expert_use: layer {} has {} experts, one of "
                                             "which more than {} tokens, or none",
                                             layer, tokens.size(), decoder_tokens.size()));
    }
  }
  return layers;
}

const void* Model::ability(const char* id) const {
  return model_->get_ability != nullptr ? model_->get_ability(model_.get(), id) : nullptr;
}

bool Model::can_train() const {
  return ability(TRELLIS_MODEL_TRAIN_ABILITY) != nullptr;
}

void Model::train(std::span<const TrainingExample> train, std::span<const TrainingExample> valid,
                  const std::filesystem::path& folder, std::uint64_t seed,
                  const std::function<bool(const nlohmann::json&)>& on_point) {
  const auto* ability =
      static_cast<const trellis_model_train*>(this->ability(TRELLIS_MODEL_TRAIN_ABILITY));
  if (ability == nullptr) throw Error(Fault::usage, "this model cannot be trained");
  const auto borrow = [](std::span<const TrainingExample> examples) {
    std::vector<trellis_example> borrowed;
    borrowed.reserve(examples.size());
    for (const auto& example : examples) {
      borrowed.push_back({span_of(example.source), span_of(example.target)});
    }
    return borrowed;
  };
  const auto given_of = [](std::span<const TrainingExample> examples) {
    std::vector<std::size_t> given;
    given.reserve(examples.size());
    for (const auto& example : examples) given.push_back(example.given);
    return given;
  };
  const auto train_spans = borrow(train);
  const auto valid_spans = borrow(valid);
  const auto train_given = given_of(train);
  const auto valid_given = given_of(valid);
  const std::string folder_text = folder.string();
  trellis_train_request request{};
  request.struct_size = sizeof request;
  request.train = train_spans.data();
  request.train_count = train_spans.size();
  request.valid = valid_spans.data();
  request.valid_count = valid_spans.size();
  request.train_given = train_given.data();
  request.valid_given = valid_given.data();
  request.folder = folder_text.c_str();
  request.seed = seed;
  // An exception must not cross the plugin's frames: it is kept and thrown again afterwards.
  struct Caller {
    const std::function<bool(const nlohmann::json&)>& on_point;
    std::exception_ptr thrown;
  } caller{on_point, nullptr};
  request.context = &caller;
  request.on_point = [](void* context, const char* json, std::size_t size) -> std::int32_t {
    auto& receiver = *static_cast<Caller*>(context);
    try {
      return receiver.on_point(parse_json({json, size})) ? 0 : 1;
    } catch (...) {
      receiver.thrown = std::current_exception();
      return 1;
    }
  };
  try {
    call("model train",
         [&](trellis_error* error) { return ability->train(model_.get(), &request, error); });
  } catch (const Error&) {
    if (caller.thrown) std::rethrow_exception(caller.thrown);
    throw;
  }
  read_facts();
}

void Model::save(const std::filesystem::path& folder) const {
  const auto* ability =
      static_cast<const trellis_model_train*>(this->ability(TRELLIS_MODEL_TRAIN_ABILITY));
  if (ability == nullptr) throw Error(Fault::usage, "this model cannot be saved");
  call("model save", [&](trellis_error* error) {
    return ability->save(model_.get(), folder.string().c_str(), error);
  });
}

}  // namespace trellis::plugin
