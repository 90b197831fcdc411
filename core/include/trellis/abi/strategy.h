/* trellis/abi/strategy.h: how the next tokens are chosen.
 *
 * Two kinds of plugin share the work:
 *  - A logits processor changes the distribution of one hypothesis (temperature, top_k,
 *    repetition_penalty ...). Processors compose, in the order of their `rank`.
 *  - A strategy searches: it is shown every live hypothesis of one sample with its logits and
 *    answers with moves and finished sequences. Greedy, sampling, beam, contrastive and
 *    speculative search all fit this one interface.
 * The host does all feeding, forking, batching, caching and freeing.
 *
 * The life of a search, in rounds:
 *   1. The host shows `view`, whose hypotheses are, in this order, the moves of the last answer
 *      (first round: one hypothesis without tokens, whose logits follow the prompt).
 *   2. The strategy answers through `answer`: move() keeps a hypothesis going, finish() ends one.
 *      A hypothesis may be the parent of any number of both; one that is no parent is dropped.
 *   3. The search is over when an answer holds no move. There must then be a finished sequence.
 * In the last round (view->last_round) the length is exhausted after one more token: a move made
 * there is turned into a finish with TRELLIS_FINISH_LENGTH by the host.
 *
 * What a hypothesis's rows say is a function of its tokens alone. So all searches, of whatever
 * strategies, share what they have in common: a prefix is computed once, however many reach it.
 *
 * How searches map to moves:
 *  - Greedy, sampling: one hypothesis, one token a round.
 *  - Beam search, diverse beams: several moves from one parent fork it; a parent that is not named
 *    ends there. The strategy's `width` says how many may live at once.
 *  - Best of n: n moves from the first hypothesis, each drawn on its own (`uniform` with the number
 *    of the hypothesis as `draw`; `gumbel` gives them all the same noise), then one token a round.
 *    Every end is a finish with its score; the host keeps the best. Minimum Bayes risk gives the
 *    scores at the end, by `rescore`, from what `text` says of each.
 *  - Contrastive search: one move for each of the k candidates. The next view shows them with
 *    `hidden` after each; the one that is chosen becomes the parent of the next k moves, the others
 *    are no parents. Hidden rows of earlier tokens are copied by the strategy as they pass;
 *    those of the prompt are in `prompt_hidden`.
 *  - Speculative decoding, look-ahead, copying from the prompt: one move of several tokens, whose
 *    first is certain. The next view has a row for each: `row` of the answer keeps the tokens up
 *    to the last one that holds and drops the others.
 *  - Speculative decoding with a draft model: a strategy that needs "draft" is lent a second model
 *    of the same vocabulary. Moves whose `reader` is the draft are read by it alone, so the next
 *    view shows what the draft expects, and the search drafts token by token. A move whose reader
 *    is the model again, with tokens or without, has the model read at once all that it has not
 *    read yet; the next view has a row for each of these, as if all had come with this move.
 *  - Constrained decoding: a logits processor makes -infinity of what the constraint forbids after
 *    the tokens so far; it composes with every strategy. A search that tracks a grammar itself may
 *    ignore tokens by itself.
 *  - Rewriting what was just written, as by Jacobi iteration: a move of a block of guesses; the
 *    search keeps row 0 and feeds its token `again` with all that follows, round after round.
 *  - Masked prediction: a strategy that needs "masked_prediction" works on models that have a mask
 *    (trellis/abi/model.h), and no other strategy does. The first view's row says how long the
 *    output may be: logits[n] for n tokens. A hypothesis is a block of tokens that stands in the
 *    text's gap, and row r of the view is what belongs at the place of its r-th token, given all
 *    others. A move's tokens are the whole new block, and `row` and `again` are 0: at first nothing
 *    but masks, later as many tokens as its parent's. A finish gives the whole text, without masks.
 *    A token's record is of the round that wrote it: what was expected at its place then.
 */
#ifndef TRELLIS_ABI_STRATEGY_H
#define TRELLIS_ABI_STRATEGY_H

#include "trellis/abi/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TRELLIS_STRATEGY_FACTORY "trellis.strategy/1"
#define TRELLIS_LOGITS_PROCESSOR_FACTORY "trellis.logits_processor/1"

/* Noise: a pure function of seed, example, sample, turn of a conversation, position and token, so
 * that two strategies that look at the same place draw the same numbers (common random numbers). */
typedef struct trellis_noise {
  uint32_t struct_size;
  void* context;
  /* Standard Gumbel noise for each token id 0..count-1 at `position`, counted from the first
   * generated token. out: [count] */
  void (*gumbel)(void* context, uint64_t position, float* out, size_t count);
  /* One number in [0, 1) for `position` and `draw`, for choices that are not about a token.
   * Strategies draw numbers below TRELLIS_PROCESSOR_DRAWS, logits processors from there on. */
  double (*uniform)(void* context, uint64_t position, uint32_t draw);
  /* What follows was added later: struct_size says whether the host has it.
   * The noise of the listed token ids only: out[i] is that of tokens[i]. Worth it where few tokens
   * are left. tokens, out: [count] */
  void (*gumbel_of)(void* context, uint64_t position, const int32_t* tokens, float* out,
                    size_t count);
  /* The token id whose score plus noise, in floats, is the greatest, the lowest of equals: a draw
   * from the softmax of the scores. Works out only the noise that can decide. scores: [count],
   * count at least 1. */
  int32_t (*gumbel_argmax)(void* context, uint64_t position, const float* scores, size_t count);
} trellis_noise;
#define TRELLIS_PROCESSOR_DRAWS UINT32_C(0x80000000)

/* ---- logits processors -----------------------------------------------------------------------*/

/* The sequence whose next token is being chosen. */
typedef struct trellis_sequence {
  uint32_t struct_size;
  const int32_t* prompt; /* [prompt_count] decoder tokens, the start symbol included */
  size_t prompt_count;
  const int32_t* tokens; /* [token_count] generated so far */
  size_t token_count;
  const int32_t* eos; /* [eos_count] */
  size_t eos_count;
  /* Since ABI 1.1. */
  const int32_t* encoder; /* [encoder_count] encoder tokens; none where the model has no encoder */
  size_t encoder_count;
  size_t max_new_tokens;      /* how many tokens may be generated in all */
  const trellis_noise* noise; /* of this sample; the next token's position is token_count */
} trellis_sequence;

/* The vocabulary of the model whose logits are processed. */
typedef struct trellis_vocabulary {
  uint32_t struct_size;
  void* context;
  size_t vocab_size;
  /* Text as the model's tokenizer splits it, without special symbols; fails for text that the
   * vocabulary cannot write. */
  trellis_status (*encode)(void* context, trellis_span text, trellis_token_sink* tokens,
                           trellis_error* error);
  /* Since ABI 1.2. What a token writes inside of a text: bytes, not always whole characters;
   * nothing for special symbols. */
  trellis_status (*token_bytes)(void* context, int32_t token, trellis_text_sink* bytes,
                                trellis_error* error);
} trellis_vocabulary;

typedef struct trellis_logits_processor {
  uint32_t struct_size;
  void* self;
  void (*destroy)(struct trellis_logits_processor* processor);
  /* Changes logits in place; a forbidden token becomes -infinity. A pure function of its
   * arguments: it may not remember earlier calls. logits: [vocab_size] */
  trellis_status (*apply)(const struct trellis_logits_processor* processor,
                          const trellis_sequence* sequence, float* logits, size_t vocab_size,
                          trellis_error* error);
  /* Since ABI 1.1; may be null. Called once, before the first apply, with the vocabulary of the
   * model; where settings name tokens by their text, this is where they become ids. `vocabulary` is
   * borrowed for the call. */
  trellis_status (*bind)(struct trellis_logits_processor* processor,
                         const trellis_vocabulary* vocabulary, trellis_error* error);
} trellis_logits_processor;

/* Its description has more keys. "rank": a number; processors run by ascending rank. Those that
 * edit single tokens (penalties, bans) come first, from 100 on; temperature is 500; those that cut
 * the tail of the distribution come from 600 on. "stochastic": bool, false by default: it draws
 * noise, so that samples of one example differ whatever the strategy. */
typedef struct trellis_logits_processor_factory {
  uint32_t struct_size;
  trellis_status (*describe)(trellis_text_sink* json, trellis_error* error);
  trellis_status (*create)(const char* settings_json, trellis_logits_processor** processor,
                           trellis_error* error);
} trellis_logits_processor_factory;

/* ---- strategies ------------------------------------------------------------------------------*/

typedef int32_t trellis_finish_reason;
enum {
  TRELLIS_FINISH_EOS = 0,     /* the last token is an end symbol */
  TRELLIS_FINISH_STOP = 1,    /* the text holds a stop string */
  TRELLIS_FINISH_LENGTH = 2,  /* no room for more tokens */
  TRELLIS_FINISH_STRATEGY = 3 /* the strategy had another reason */
};

typedef struct trellis_hypothesis {
  uint32_t struct_size;
  const int32_t* tokens; /* [token_count] generated so far, without the prompt */
  size_t token_count;
  /* Rows follow the tokens of the move that made this hypothesis: row r was computed after its
   * r-th token, those fed again counted first; row_count is that move's again + token_count (1 in
   * the first round). */
  size_t row_count;
  const float* logits; /* [row_count, vocab_size] as the model gave them */
  /* [row_count, vocab_size] after the processors; equals `logits` when there are none. If the
   * strategy asks for "processors_see": "log_probabilities", normalised before processing. */
  const float* scores;
  const float* hidden; /* [row_count, hidden_size]; null unless the strategy needs "hidden" */
  double score;        /* what the strategy gave with its move; 0 in the first round */
  /* Nonzero: the text has just completed a stop string. Finish it with TRELLIS_FINISH_STOP; if it
   * is moved instead, the host finishes it. */
  int32_t stopped;
} trellis_hypothesis;

typedef struct trellis_view {
  uint32_t struct_size;
  const trellis_hypothesis* hypotheses; /* [hypothesis_count], at least 1 */
  size_t hypothesis_count;
  size_t vocab_size;
  size_t hidden_size;
  const int32_t* prompt; /* [prompt_count] */
  size_t prompt_count;
  const int32_t* eos; /* [eos_count] */
  size_t eos_count;
  uint64_t round;        /* 0, 1, 2 ... */
  size_t max_new_tokens; /* the limit of the whole search */
  /* How many more tokens the longest hypothesis may get, at least 1; of masked prediction, how long
   * a block may be. */
  size_t remaining;
  int32_t last_round; /* remaining == 1; 0 in masked prediction */
  const trellis_noise* noise;
  /* [prompt_count, hidden_size], after each token of the prompt; null unless the strategy needs
   * "prompt_hidden". Added later: struct_size says whether the host has it. */
  const float* prompt_hidden;
  /* Since ABI 1.1. The text that a finished sequence of these tokens gives, without end symbol and
   * stop string; called with text_context. */
  void* text_context;
  trellis_status (*text)(void* context, const int32_t* tokens, size_t count,
                         trellis_text_sink* text, trellis_error* error);
  /* The token of places that are to be predicted; -1 where the model predicts next tokens. Added
   * later: hosts that do not have it know no strategy that needs "masked_prediction". */
  int32_t mask;
  /* How many more tokens the draft may read after the longest hypothesis; 0 where none is lent, or
   * where the prompt does not fit its context. Added later: struct_size says whether the host has
   * it. */
  size_t draft_room;
} trellis_view;

/* Who reads the tokens of a move. */
typedef uint32_t trellis_reader;
enum { TRELLIS_READER_MODEL = 0, TRELLIS_READER_DRAFT = 1 };

/* A continuation of hypotheses[parent]: its tokens up to and including `row`, then `tokens`.
 * `row` is row_count - 1 except where proposed tokens are being rejected. */
typedef struct trellis_move {
  uint32_t struct_size;
  uint32_t parent;
  uint32_t row;
  const int32_t* tokens; /* [token_count], copied by the host */
  size_t token_count;    /* move: 1..remaining; finish: 0..remaining. A move back to the model from
                          * what the draft has read: 0..remaining */
  double score;          /* finish: the samples are ranked by it, the best first */
  /* Of the parent's tokens up to `row`, the last so many are fed again together with the new ones,
   * and the next view has their rows too: what was just written may so be taken back more than
   * once. 0..row + 1 where the parent has several rows, else 0; 0 for a finish. Added later: a move
   * whose struct_size ends before it has 0 here. */
  uint32_t again;
  /* Looked at only where the strategy needs "draft"; `again` is 0 beside the draft and after it. */
  trellis_reader reader;
} trellis_move;

typedef struct trellis_answer {
  uint32_t struct_size;
  void* context;
  trellis_status (*move)(void* context, const trellis_move* move, trellis_error* error);
  trellis_status (*finish)(void* context, const trellis_move* move, trellis_finish_reason reason,
                           trellis_error* error);
  /* Since ABI 1.1. Gives another score to a sequence that was finished before or in this answer:
   * the search's calls of finish() are counted from 0, over all rounds. For searches that can only
   * judge when all is there; -infinity says that it is not to be the sample. */
  trellis_status (*rescore)(void* context, uint64_t finish, double score, trellis_error* error);
} trellis_answer;

/* One search: the work on one sample. Deterministic given the views it is shown. */
typedef struct trellis_search {
  uint32_t struct_size;
  void* self;
  void (*destroy)(struct trellis_search* search);
  trellis_status (*advance)(struct trellis_search* search, const trellis_view* view,
                            trellis_answer* answer, trellis_error* error);
} trellis_search;

typedef struct trellis_strategy {
  uint32_t struct_size;
  void* self;
  void (*destroy)(struct trellis_strategy* strategy);
  /* Searches outlive no strategy; many are open at once. */
  trellis_status (*open_search)(const struct trellis_strategy* strategy, trellis_search** search,
                                trellis_error* error);
} trellis_strategy;

/* Its description has more keys, all optional: "needs": list of "hidden", "prompt_hidden",
 * "masked_prediction" and "draft" (the model that the setting of format "model" names is lent to
 * the search); "processors_see": "logits" (default) or "log_probabilities"; "stochastic": bool,
 * false by default: then more samples of one example are all the same and the host makes only one;
 * "width": the most hypotheses alive at once, a number (1 by default) or the name of the setting
 * that holds it, by which the host reckons how much memory a sample may come to need. */
typedef struct trellis_strategy_factory {
  uint32_t struct_size;
  trellis_status (*describe)(trellis_text_sink* json, trellis_error* error);
  trellis_status (*create)(const char* settings_json, trellis_strategy** strategy,
                           trellis_error* error);
} trellis_strategy_factory;

#ifdef __cplusplus
}
#endif
#endif
