#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ngram.h"

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void clear_stream(ngram_stream* stream) {
  free(stream->tokens);
  free(stream->predicted);
  memset(stream, 0, sizeof *stream);
}

static void append_example(const ngram_vocabulary* vocabulary, const trellis_example* example,
                           ngram_stream* stream) {
  int32_t* end = stream->tokens + stream->token_count;
  *end++ = NGRAM_BOUNDARY;
  *end++ = NGRAM_BOS;
  if (example->source.size > 0) {
    end += ngram_encode(vocabulary, example->source, end);
    *end++ = NGRAM_SEPARATOR;
  }
  const int32_t* first = end;
  end += ngram_encode(vocabulary, example->target, end);
  *end++ = NGRAM_EOS;
  while (first < end) stream->predicted[stream->predicted_count++] = first++;
  stream->token_count = (size_t)(end - stream->tokens);
}

static trellis_status make_stream(const ngram_vocabulary* vocabulary,
                                  const trellis_example* examples, size_t count,
                                  ngram_stream* stream, trellis_error* error) {
  memset(stream, 0, sizeof *stream);
  size_t capacity = 0; /* no token is shorter than a byte; four more hold the special symbols */
  for (size_t i = 0; i < count; ++i) {
    capacity += examples[i].source.size + examples[i].target.size + 4;
  }
  if (capacity > INT32_MAX) {
    return ngram_fail(error, TRELLIS_UNSUPPORTED,
                      "ngram: %zu bytes of training data: give at most 2 GiB", capacity);
  }
  stream->tokens = malloc(capacity * sizeof *stream->tokens);
  stream->predicted = malloc(capacity * sizeof *stream->predicted);
  if (stream->tokens == NULL || stream->predicted == NULL) {
    clear_stream(stream);
    return ngram_out_of_memory(error);
  }
  for (size_t i = 0; i < count; ++i) append_example(vocabulary, &examples[i], stream);
  return TRELLIS_OK;
}

/* Nats a token. */
static double loss_of(const ngram_model* model, const ngram_stream* stream) {
  double sum = 0;
  for (size_t i = 0; i < stream->predicted_count; ++i) {
    sum -= log(ngram_probability(model, stream->predicted[i]));
  }
  return sum / (double)stream->predicted_count;
}

static trellis_status send_point(const trellis_train_request* request, const char* split,
                                 double loss, size_t tokens, double seconds, trellis_error* error) {
  json_t* json = json_pack("{s:i, s:i, s:I, s:f, s:s, s:f}", "step", 1, "steps", 1, "tokens",
                           (json_int_t)tokens, "seconds", seconds, "split", split, "loss", loss);
  char* text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  if (text == NULL) return ngram_out_of_memory(error);
  const int32_t stop = request->on_point(request->context, text, strlen(text));
  free(text);
  if (stop == 0) return TRELLIS_OK;
  return ngram_fail(error, TRELLIS_CANCELLED, "ngram: stopped; the counts are saved in %s",
                    request->folder);
}

/* Counts into `fresh`, whose settings are set, and saves it. */
static trellis_status count_and_save(ngram_model* fresh, const trellis_train_request* request,
                                     ngram_stream* stream, trellis_error* error) {
  trellis_status status = ngram_vocabulary_build(fresh->settings.bytes, request->train,
                                                 request->train_count, &fresh->vocabulary, error);
  if (status == TRELLIS_OK) {
    status = make_stream(&fresh->vocabulary, request->train, request->train_count, stream, error);
  }
  if (status == TRELLIS_OK) {
    status = ngram_counts_build(fresh->settings.order, ngram_vocab_size(&fresh->vocabulary), stream,
                                &fresh->counts, error);
  }
  if (status == TRELLIS_OK) status = ngram_hash_weights(fresh, error);
  return status == TRELLIS_OK ? ngram_save(fresh, request->folder, error) : status;
}

static trellis_status report(const ngram_model* model, const trellis_train_request* request,
                             const ngram_stream* train, double begin, trellis_error* error) {
  trellis_status status = send_point(request, "train", loss_of(model, train),
                                     train->predicted_count, now() - begin, error);
  if (status != TRELLIS_OK || request->valid_count == 0) return status;
  ngram_stream valid;
  status = make_stream(&model->vocabulary, request->valid, request->valid_count, &valid, error);
  if (status != TRELLIS_OK) return status;
  status = send_point(request, "valid", loss_of(model, &valid), train->predicted_count,
                      now() - begin, error);
  clear_stream(&valid);
  return status;
}

/* Counting takes seconds and has no steps: an unfinished run is simply done again. */
trellis_status ngram_train(trellis_model* model, const trellis_train_request* request,
                           trellis_error* error) {
  ngram_model* self = model->self;
  const double begin = now();
  if (request->train_count == 0) {
    return ngram_fail(error, TRELLIS_INVALID_ARGUMENT,
                      "ngram: there are no training examples: give the task a training file");
  }
  ngram_model fresh = {.settings = self->settings};
  ngram_stream stream = {0};
  trellis_status status = count_and_save(&fresh, request, &stream, error);
  if (status == TRELLIS_OK) {
    ngram_vocabulary_clear(&self->vocabulary);
    ngram_counts_clear(&self->counts);
    self->vocabulary = fresh.vocabulary;
    self->counts = fresh.counts;
    memcpy(self->weights_hash, fresh.weights_hash, sizeof self->weights_hash);
    status = report(self, request, &stream, begin, error);
  } else {
    ngram_vocabulary_clear(&fresh.vocabulary);
    ngram_counts_clear(&fresh.counts);
  }
  clear_stream(&stream);
  return status;
}
