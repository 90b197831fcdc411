/* An interpolated n-gram language model over characters or bytes, in plain C.
 *
 * P(w | h) = kept share of w after h + (mass set aside) * P(w | h without its oldest token), down
 * to a uniform distribution over every token that may follow. Two ways to set mass aside, with c
 * the count of w after h, C the sum of the counts after h and T the number of distinct w after h:
 *   witten_bell:           c / (C + T)  and  T / (C + T)
 *   absolute_discounting:  (c - d) / C  and  d T / C
 * Witten and Bell 1991; Ney, Essen and Kneser 1994; Chen and Goodman 1999, sections 2.4 and 2.6.
 *
 * A sequence is <bos> [source <sep>] target <eos>. Only tokens of the target and <eos> are counted
 * as predicted; their contexts reach back into the source.
 *
 * Ownership: every struct below is cleared by the function named beside it; a zeroed struct is
 * empty and may be cleared. Functions that return trellis_status leave their outputs empty when
 * they fail.
 */
#ifndef TRELLIS_PLUGINS_NGRAM_H
#define TRELLIS_PLUGINS_NGRAM_H

#include <jansson.h>
#include <stdbool.h>

#include "trellis/abi/model.h"

enum {
  NGRAM_MAX_ORDER = 12,
  NGRAM_BOUNDARY = -1, /* before each sequence of a stream; never a token */
  NGRAM_BOS = 0,
  NGRAM_EOS = 1,
  NGRAM_SEPARATOR = 2,
  NGRAM_UNKNOWN = 3, /* characters only: bytes are all known */
  NGRAM_HASH_SIZE = 33
};

typedef struct ngram_settings {
  int order; /* 1..NGRAM_MAX_ORDER; a context has at most order - 1 tokens */
  bool bytes;
  bool absolute_discounting;
  double discount;
} ngram_settings;

/* Token ids: the special symbols, then the bytes or the code points, both ascending. */
typedef struct ngram_vocabulary {
  bool bytes;
  uint32_t* code_points; /* [count], ascending; null for bytes */
  size_t count;          /* 256 for bytes; 0 while there is no vocabulary */
} ngram_vocabulary;

/* A context. The root is the empty one; a child's context is one older token longer. */
typedef struct ngram_node {
  int32_t token; /* the oldest token of this context */
  uint32_t first_child, child_count;
  uint32_t first_follower, follower_count;
  uint64_t total; /* sum of the followers' counts */
} ngram_node;

typedef struct ngram_follower {
  int32_t token;
  uint32_t count;
} ngram_follower;

/* A trie of contexts in breadth-first order; children and followers ascend by token. */
typedef struct ngram_counts {
  ngram_node* nodes;
  size_t node_count;
  ngram_follower* followers;
  size_t follower_count;
} ngram_counts;

/* Sequences one after the other, each led by NGRAM_BOUNDARY, and where the predicted tokens are. */
typedef struct ngram_stream {
  int32_t* tokens;
  size_t token_count;
  const int32_t** predicted; /* [predicted_count], into tokens */
  size_t predicted_count;
} ngram_stream;

typedef struct ngram_model {
  trellis_model abi;
  ngram_settings settings;
  ngram_vocabulary vocabulary;
  ngram_counts counts;
  char weights_hash[NGRAM_HASH_SIZE]; /* of vocabulary and counts; empty before training */
} ngram_model;

/* ---- failure.c: writes one line to `error`, returns `status` */
trellis_status ngram_fail(trellis_error* error, trellis_status status, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
trellis_status ngram_out_of_memory(trellis_error* error);

/* ---- vocabulary.c */
size_t ngram_vocab_size(const ngram_vocabulary* vocabulary);
/* The characters of all sources and targets. Invalid UTF-8 counts as U+FFFD. */
trellis_status ngram_vocabulary_build(bool bytes, const trellis_example* examples, size_t count,
                                      ngram_vocabulary* vocabulary, trellis_error* error);
void ngram_vocabulary_clear(ngram_vocabulary* vocabulary);
/* Writes at most text.size tokens to `tokens`, returns how many. */
size_t ngram_encode(const ngram_vocabulary* vocabulary, trellis_span text, int32_t* tokens);
/* Token ids must lie in the vocabulary. */
trellis_status ngram_decode(const ngram_vocabulary* vocabulary, const int32_t* tokens, size_t count,
                            trellis_text_sink* text, trellis_error* error);
void ngram_token_text(const ngram_vocabulary* vocabulary, int32_t token, trellis_text_sink* text);
/* What a token writes; nothing for special symbols. */
void ngram_token_bytes(const ngram_vocabulary* vocabulary, int32_t token, trellis_text_sink* bytes);

/* ---- counts.c */
/* Counts the followers of every context of at most order - 1 tokens; reorders
 * stream->predicted. */
trellis_status ngram_counts_build(int order, size_t vocab_size, ngram_stream* stream,
                                  ngram_counts* counts, trellis_error* error);
void ngram_counts_clear(ngram_counts* counts);
/* P(*position | the tokens before it, back to the boundary). */
double ngram_probability(const ngram_model* model, const int32_t* position);
/* history: [length], the newest last. probabilities: [vocab_size], filled. */
void ngram_distribution(const ngram_model* model, const int32_t* history, size_t length,
                        double* probabilities);

/* ---- checkpoint.c: model.json and counts-HASH.bin in a folder */
trellis_status ngram_hash_weights(ngram_model* model, trellis_error* error);
trellis_status ngram_save(const ngram_model* model, const char* folder, trellis_error* error);
trellis_status ngram_load(const char* folder, ngram_model* model, trellis_error* error);

/* ---- training.c */
trellis_status ngram_train(trellis_model* model, const trellis_train_request* request,
                           trellis_error* error);

/* ---- model.c: an empty model with its functions in place; null when memory is out */
ngram_model* ngram_model_new(void);

/* ---- plugin.c */
bool ngram_cancelled(void); /* the user asked to stop */
trellis_status ngram_settings_read(const json_t* json, ngram_settings* settings,
                                   trellis_error* error);
json_t* ngram_settings_json(const ngram_settings* settings); /* a new reference, or null */
/* Writes `json`, which may be null when memory is out, and gives up the reference. */
trellis_status ngram_write_json(json_t* json, trellis_text_sink* sink, trellis_error* error);

#endif
