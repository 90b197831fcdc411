/// Tasks in C++: see trellis/abi/task.h for the contract and the JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "trellis/abi/task.h"
#include "trellis/sdk/plugin.hpp"

namespace trellis::sdk {

namespace detail {

template <typename T>
concept HasTurns = requires(T& task, const Json& json) {
  task.next_turn(json, json);
};

}  // namespace detail

/// What a task class T must have:
///   static Json description();
///   explicit T(const Json& settings);
///   std::uint64_t count(trellis_split split);
///   Json example(trellis_split split, std::uint64_t index);
///   Json score(const Json& samples);          one answer a sample, in order
/// And what it has for conversations, if its samples are such:
///   bool has_turns() const;                   with these settings
///   Json next_turn(const Json& example, const Json& turns);
template <typename T>
Offer task_factory() {
  struct Box {
    trellis_task abi;
    T task;
  };
  static constexpr auto box_of = [](trellis_task* task) -> Box& {
    return *static_cast<Box*>(task->self);
  };
  static constexpr auto count = [](trellis_task* self, trellis_split split, std::uint64_t* out,
                                   trellis_error* error) {
    return guard(error, [&] { *out = box_of(self).task.count(split); });
  };
  static constexpr auto example = [](trellis_task* self, trellis_split split, std::uint64_t index,
                                     trellis_text_sink* json, trellis_error* error) {
    return guard(error, [&] { detail::write_json(json, box_of(self).task.example(split, index)); });
  };
  static constexpr auto score = [](trellis_task* self, trellis_span samples,
                                   trellis_text_sink* json, trellis_error* error) {
    return guard(error, [&] {
      detail::write_json(json, box_of(self).task.score(parse_json(detail::view_of(samples))));
    });
  };
  static constexpr auto ability = [](const trellis_task* self, const char* id) -> const void* {
    if constexpr (detail::HasTurns<T>) {
      static const trellis_task_turns turns = {
          sizeof(trellis_task_turns), [](trellis_task* task, trellis_span conversation,
                                         trellis_text_sink* json, trellis_error* error) {
            return guard(error, [&] {
              const Json said = parse_json(detail::view_of(conversation));
              detail::write_json(json,
                                 box_of(task).task.next_turn(said.at("example"), said.at("turns")));
            });
          }};
      const bool wanted = std::string_view(id) == TRELLIS_TASK_TURNS_ABILITY;
      if (wanted && static_cast<const Box*>(self->self)->task.has_turns()) return &turns;
    }
    return nullptr;
  };
  static const trellis_task_factory factory = {
      sizeof(trellis_task_factory), &detail::describe<T>,
      [](const char* settings, trellis_task** out, trellis_error* error) {
        return guard(error, [&] {
          auto box = std::unique_ptr<Box>(new Box{{}, T(parse_json(settings))});
          box->abi = {sizeof(trellis_task),
                      box.get(),
                      [](trellis_task* t) { delete &box_of(t); },
                      count,
                      example,
                      score,
                      ability};
          *out = &box.release()->abi;
        });
      }};
  return {TRELLIS_TASK_FACTORY, &factory};
}

}  // namespace trellis::sdk
