#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ngram.h"

/* The end of a sequence, as far back as a context can reach. */
struct trellis_state {
  size_t length;
  int32_t history[NGRAM_MAX_ORDER - 1]; /* the newest last */
};

static const ngram_model* self_of(const trellis_model* model) {
  return (const ngram_model*)model->self;
}

static trellis_status require_vocabulary(const ngram_model* self, trellis_error* error) {
  if (self->vocabulary.count > 0) return TRELLIS_OK;
  return ngram_fail(error, TRELLIS_INVALID_ARGUMENT,
                    "ngram: has no vocabulary yet: train it, or load a trained one");
}

static trellis_status require_tokens(const ngram_model* self, const int32_t* tokens, size_t count,
                                     trellis_error* error) {
  const size_t vocab_size = ngram_vocab_size(&self->vocabulary);
  for (size_t i = 0; i < count; ++i) {
    if (tokens[i] < 0 || (size_t)tokens[i] >= vocab_size) {
      return ngram_fail(error, TRELLIS_INVALID_ARGUMENT,
                        "ngram: token %d is outside the vocabulary of %zu: give ids that this "
                        "model's encode made",
                        (int)tokens[i], vocab_size);
    }
  }
  return TRELLIS_OK;
}

static void destroy(trellis_model* model) {
  ngram_model* self = model->self;
  ngram_vocabulary_clear(&self->vocabulary);
  ngram_counts_clear(&self->counts);
  free(self);
}

static trellis_status token_bytes(const trellis_model* model, int32_t token,
                                  trellis_text_sink* bytes, trellis_error* error) {
  const trellis_status status = require_tokens(self_of(model), &token, 1, error);
  if (status == TRELLIS_OK) ngram_token_bytes(&self_of(model)->vocabulary, token, bytes);
  return status;
}

static trellis_status save(const trellis_model* model, const char* folder, trellis_error* error) {
  const trellis_status status = require_vocabulary(self_of(model), error);
  return status == TRELLIS_OK ? ngram_save(self_of(model), folder, error) : status;
}

static const void* get_ability(const trellis_model* model, const char* id) {
  static const trellis_model_train train = {sizeof(trellis_model_train), ngram_train, save};
  static const trellis_model_token_bytes spelling = {sizeof(trellis_model_token_bytes),
                                                     token_bytes};
  (void)model;
  if (strcmp(id, TRELLIS_MODEL_TRAIN_ABILITY) == 0) return &train;
  return strcmp(id, TRELLIS_MODEL_TOKEN_BYTES_ABILITY) == 0 ? &spelling : NULL;
}

static trellis_status describe(const trellis_model* model, trellis_text_sink* sink,
                               trellis_error* error) {
  const ngram_model* self = self_of(model);
  const json_int_t vocab_size = (json_int_t)ngram_vocab_size(&self->vocabulary);
  json_t* json = json_pack(
      "{s:I, s:i, s:I, s:n, s:i, s:[i], s:b, s:s, s:{s:s, s:I}, s:{s:I, s:i}, s:o}", "vocab_size",
      vocab_size, "hidden_size", 0, "parameters", (json_int_t)self->counts.follower_count,
      "max_context", "bos", NGRAM_BOS, "eos", NGRAM_EOS, "encoder_decoder", 0, "weights_hash",
      self->weights_hash, "tokenizer", "kind", self->settings.bytes ? "byte" : "character",
      "vocab_size", vocab_size, "state_bytes", "per_state", (json_int_t)sizeof(trellis_state),
      "per_token", 0, "specification", ngram_settings_json(&self->settings));
  return ngram_write_json(json, sink, error);
}

static trellis_status write_encoded(const ngram_model* self, trellis_span text,
                                    trellis_token_sink* sink, trellis_error* error) {
  if (text.size == 0) return TRELLIS_OK;
  int32_t* tokens =
      text.size <= SIZE_MAX / sizeof *tokens ? malloc(text.size * sizeof *tokens) : NULL;
  if (tokens == NULL) return ngram_out_of_memory(error);
  const size_t count = ngram_encode(&self->vocabulary, text, tokens);
  sink->write(sink->context, tokens, count);
  free(tokens);
  return TRELLIS_OK;
}

static trellis_status encode(const trellis_model* model, trellis_span text,
                             trellis_token_sink* tokens, trellis_error* error) {
  const trellis_status status = require_vocabulary(self_of(model), error);
  return status == TRELLIS_OK ? write_encoded(self_of(model), text, tokens, error) : status;
}

static trellis_status encode_prompt(const trellis_model* model, const trellis_prompt* prompt,
                                    trellis_token_sink* encoder, trellis_token_sink* decoder,
                                    trellis_error* error) {
  static const int32_t bos = NGRAM_BOS;
  static const int32_t separator = NGRAM_SEPARATOR;
  const ngram_model* self = self_of(model);
  (void)encoder; /* there is none */
  trellis_status status = require_vocabulary(self, error);
  if (status != TRELLIS_OK) return status;
  decoder->write(decoder->context, &bos, 1);
  if (prompt->source.size > 0) {
    status = write_encoded(self, prompt->source, decoder, error);
    if (status != TRELLIS_OK) return status;
    decoder->write(decoder->context, &separator, 1);
  }
  return write_encoded(self, prompt->prefix, decoder, error);
}

static trellis_status decode(const trellis_model* model, const int32_t* tokens, size_t count,
                             trellis_text_sink* text, trellis_error* error) {
  const trellis_status status = require_tokens(self_of(model), tokens, count, error);
  if (status != TRELLIS_OK) return status;
  return ngram_decode(&self_of(model)->vocabulary, tokens, count, text, error);
}

static trellis_status token_text(const trellis_model* model, int32_t token, trellis_text_sink* text,
                                 trellis_error* error) {
  const trellis_status status = require_tokens(self_of(model), &token, 1, error);
  if (status == TRELLIS_OK) ngram_token_text(&self_of(model)->vocabulary, token, text);
  return status;
}

static trellis_status open_state(trellis_model* model, const int32_t* encoder_tokens, size_t count,
                                 trellis_state** state, trellis_error* error) {
  (void)encoder_tokens;
  const trellis_status status = require_vocabulary(self_of(model), error);
  if (status != TRELLIS_OK) return status;
  if (count > 0) {
    return ngram_fail(error, TRELLIS_INVALID_ARGUMENT,
                      "ngram: has no encoder: give the source through encode_prompt");
  }
  *state = calloc(1, sizeof **state);
  return *state != NULL ? TRELLIS_OK : ngram_out_of_memory(error);
}

static trellis_status fork_state(trellis_model* model, const trellis_state* state,
                                 trellis_state** copy, trellis_error* error) {
  (void)model;
  *copy = malloc(sizeof **copy);
  if (*copy == NULL) return ngram_out_of_memory(error);
  **copy = *state;
  return TRELLIS_OK;
}

static void free_state(trellis_model* model, trellis_state* state) {
  (void)model;
  free(state);
}

static void append(trellis_state* state, size_t reach, int32_t token) {
  if (reach == 0) return;
  if (state->length == reach) {
    memmove(state->history, state->history + 1, (reach - 1) * sizeof *state->history);
    --state->length;
  }
  state->history[state->length++] = token;
}

static void feed_one(const ngram_model* self, trellis_feed_item* item, double* probabilities) {
  const size_t vocab_size = ngram_vocab_size(&self->vocabulary);
  const size_t reach = (size_t)self->settings.order - 1;
  const size_t first_row = item->token_count - item->row_count;
  for (size_t i = 0; i < item->token_count; ++i) {
    append(item->state, reach, item->tokens[i]);
    if (i < first_row || item->logits == NULL) continue;
    ngram_distribution(self, item->state->history, item->state->length, probabilities);
    float* row = item->logits + (i - first_row) * vocab_size;
    for (size_t t = 0; t < vocab_size; ++t) row[t] = (float)log(probabilities[t]);
  }
}

static trellis_status feed(trellis_model* model, trellis_feed_item* items, size_t count,
                           trellis_error* error) {
  const ngram_model* self = self_of(model);
  for (size_t i = 0; i < count; ++i) {
    const trellis_status status =
        require_tokens(self, items[i].tokens, items[i].token_count, error);
    if (status != TRELLIS_OK) return status;
    if (items[i].row_count > items[i].token_count) {
      return ngram_fail(error, TRELLIS_INVALID_ARGUMENT,
                        "ngram: %zu rows wanted of %zu tokens: ask for at most one row a token",
                        items[i].row_count, items[i].token_count);
    }
  }
  double* probabilities = malloc(ngram_vocab_size(&self->vocabulary) * sizeof *probabilities);
  if (probabilities == NULL) return ngram_out_of_memory(error);
  for (size_t i = 0; i < count; ++i) feed_one(self, &items[i], probabilities);
  free(probabilities);
  return TRELLIS_OK;
}

ngram_model* ngram_model_new(void) {
  ngram_model* self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  const trellis_model abi = {.struct_size = sizeof abi,
                             .self = self,
                             .destroy = destroy,
                             .get_ability = get_ability,
                             .describe = describe,
                             .encode_prompt = encode_prompt,
                             .encode = encode,
                             .decode = decode,
                             .token_text = token_text,
                             .open_state = open_state,
                             .fork_state = fork_state,
                             .free_state = free_state,
                             .feed = feed};
  self->abi = abi;
  return self;
}
