/// Models in C++: see trellis/abi/model.h for the contract.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trellis/abi/model.h"
#include "trellis/sdk/plugin.hpp"

namespace trellis::sdk {

/// What a model remembers of one sequence; models derive their own from it.
struct State {
  virtual ~State() = default;
};

struct PromptTokens {
  std::vector<std::int32_t> encoder;
  std::vector<std::int32_t> decoder;  ///< at least the start symbol
};

class Model {
 public:
  virtual ~Model() = default;

  virtual Json describe() const = 0;
  virtual PromptTokens encode_prompt(std::string_view source, std::string_view prefix) const = 0;
  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  virtual std::string decode(std::span<const std::int32_t> tokens) const = 0;
  virtual std::string token_text(std::int32_t token) const = 0;

  virtual std::unique_ptr<State> open_state(std::span<const std::int32_t> encoder_tokens) = 0;
  virtual std::unique_ptr<State> fork_state(const State& state) = 0;
  /// `state_of(item)` gives back what open_state made.
  virtual void feed(std::span<trellis_feed_item> items) = 0;
};

/// Derive from it as well to offer trellis.model.train/1.
class Trainable {
 public:
  virtual ~Trainable() = default;
  virtual void train(const trellis_train_request& request) = 0;
  virtual void save(const std::filesystem::path& folder) const = 0;
};

/// Derive from it as well to offer trellis.model.token_bytes/1.
class Spelling {
 public:
  virtual ~Spelling() = default;
  virtual std::string token_bytes(std::int32_t token) const = 0;
};

/// Derive from it as well to offer trellis.model.attention/1.
class Attentive {
 public:
  virtual ~Attentive() = default;
  virtual void attend(std::span<const std::int32_t> encoder_tokens,
                      std::span<const std::int32_t> tokens, trellis_attention_sink& sink) = 0;
};

/// Derive from it as well to offer trellis.model.expert_use/1.
class Routing {
 public:
  virtual ~Routing() = default;
  virtual void count_experts(std::span<const std::int32_t> encoder_tokens,
                             std::span<const std::int32_t> tokens,
                             trellis_expert_use_sink& sink) = 0;
};

template <typename S>
S& state_of(const trellis_feed_item& item) {
  return static_cast<S&>(*reinterpret_cast<State*>(item.state));
}

namespace detail {

struct ModelBox {
  trellis_model abi{};
  std::unique_ptr<Model> model;
};

inline Model& model_of(const trellis_model* model) {
  return *static_cast<ModelBox*>(model->self)->model;
}

inline std::span<const std::int32_t> tokens_of(const std::int32_t* tokens, std::size_t count) {
  return {tokens, count};
}

inline trellis_state* release(std::unique_ptr<State> state) {
  return reinterpret_cast<trellis_state*>(state.release());
}

inline void write_tokens(trellis_token_sink* sink, const std::vector<std::int32_t>& tokens) {
  if (!tokens.empty()) sink->write(sink->context, tokens.data(), tokens.size());
}

inline const void* ability(const trellis_model* self, const char* id) {
  static const trellis_model_train train = {
      sizeof(trellis_model_train),
      [](trellis_model* model, const trellis_train_request* request, trellis_error* error) {
        return guard(error, [&] { dynamic_cast<Trainable&>(model_of(model)).train(*request); });
      },
      [](const trellis_model* model, const char* folder, trellis_error* error) {
        return guard(error, [&] { dynamic_cast<Trainable&>(model_of(model)).save(folder); });
      }};
  static const trellis_model_attention attention = {
      sizeof(trellis_model_attention),
      [](trellis_model* model, const std::int32_t* encoder_tokens, std::size_t encoder_count,
         const std::int32_t* tokens, std::size_t count, trellis_attention_sink* sink,
         trellis_error* error) {
        return guard(error, [&] {
          dynamic_cast<Attentive&>(model_of(model))
              .attend(tokens_of(encoder_tokens, encoder_count), tokens_of(tokens, count), *sink);
        });
      }};
  static const trellis_model_token_bytes spelling = {
      sizeof(trellis_model_token_bytes), [](const trellis_model* model, std::int32_t token,
                                            trellis_text_sink* bytes, trellis_error* error) {
        return guard(error, [&] {
          write_text(bytes, dynamic_cast<Spelling&>(model_of(model)).token_bytes(token));
        });
      }};
  static const trellis_model_expert_use expert_use = {
      sizeof(trellis_model_expert_use),
      [](trellis_model* model, const std::int32_t* encoder_tokens, std::size_t encoder_count,
         const std::int32_t* tokens, std::size_t count, trellis_expert_use_sink* sink,
         trellis_error* error) {
        return guard(error, [&] {
          dynamic_cast<Routing&>(model_of(model))
              .count_experts(tokens_of(encoder_tokens, encoder_count), tokens_of(tokens, count),
                             *sink);
        });
      }};
  const std::string_view name = id;
  Model* model = &model_of(self);
  if (name == TRELLIS_MODEL_TOKEN_BYTES_ABILITY && dynamic_cast<Spelling*>(model)) return &spelling;
  if (name == TRELLIS_MODEL_TRAIN_ABILITY && dynamic_cast<Trainable*>(model)) return &train;
  if (name == TRELLIS_MODEL_ATTENTION_ABILITY && dynamic_cast<Attentive*>(model)) return &attention;
  if (name == TRELLIS_MODEL_EXPERT_USE_ABILITY && dynamic_cast<Routing*>(model)) return &expert_use;
  return nullptr;
}

/// The ABI struct around a C++ model; owned by the caller through `destroy`.
inline trellis_model* wrap(std::unique_ptr<Model> model) {
  auto box = std::make_unique<ModelBox>();
  box->model = std::move(model);
  auto& abi = box->abi;
  abi.struct_size = sizeof abi;
  abi.self = box.get();
  abi.destroy = [](trellis_model* m) { delete static_cast<ModelBox*>(m->self); };
  abi.get_ability = &ability;
  abi.describe = [](const trellis_model* m, trellis_text_sink* json, trellis_error* error) {
    return guard(error, [&] { write_json(json, model_of(m).describe()); });
  };
  abi.encode_prompt = [](const trellis_model* m, const trellis_prompt* prompt,
                         trellis_token_sink* encoder, trellis_token_sink* decoder,
                         trellis_error* error) {
    return guard(error, [&] {
      const auto tokens =
          model_of(m).encode_prompt(view_of(prompt->source), view_of(prompt->prefix));
      write_tokens(encoder, tokens.encoder);
      write_tokens(decoder, tokens.decoder);
    });
  };
  abi.encode = [](const trellis_model* m, trellis_span text, trellis_token_sink* tokens,
                  trellis_error* error) {
    return guard(error, [&] { write_tokens(tokens, model_of(m).encode(view_of(text))); });
  };
  abi.decode = [](const trellis_model* m, const std::int32_t* tokens, std::size_t count,
                  trellis_text_sink* text, trellis_error* error) {
    return guard(error, [&] { write_text(text, model_of(m).decode(tokens_of(tokens, count))); });
  };
  abi.token_text = [](const trellis_model* m, std::int32_t token, trellis_text_sink* text,
                      trellis_error* error) {
    return guard(error, [&] { write_text(text, model_of(m).token_text(token)); });
  };
  abi.open_state = [](trellis_model* m, const std::int32_t* tokens, std::size_t count,
                      trellis_state** state, trellis_error* error) {
    return guard(error,
                 [&] { *state = release(model_of(m).open_state(tokens_of(tokens, count))); });
  };
  abi.fork_state = [](trellis_model* m, const trellis_state* state, trellis_state** copy,
                      trellis_error* error) {
    return guard(error, [&] {
      *copy = release(model_of(m).fork_state(*reinterpret_cast<const State*>(state)));
    });
  };
  abi.free_state = [](trellis_model*, trellis_state* state) {
    delete reinterpret_cast<State*>(state);
  };
  abi.feed = [](trellis_model* m, trellis_feed_item* items, std::size_t count,
                trellis_error* error) {
    return guard(error, [&] { model_of(m).feed({items, count}); });
  };
  return &box.release()->abi;
}

}  // namespace detail

/// What a model class M, derived from Model, must have:
///   static Json description();
///   static std::unique_ptr<Model> create(const Json& settings);
///   static std::unique_ptr<Model> load(const std::filesystem::path& folder);
template <typename M>
Offer model_factory() {
  static const trellis_model_factory factory = {
      sizeof(trellis_model_factory), &detail::describe<M>,
      [](const char* settings, trellis_model** out, trellis_error* error) {
        return guard(error, [&] { *out = detail::wrap(M::create(parse_json(settings))); });
      },
      [](const char* folder, trellis_model** out, trellis_error* error) {
        return guard(error, [&] { *out = detail::wrap(M::load(folder)); });
      }};
  return {TRELLIS_MODEL_FACTORY, &factory};
}

}  // namespace trellis::sdk
