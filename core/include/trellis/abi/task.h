/* trellis/abi/task.h: what is asked of a model, and how its answers are scored. */
#ifndef TRELLIS_ABI_TASK_H
#define TRELLIS_ABI_TASK_H

#include "trellis/abi/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TRELLIS_TASK_FACTORY "trellis.task/1"

typedef int32_t trellis_split;
enum { TRELLIS_SPLIT_TRAIN = 0, TRELLIS_SPLIT_VALID = 1, TRELLIS_SPLIT_TEST = 2 };

typedef struct trellis_task {
  uint32_t struct_size;
  void* self;
  void (*destroy)(struct trellis_task* task);

  /* Number of examples of a split; 0 where the settings name no file for it. Reads the files on
   * the first call. A malformed line is TRELLIS_BAD_DATA with "file:line:column: ...". */
  trellis_status (*count)(struct trellis_task* task, trellis_split split, uint64_t* count,
                          trellis_error* error);

  /* One example as a JSON object:
   *   {"id": "test-17",            unique within the split, stable from run to run
   *    "source": "...",            what the model is given to read; may be absent
   *    "prefix": "...",            what the output continues; may be absent
   *    "references": ["..."],      may be empty
   *    "reference_ends": false,    the first reference is cut from a text that goes on, so no end
   *                                symbol is scored after it; true if absent
   *    "stop": ["\n"],             stop strings, optional
   *    "max_new_tokens": 64,       optional; a config's own limit goes first
   *    "fields": {...}}            anything scoring or a person needs, kept with the sample
   * As training data the model learns prefix + references[0] as the target of source; where
   * "fields" hold "prompted": true, the prefix is a prompt, and is read but not learned. */
  trellis_status (*example)(struct trellis_task* task, trellis_split split, uint64_t index,
                            trellis_text_sink* json, trellis_error* error);

  /* Scores outputs. `samples_json` is a JSON array of
   *   {"example": {as above}, "output": "text",
   *    "finish": "eos" | "stop" | "length" | "strategy",
   *    "tokens": ["piece", ...] generated tokens' texts,
   *    "turns": [...]           of a conversation, see below; else absent}
   * and the answer is a JSON array of the same length and order:
   *   {"metrics": {"bleu": {"value": 31.2, "statistics": [...]}, "exact_match": {"value": 1}},
   *    "details": {...}}          details are optional and kept for people to read
   * `statistics` are numbers that add up over samples: a metric known to core/metrics gets its
   * corpus value from their sum. Without them the corpus value is the mean of the values; a null
   * value says that the metric is undefined for this sample. Must not depend on the order or the
   * number of samples passed at once. */
  trellis_status (*score)(struct trellis_task* task, trellis_span samples_json,
                          trellis_text_sink* json, trellis_error* error);

  /* Since ABI 1.3; may be null. An optional ability by id: a struct that lives as long as the task,
   * or null. */
  const void* (*get_ability)(const struct trellis_task* task, const char* id);
} trellis_task;

/* Its description has more keys: "metrics": [{"name": "bleu", "summary": "...", "higher_is_better":
 * true}], the first being the task's main metric; "likelihood": true asks the host to score the
 * first reference by teacher forcing as well (perplexity, bits per byte). Where a task has a
 * setting "metrics", a list that names some of them, it scores those, and the first is the main
 * one; without the list it scores all but those with "optional": true. A failure that begins with a
 * setting's name and " = " or ": " is told with that setting's place in the config. */
typedef struct trellis_task_factory {
  uint32_t struct_size;
  trellis_status (*describe)(trellis_text_sink* json, trellis_error* error);
  /* Relative file names in the settings were made absolute by the host. */
  trellis_status (*create)(const char* settings_json, trellis_task** task, trellis_error* error);
} trellis_task_factory;

/* ---- conversations ----------------------------------------------------------------------------
 *
 * Of a task with this ability every sample is a conversation: the model is asked what the example
 * says, then, turn by turn, what the task makes of the turns so far, until the task ends it. It is
 * scored and kept as a whole: its "output" holds the turns' outputs with a line feed between them,
 * its "tokens" those of all turns with the end symbols between them, "finish" is the last turn's,
 * and "turns" tells them apart: a JSON array of
 *   {"output": "text", "finish": "eos", "tokens": 9}    how many of the tokens are this turn's
 * Likelihoods are of the first turn. Every turn draws noise of its own. */

#define TRELLIS_TASK_TURNS_ABILITY "trellis.task.turns/1"

typedef struct trellis_task_turns {
  uint32_t struct_size;
  /* What the model is asked next. `conversation_json` is {"example": {as above}, "turns": [as
   * above, at least one]}. Writes an object with "source", "prefix", "stop" and "max_new_tokens" as
   * an example has them, or null where the conversation is over. A pure function of its arguments
   * and of the task's settings. A failure fails this sample only. */
  trellis_status (*next)(struct trellis_task* task, trellis_span conversation_json,
                         trellis_text_sink* json, trellis_error* error);
} trellis_task_turns;

#ifdef __cplusplus
}
#endif
#endif
