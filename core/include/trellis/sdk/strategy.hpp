/// Decoding strategies and logits processors in C++: see trellis/abi/strategy.h for the contract.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trellis/abi/strategy.h"
#include "trellis/sdk/plugin.hpp"

namespace trellis::sdk {

// ---- logits processors ------------------------------------------------------------------------

/// The logit of a token that may not be chosen.
inline constexpr float kForbidden = -std::numeric_limits<float>::infinity();

/// All tokens before the next one: prompt, start symbol included, then what was generated; or the
/// latter alone.
inline std::vector<std::int32_t> history(const trellis_sequence& sequence, bool prompt = true) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(sequence.prompt_count + sequence.token_count);
  if (prompt) tokens.assign(sequence.prompt, sequence.prompt + sequence.prompt_count);
  tokens.insert(tokens.end(), sequence.tokens, sequence.tokens + sequence.token_count);
  return tokens;
}

inline std::span<const std::int32_t> eos_of(const trellis_sequence& sequence) {
  return {sequence.eos, sequence.eos_count};
}

/// The ids of a text in the model's vocabulary. Throws Failure when it cannot be written with it.
inline std::vector<std::int32_t> encode(const trellis_vocabulary& vocabulary,
                                        std::string_view text) {
  std::vector<std::int32_t> tokens;
  trellis_token_sink sink{sizeof sink, &tokens,
                          [](void* context, const std::int32_t* data, std::size_t count) {
                            auto& all = *static_cast<std::vector<std::int32_t>*>(context);
                            all.insert(all.end(), data, data + count);
                          }};
  trellis_error error{};
  error.struct_size = sizeof error;
  const auto status =
      vocabulary.encode(vocabulary.context, {text.data(), text.size()}, &sink, &error);
  if (status != TRELLIS_OK) throw Failure(status, error.message);
  return tokens;
}

/// What a token writes inside of a text: bytes, not always whole characters; nothing for special
/// symbols. Throws Failure where the host is too old to say.
inline std::string token_bytes(const trellis_vocabulary& vocabulary, std::int32_t token) {
  if (vocabulary.struct_size < sizeof(trellis_vocabulary))
    throw Failure(TRELLIS_UNSUPPORTED, "the host does not tell the bytes of tokens");
  std::string bytes;
  trellis_text_sink sink{sizeof sink, &bytes,
                         [](void* context, const char* data, std::size_t size) {
                           static_cast<std::string*>(context)->append(data, size);
                         }};
  trellis_error error{};
  error.struct_size = sizeof error;
  const auto status = vocabulary.token_bytes(vocabulary.context, token, &sink, &error);
  if (status != TRELLIS_OK) throw Failure(status, error.message);
  return bytes;
}

/// What a processor class P must have:
///   static Json description();                                   id, version, summary, rank ...
///   explicit P(const Json& settings);
///   void apply(const trellis_sequence&, std::span<float> logits) const;
/// and may have, to turn texts of its settings into token ids:
///   void bind(const trellis_vocabulary&);
template <typename P>
Offer logits_processor_factory() {
  struct Box {
    trellis_logits_processor abi;
    P processor;
  };
  static const trellis_logits_processor_factory factory = {
      sizeof(trellis_logits_processor_factory), &detail::describe<P>,
      [](const char* settings, trellis_logits_processor** out, trellis_error* error) {
        return guard(error, [&] {
          auto box = std::unique_ptr<Box>(new Box{{}, P(parse_json(settings))});
          box->abi = {sizeof(trellis_logits_processor), box.get(),
                      [](trellis_logits_processor* p) { delete static_cast<Box*>(p->self); },
                      [](const trellis_logits_processor* p, const trellis_sequence* sequence,
                         float* logits, std::size_t vocab_size, trellis_error* failure) {
                        return guard(failure, [&] {
                          static_cast<const Box*>(p->self)->processor.apply(*sequence,
                                                                            {logits, vocab_size});
                        });
                      },
                      nullptr};
          if constexpr (requires(P & p, const trellis_vocabulary& v) { p.bind(v); }) {
            box->abi.bind = [](trellis_logits_processor* p, const trellis_vocabulary* vocabulary,
                               trellis_error* failure) {
              return guard(failure,
                           [&] { static_cast<Box*>(p->self)->processor.bind(*vocabulary); });
            };
          }
          *out = &box.release()->abi;
        });
      }};
  return {TRELLIS_LOGITS_PROCESSOR_FACTORY, &factory};
}

// ---- strategies -------------------------------------------------------------------------------

/// The answer of one round; see trellis_answer.
class Answer {
 public:
  explicit Answer(trellis_answer* answer) : answer_(answer) {}

  /// Continues hypothesis `parent` with `tokens`, which follow its last row.
  void move(const trellis_view& view, std::size_t parent, std::span<const std::int32_t> tokens,
            double score) {
    send(parent, last_row(view, parent), tokens, score, nullptr);
  }
  void finish(const trellis_view& view, std::size_t parent, std::span<const std::int32_t> tokens,
              double score, trellis_finish_reason reason) {
    send(parent, last_row(view, parent), tokens, score, &reason);
  }

  /// The same, but `tokens` follow an earlier row: the hypothesis's own tokens after it are
  /// dropped.
  void move_from(std::size_t parent, std::size_t row, std::span<const std::int32_t> tokens,
                 double score) {
    send(parent, row, tokens, score, nullptr);
  }
  void finish_from(std::size_t parent, std::size_t row, std::span<const std::int32_t> tokens,
                   double score, trellis_finish_reason reason) {
    send(parent, row, tokens, score, &reason);
  }

  /// The same as move_from, but the draft reads the tokens, not the model.
  void draft_from(std::size_t parent, std::size_t row, std::span<const std::int32_t> tokens,
                  double score) {
    send(parent, row, tokens, score, nullptr, TRELLIS_READER_DRAFT);
  }
  void draft(const trellis_view& view, std::size_t parent, std::span<const std::int32_t> tokens,
             double score) {
    draft_from(parent, last_row(view, parent), tokens, score);
  }

  /// Another score for what was finished by the `number`-th call of finish, from 0, of the search.
  void rescore(std::uint64_t number, double score) {
    trellis_error error{};
    error.struct_size = sizeof error;
    const auto status = answer_->rescore(answer_->context, number, score, &error);
    if (status != TRELLIS_OK) throw Failure(status, error.message);
  }

 private:
  static std::size_t last_row(const trellis_view& view, std::size_t parent) {
    return view.hypotheses[parent].row_count - 1;
  }

  void send(std::size_t parent, std::size_t row, std::span<const std::int32_t> tokens, double score,
            const trellis_finish_reason* reason, trellis_reader reader = TRELLIS_READER_MODEL) {
    trellis_move move{};
    move.struct_size = sizeof move;
    move.parent = static_cast<std::uint32_t>(parent);
    move.row = static_cast<std::uint32_t>(row);
    move.tokens = tokens.data();
    move.token_count = tokens.size();
    move.score = score;
    move.reader = reader;
    trellis_error error{};
    error.struct_size = sizeof error;
    const auto status = reason != nullptr
                            ? answer_->finish(answer_->context, &move, *reason, &error)
                            : answer_->move(answer_->context, &move, &error);
    if (status != TRELLIS_OK) throw Failure(status, error.message);
  }

  trellis_answer* answer_;
};

/// vocab_size scores after the processors, at the end of a hypothesis.
inline std::span<const float> last_scores(const trellis_view& view, std::size_t hypothesis) {
  const auto& shown = view.hypotheses[hypothesis];
  return {shown.scores + (shown.row_count - 1) * view.vocab_size, view.vocab_size};
}

/// The text that a finished sequence of these tokens gives.
inline std::string text_of(const trellis_view& view, std::span<const std::int32_t> tokens) {
  std::string text;
  trellis_text_sink sink{sizeof sink, &text, [](void* context, const char* data, std::size_t size) {
                           static_cast<std::string*>(context)->append(data, size);
                         }};
  trellis_error error{};
  error.struct_size = sizeof error;
  const auto status = view.text(view.text_context, tokens.data(), tokens.size(), &sink, &error);
  if (status != TRELLIS_OK) throw Failure(status, error.message);
  return text;
}

inline bool is_eos(const trellis_view& view, std::int32_t token) {
  return std::find(view.eos, view.eos + view.eos_count, token) != view.eos + view.eos_count;
}

/// A token drawn from the softmax of `scores`: see gumbel_argmax of trellis_noise. Asks hosts that
/// cannot search for all noise.
inline std::int32_t draw_token(const trellis_noise& noise, std::uint64_t position,
                               std::span<const float> scores) {
  if (noise.struct_size >= offsetof(trellis_noise, gumbel_argmax) + sizeof noise.gumbel_argmax) {
    return noise.gumbel_argmax(noise.context, position, scores.data(), scores.size());
  }
  std::vector<float> noisy(scores.size());
  noise.gumbel(noise.context, position, noisy.data(), noisy.size());
  for (std::size_t i = 0; i < scores.size(); ++i) noisy[i] += scores[i];
  std::size_t best = 0;
  for (std::size_t i = 1; i < noisy.size(); ++i) {
    if (noisy[i] > noisy[best] || noisy[best] != noisy[best]) best = i;
  }
  return static_cast<std::int32_t>(best);
}

/// One search: the work on one sample.
class Search {
 public:
  virtual ~Search() = default;
  virtual void advance(const trellis_view& view, Answer& answer) = 0;
};

/// A strategy with one hypothesis that grows by one token a round. S has
///   std::int32_t choose(const trellis_view& view, std::span<const float> scores) const;
template <typename S>
class SingleTokenSearch final : public Search {
 public:
  explicit SingleTokenSearch(const S& strategy) : strategy_(strategy) {}

  void advance(const trellis_view& view, Answer& answer) override {
    if (view.hypotheses[0].stopped != 0) {
      answer.finish(view, 0, {}, 0, TRELLIS_FINISH_STOP);
      return;
    }
    const std::int32_t token = strategy_.choose(view, last_scores(view, 0));
    if (is_eos(view, token)) {
      answer.finish(view, 0, {&token, 1}, 0, TRELLIS_FINISH_EOS);
    } else {
      answer.move(view, 0, {&token, 1}, 0);
    }
  }

 private:
  const S& strategy_;
};

/// What a strategy class S must have:
///   static Json description();
///   explicit S(const Json& settings);
///   std::unique_ptr<Search> open_search() const;
template <typename S>
Offer strategy_factory() {
  struct Box {
    trellis_strategy abi;
    S strategy;
  };
  struct SearchBox {
    trellis_search abi;
    std::unique_ptr<Search> search;
  };
  static constexpr auto open = [](const trellis_strategy* self, trellis_search** out,
                                  trellis_error* error) {
    return guard(error, [&] {
      auto box = std::unique_ptr<SearchBox>(
          new SearchBox{{}, static_cast<const Box*>(self->self)->strategy.open_search()});
      box->abi = {sizeof(trellis_search), box.get(),
                  [](trellis_search* s) { delete static_cast<SearchBox*>(s->self); },
                  [](trellis_search* s, const trellis_view* view, trellis_answer* answer,
                     trellis_error* failure) {
                    return guard(failure, [&] {
                      Answer wrapped(answer);
                      static_cast<SearchBox*>(s->self)->search->advance(*view, wrapped);
                    });
                  }};
      *out = &box.release()->abi;
    });
  };
  static const trellis_strategy_factory factory = {
      sizeof(trellis_strategy_factory), &detail::describe<S>,
      [](const char* settings, trellis_strategy** out, trellis_error* error) {
        return guard(error, [&] {
          auto box = std::unique_ptr<Box>(new Box{{}, S(parse_json(settings))});
          box->abi = {sizeof(trellis_strategy), box.get(),
                      [](trellis_strategy* s) { delete static_cast<Box*>(s->self); }, open};
          *out = &box.release()->abi;
        });
      }};
  return {TRELLIS_STRATEGY_FACTORY, &factory};
}

}  // namespace trellis::sdk
