/* Compiled as C11, pedantic: the headers stand on their own, and no member has moved since ABI 1.0
 * (64-bit systems). A new member may only be added at the end, with a line of its own here. */
#include <assert.h>

#include "trellis/abi/entry.h"
#include "trellis/abi/model.h"
#include "trellis/abi/strategy.h"
#include "trellis/abi/task.h"

#define MEMBER(type, member, offset) \
  static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZE(type, size) static_assert(sizeof(type) == (size), #type " has another size")

SIZE(trellis_status, 4);
static_assert(TRELLIS_INVALID_ARGUMENT == 1 && TRELLIS_NOT_FOUND == 2 && TRELLIS_BAD_DATA == 3 &&
                  TRELLIS_UNSUPPORTED == 4 && TRELLIS_OUT_OF_MEMORY == 5 &&
                  TRELLIS_CANCELLED == 6 && TRELLIS_INTERNAL == 7,
              "statuses keep their numbers");

/* ---- entry.h */
MEMBER(trellis_error, struct_size, 0);
MEMBER(trellis_error, message, 4);
SIZE(trellis_error, 1024);

MEMBER(trellis_span, data, 0);
MEMBER(trellis_span, size, 8);
SIZE(trellis_span, 16);

MEMBER(trellis_text_sink, struct_size, 0);
MEMBER(trellis_text_sink, context, 8);
MEMBER(trellis_text_sink, write, 16);
SIZE(trellis_text_sink, 24);

MEMBER(trellis_token_sink, struct_size, 0);
MEMBER(trellis_token_sink, context, 8);
MEMBER(trellis_token_sink, write, 16);
SIZE(trellis_token_sink, 24);

MEMBER(trellis_host, struct_size, 0);
MEMBER(trellis_host, abi_major, 4);
MEMBER(trellis_host, abi_minor, 6);
MEMBER(trellis_host, context, 8);
MEMBER(trellis_host, log, 16);
MEMBER(trellis_host, cancelled, 24);
MEMBER(trellis_host, threads, 32);
SIZE(trellis_host, 40);

MEMBER(trellis_plugin_entry_v1, struct_size, 0);
MEMBER(trellis_plugin_entry_v1, abi_major, 4);
MEMBER(trellis_plugin_entry_v1, abi_minor, 6);
MEMBER(trellis_plugin_entry_v1, init, 8);
MEMBER(trellis_plugin_entry_v1, deinit, 16);
MEMBER(trellis_plugin_entry_v1, get_factory, 24);
SIZE(trellis_plugin_entry_v1, 32);

/* ---- model.h */
MEMBER(trellis_prompt, source, 0);
MEMBER(trellis_prompt, prefix, 16);
SIZE(trellis_prompt, 32);

MEMBER(trellis_feed_item, state, 0);
MEMBER(trellis_feed_item, tokens, 8);
MEMBER(trellis_feed_item, token_count, 16);
MEMBER(trellis_feed_item, logits, 24);
MEMBER(trellis_feed_item, hidden, 32);
MEMBER(trellis_feed_item, row_count, 40);
SIZE(trellis_feed_item, 48);

MEMBER(trellis_model, struct_size, 0);
MEMBER(trellis_model, self, 8);
MEMBER(trellis_model, destroy, 16);
MEMBER(trellis_model, get_ability, 24);
MEMBER(trellis_model, describe, 32);
MEMBER(trellis_model, encode_prompt, 40);
MEMBER(trellis_model, encode, 48);
MEMBER(trellis_model, decode, 56);
MEMBER(trellis_model, token_text, 64);
MEMBER(trellis_model, open_state, 72);
MEMBER(trellis_model, fork_state, 80);
MEMBER(trellis_model, free_state, 88);
MEMBER(trellis_model, feed, 96);
SIZE(trellis_model, 104);

MEMBER(trellis_model_factory, struct_size, 0);
MEMBER(trellis_model_factory, describe, 8);
MEMBER(trellis_model_factory, create, 16);
MEMBER(trellis_model_factory, load, 24);
SIZE(trellis_model_factory, 32);

MEMBER(trellis_example, source, 0);
MEMBER(trellis_example, target, 16);
SIZE(trellis_example, 32);

MEMBER(trellis_train_request, struct_size, 0);
MEMBER(trellis_train_request, train, 8);
MEMBER(trellis_train_request, train_count, 16);
MEMBER(trellis_train_request, valid, 24);
MEMBER(trellis_train_request, valid_count, 32);
MEMBER(trellis_train_request, folder, 40);
MEMBER(trellis_train_request, seed, 48);
MEMBER(trellis_train_request, context, 56);
MEMBER(trellis_train_request, on_point, 64);
MEMBER(trellis_train_request, train_given, 72);
MEMBER(trellis_train_request, valid_given, 80);
SIZE(trellis_train_request, 88);

MEMBER(trellis_model_train, struct_size, 0);
MEMBER(trellis_model_train, train, 8);
MEMBER(trellis_model_train, save, 16);
SIZE(trellis_model_train, 24);

MEMBER(trellis_attention_sink, struct_size, 0);
MEMBER(trellis_attention_sink, context, 8);
MEMBER(trellis_attention_sink, write, 16);
SIZE(trellis_attention_sink, 24);

MEMBER(trellis_model_attention, struct_size, 0);
MEMBER(trellis_model_attention, attend, 8);
SIZE(trellis_model_attention, 16);

MEMBER(trellis_expert_use_sink, struct_size, 0);
MEMBER(trellis_expert_use_sink, context, 8);
MEMBER(trellis_expert_use_sink, write, 16);
SIZE(trellis_expert_use_sink, 24);

MEMBER(trellis_model_expert_use, struct_size, 0);
MEMBER(trellis_model_expert_use, count, 8);
SIZE(trellis_model_expert_use, 16);

/* ---- strategy.h */
MEMBER(trellis_sequence, struct_size, 0);
MEMBER(trellis_sequence, prompt, 8);
MEMBER(trellis_sequence, prompt_count, 16);
MEMBER(trellis_sequence, tokens, 24);
MEMBER(trellis_sequence, token_count, 32);
MEMBER(trellis_sequence, eos, 40);
MEMBER(trellis_sequence, eos_count, 48);
/* 1.1 */
MEMBER(trellis_sequence, encoder, 56);
MEMBER(trellis_sequence, encoder_count, 64);
MEMBER(trellis_sequence, max_new_tokens, 72);
MEMBER(trellis_sequence, noise, 80);
SIZE(trellis_sequence, 88);

MEMBER(trellis_vocabulary, struct_size, 0);
MEMBER(trellis_vocabulary, context, 8);
MEMBER(trellis_vocabulary, vocab_size, 16);
MEMBER(trellis_vocabulary, encode, 24);
/* 1.2 */
MEMBER(trellis_vocabulary, token_bytes, 32);
SIZE(trellis_vocabulary, 40);

MEMBER(trellis_logits_processor, struct_size, 0);
MEMBER(trellis_logits_processor, self, 8);
MEMBER(trellis_logits_processor, destroy, 16);
MEMBER(trellis_logits_processor, apply, 24);
/* 1.1 */
MEMBER(trellis_logits_processor, bind, 32);
SIZE(trellis_logits_processor, 40);

MEMBER(trellis_logits_processor_factory, struct_size, 0);
MEMBER(trellis_logits_processor_factory, describe, 8);
MEMBER(trellis_logits_processor_factory, create, 16);
SIZE(trellis_logits_processor_factory, 24);

MEMBER(trellis_noise, struct_size, 0);
MEMBER(trellis_noise, context, 8);
MEMBER(trellis_noise, gumbel, 16);
MEMBER(trellis_noise, uniform, 24);
MEMBER(trellis_noise, gumbel_of, 32);
MEMBER(trellis_noise, gumbel_argmax, 40);
SIZE(trellis_noise, 48);

MEMBER(trellis_hypothesis, struct_size, 0);
MEMBER(trellis_hypothesis, tokens, 8);
MEMBER(trellis_hypothesis, token_count, 16);
MEMBER(trellis_hypothesis, row_count, 24);
MEMBER(trellis_hypothesis, logits, 32);
MEMBER(trellis_hypothesis, scores, 40);
MEMBER(trellis_hypothesis, hidden, 48);
MEMBER(trellis_hypothesis, score, 56);
MEMBER(trellis_hypothesis, stopped, 64);
SIZE(trellis_hypothesis, 72);

MEMBER(trellis_view, struct_size, 0);
MEMBER(trellis_view, hypotheses, 8);
MEMBER(trellis_view, hypothesis_count, 16);
MEMBER(trellis_view, vocab_size, 24);
MEMBER(trellis_view, hidden_size, 32);
MEMBER(trellis_view, prompt, 40);
MEMBER(trellis_view, prompt_count, 48);
MEMBER(trellis_view, eos, 56);
MEMBER(trellis_view, eos_count, 64);
MEMBER(trellis_view, round, 72);
MEMBER(trellis_view, max_new_tokens, 80);
MEMBER(trellis_view, remaining, 88);
MEMBER(trellis_view, last_round, 96);
MEMBER(trellis_view, noise, 104);
MEMBER(trellis_view, prompt_hidden, 112);
/* 1.1 */
MEMBER(trellis_view, text_context, 120);
MEMBER(trellis_view, text, 128);
/* added later; only hosts make views */
MEMBER(trellis_view, mask, 136);
MEMBER(trellis_view, draft_room, 144);
SIZE(trellis_view, 152);

MEMBER(trellis_move, struct_size, 0);
MEMBER(trellis_move, parent, 4);
MEMBER(trellis_move, row, 8);
MEMBER(trellis_move, tokens, 16);
MEMBER(trellis_move, token_count, 24);
MEMBER(trellis_move, score, 32);
MEMBER(trellis_move, again, 40);
/* in what was padding: hosts look at it only where the strategy needs "draft" */
MEMBER(trellis_move, reader, 44);
SIZE(trellis_move, 48);

MEMBER(trellis_answer, struct_size, 0);
MEMBER(trellis_answer, context, 8);
MEMBER(trellis_answer, move, 16);
MEMBER(trellis_answer, finish, 24);
/* 1.1 */
MEMBER(trellis_answer, rescore, 32);
SIZE(trellis_answer, 40);

MEMBER(trellis_search, struct_size, 0);
MEMBER(trellis_search, self, 8);
MEMBER(trellis_search, destroy, 16);
MEMBER(trellis_search, advance, 24);
SIZE(trellis_search, 32);

MEMBER(trellis_strategy, struct_size, 0);
MEMBER(trellis_strategy, self, 8);
MEMBER(trellis_strategy, destroy, 16);
MEMBER(trellis_strategy, open_search, 24);
SIZE(trellis_strategy, 32);

MEMBER(trellis_strategy_factory, struct_size, 0);
MEMBER(trellis_strategy_factory, describe, 8);
MEMBER(trellis_strategy_factory, create, 16);
SIZE(trellis_strategy_factory, 24);

/* ---- task.h */
MEMBER(trellis_task, struct_size, 0);
MEMBER(trellis_task, self, 8);
MEMBER(trellis_task, destroy, 16);
MEMBER(trellis_task, count, 24);
MEMBER(trellis_task, example, 32);
MEMBER(trellis_task, score, 40);
SIZE(trellis_task, 48);

MEMBER(trellis_task_factory, struct_size, 0);
MEMBER(trellis_task_factory, describe, 8);
MEMBER(trellis_task_factory, create, 16);
SIZE(trellis_task_factory, 24);

/* So that a test program can link this file and thereby compile it. */
int trellis_tests_layout_is_checked(void);
int trellis_tests_layout_is_checked(void) {
  return 1;
}
