/* trellis/abi/model.h: autoregressive models.
 *
 * A model turns text into tokens and back, and continues states: a state is everything the model
 * remembers of one sequence (recurrent state, key/value cache). The host opens a state, feeds
 * tokens to many states at once, forks and frees them; it never looks inside.
 */
#ifndef TRELLIS_ABI_MODEL_H
#define TRELLIS_ABI_MODEL_H

#include "trellis/abi/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TRELLIS_MODEL_FACTORY "trellis.model/1"

typedef struct trellis_state trellis_state; /* owned by the model that opened it */

/* What a model is asked to continue. An encoder-decoder reads `source` with its encoder; a decoder
 * alone reads source, a separator of its own, and prefix. Either may be empty: with both empty
 * generation begins at the start symbol. */
typedef struct trellis_prompt {
  trellis_span source;
  trellis_span prefix; /* text that the output must begin with; it is not part of the output */
} trellis_prompt;

/* One row of a ragged batch: tokens to append to a state. */
typedef struct trellis_feed_item {
  trellis_state* state;  /* advanced in place; distinct within one call */
  const int32_t* tokens; /* [token_count] */
  size_t token_count;    /* at least 1 */
  /* Logits of the next token, natural units, not normalised. Owned by the host, row-major. */
  float* logits; /* [row_count, vocab_size], or null */
  /* Output of the last layer after its final norm, the vector that the output layer reads. */
  float* hidden;    /* [row_count, hidden_size], or null */
  size_t row_count; /* rows wanted: those after the last row_count tokens; 0..token_count */
} trellis_feed_item;

typedef struct trellis_model {
  uint32_t struct_size;
  void* self;
  void (*destroy)(struct trellis_model* model);

  /* An optional ability by id (the TRELLIS_MODEL_*_ABILITY below): a struct that lives as long as
   * the model, or null. */
  const void* (*get_ability)(const struct trellis_model* model, const char* id);

  /* Writes one JSON object: {"vocab_size": n, "hidden_size": n, "parameters": n,
   *   "max_context": n or null, "bos": id or null, "eos": [ids], "encoder_decoder": bool,
   *   "weights_hash": hex or "", "tokenizer": {"kind": "bpe", "vocab_size": n, ...},
   *   "specification": {all settings}}.
   * Optional: "state_bytes": {"per_state": n, "per_token": n, "forks_share": bool}: what a state
   * costs in memory, so that the host keeps within its limit: n bytes whatever its length, and n
   * for each of its tokens, those of the encoder included. With forks_share (the default) a fork
   * shares what it has in common with its origin; without, it costs as much as a state of its own.
   * Where the key is absent the cost is unknown, and only the number of states is limited.
   * "mask": id, of models that predict masked places instead of next tokens: see below.
   * A fresh model that has no vocabulary yet reports vocab_size 0: it must be trained or loaded. */
  trellis_status (*describe)(const struct trellis_model* model, trellis_text_sink* json,
                             trellis_error* error);

  /* The token ids of a prompt: for the encoder (none without one) and for the decoder, which
   * always gets at least one token, the start symbol. */
  trellis_status (*encode_prompt)(const struct trellis_model* model, const trellis_prompt* prompt,
                                  trellis_token_sink* encoder, trellis_token_sink* decoder,
                                  trellis_error* error);
  /* The ids of `text` as a continuation: no start symbol, no end symbol. */
  trellis_status (*encode)(const struct trellis_model* model, trellis_span text,
                           trellis_token_sink* tokens, trellis_error* error);
  /* Text of the ids, special symbols left out. Invalid sequences of bytes become U+FFFD. */
  trellis_status (*decode)(const struct trellis_model* model, const int32_t* tokens, size_t count,
                           trellis_text_sink* text, trellis_error* error);
  /* Text of one token as a person should see it, special symbols included ("<eos>"). */
  trellis_status (*token_text)(const struct trellis_model* model, int32_t token,
                               trellis_text_sink* text, trellis_error* error);

  /* A state before its first token; encoder tokens are read here (count 0 for none). */
  trellis_status (*open_state)(struct trellis_model* model, const int32_t* encoder_tokens,
                               size_t count, trellis_state** state, trellis_error* error);
  /* An independent copy; cheap where the model shares what does not change. */
  trellis_status (*fork_state)(struct trellis_model* model, const trellis_state* state,
                               trellis_state** copy, trellis_error* error);
  void (*free_state)(struct trellis_model* model, trellis_state* state);
  /* Feeds all items as one batch. On failure the states are undefined and may only be freed. */
  trellis_status (*feed)(struct trellis_model* model, trellis_feed_item* items, size_t count,
                         trellis_error* error);
} trellis_model;

/* Its description has more keys, all optional: "published_types": the "model_type" of the published
 * checkpoints that it reads; "masked_prediction": true for models that give a "mask". */
typedef struct trellis_model_factory {
  uint32_t struct_size;
  trellis_status (*describe)(trellis_text_sink* json, trellis_error* error);
  /* A fresh, untrained model. The caller destroys it. */
  trellis_status (*create)(const char* settings_json, trellis_model** model, trellis_error* error);
  /* A model from a folder that `save` or training wrote, or that holds a published checkpoint. */
  trellis_status (*load)(const char* folder, trellis_model** model, trellis_error* error);
} trellis_model_factory;

/* ---- masked prediction ------------------------------------------------------------------------
 *
 * A model that reads both ways (BERT) gives "mask" in its description, and its factory's
 * description says "masked_prediction": true, so that an experiment can be planned without it. It
 * fills a gap in a text:
 *  - encode_prompt gives the whole text as encoder tokens, with a mask where the output belongs
 *    (the first mask, should there be more), and as decoder tokens this mask alone.
 *  - The row after that mask says how many tokens belong there: its logits[n] are for n tokens.
 *    Where the model knows nothing of it they are all 0.
 *  - After it a state is fed one block, all of its tokens at once, masks among them. They stand in
 *    the gap and see each other and the whole text; row r is what the model expects at the r-th of
 *    these places. The state is then only freed: rewriting goes on from a fork of the one before.
 *  - Text and block together fit into max_context. There are no end symbols.
 *  - The maps of the attention ability are of a whole text, passed as decoder tokens.
 */

/* ---- training --------------------------------------------------------------------------------*/

#define TRELLIS_MODEL_TRAIN_ABILITY "trellis.model.train/1"

typedef struct trellis_example {
  trellis_span source; /* empty for plain language modelling */
  trellis_span target;
} trellis_example;

typedef struct trellis_train_request {
  uint32_t struct_size;
  const trellis_example* train;
  size_t train_count;
  const trellis_example* valid; /* may be empty: then no early stopping */
  size_t valid_count;
  /* Checkpoints go here. When the folder holds an unfinished run of the same settings and data, it
   * is continued, and the loss curve goes on as if it had never stopped. */
  const char* folder;
  uint64_t seed;
  void* context;
  /* One JSON object for each point of the curve:
   *   {"step": n, "steps": n or null, "tokens": n, "seconds": x, "split": "train" or "valid",
   *    "loss": nats a token, "learning_rate": x, "gradient_norm": x}
   * Mixtures of experts add "expert_use": [{"layer": n, "tokens": [n, one an expert], "dropped":
   * [n, ...]}, ...]: of the tokens after which something was learned since the last point of
   * training, or of those of the validation, how many went to each expert, one that chose several
   * to each of them; and how many of these it had no room for.
   * Nonzero asks to stop: a checkpoint is written and TRELLIS_CANCELLED is returned. */
  int32_t (*on_point)(void* context, const char* json, size_t size);
  /* How many bytes at the beginning of each target are given, as a prompt is: read, but not
   * learned. [train_count] and [valid_count]; null for none. Where they end, tokens end. A plugin
   * must look at struct_size first: hosts before these members do not have them. */
  const size_t* train_given;
  const size_t* valid_given;
} trellis_train_request;

typedef struct trellis_model_train {
  uint32_t struct_size;
  /* Builds the vocabulary where there is none, trains to convergence by the model's training
   * settings, and leaves the best weights in the model and in the folder. */
  trellis_status (*train)(trellis_model* model, const trellis_train_request* request,
                          trellis_error* error);
  /* Writes a folder that `load` reads: weights as safetensors, all else as JSON; atomically. */
  trellis_status (*save)(const trellis_model* model, const char* folder, trellis_error* error);
} trellis_model_train;

/* ---- bytes of tokens -------------------------------------------------------------------------*/

#define TRELLIS_MODEL_TOKEN_BYTES_ABILITY "trellis.model.token_bytes/1"

/* For models whose tokens are not always whole characters, or look different at the beginning of a
 * text. Without it a token writes what `decode` gives for it alone. */
typedef struct trellis_model_token_bytes {
  uint32_t struct_size;
  /* What a token writes inside of a text; nothing for special symbols. */
  trellis_status (*write)(const trellis_model* model, int32_t token, trellis_text_sink* bytes,
                          trellis_error* error);
} trellis_model_token_bytes;

/* ---- attention -------------------------------------------------------------------------------*/

#define TRELLIS_MODEL_ATTENTION_ABILITY "trellis.model.attention/1"

/* Receives one attention map at a time; `kind` is "self", "cross" or "encoder", or "experts", whose
 * keys are the experts of a mixture.
 * weights: [heads, queries, keys], rows sum to one, borrowed for the call. */
typedef struct trellis_attention_sink {
  uint32_t struct_size;
  void* context;
  void (*write)(void* context, const char* kind, int32_t layer, const float* weights, int32_t heads,
                int32_t queries, int32_t keys);
} trellis_attention_sink;

typedef struct trellis_model_attention {
  uint32_t struct_size;
  /* The maps of one whole sequence, teacher-forced. */
  trellis_status (*attend)(trellis_model* model, const int32_t* encoder_tokens,
                           size_t encoder_count, const int32_t* tokens, size_t count,
                           trellis_attention_sink* sink, trellis_error* error);
} trellis_model_attention;

/* ---- use of experts --------------------------------------------------------------------------*/

#define TRELLIS_MODEL_EXPERT_USE_ABILITY "trellis.model.expert_use/1"

/* Receives the counts of one layer at a time.
 * tokens: [experts], how many of the sequence's tokens went to each, borrowed for the call; a token
 * that goes to several counts for each of them. */
typedef struct trellis_expert_use_sink {
  uint32_t struct_size;
  void* context;
  void (*write)(void* context, int32_t layer, const uint64_t* tokens, int32_t experts);
} trellis_expert_use_sink;

/* For mixtures of experts. A model that has the ability and no experts writes nothing. */
typedef struct trellis_model_expert_use {
  uint32_t struct_size;
  /* Reads one whole sequence and chooses experts as `feed` would; the counts depend on it alone. */
  trellis_status (*count)(trellis_model* model, const int32_t* encoder_tokens, size_t encoder_count,
                          const int32_t* tokens, size_t count, trellis_expert_use_sink* sink,
                          trellis_error* error);
} trellis_model_expert_use;

#ifdef __cplusplus
}
#endif
#endif
