#include <stdlib.h>
#include <string.h>

#include "ngram.h"

/* Orders places in a stream by the tokens before them, the nearest first, so that all places with
 * a common context lie side by side. */
static int compare_contexts(const void* left, const void* right) {
  const int32_t* a = *(const int32_t* const*)left;
  const int32_t* b = *(const int32_t* const*)right;
  for (int i = 1; i < NGRAM_MAX_ORDER; ++i) {
    if (a[-i] != b[-i]) return a[-i] < b[-i] ? -1 : 1;
    if (a[-i] == NGRAM_BOUNDARY) return 0;
  }
  return 0;
}

static int compare_tokens(const void* left, const void* right) {
  const int32_t a = *(const int32_t*)left;
  const int32_t b = *(const int32_t*)right;
  return (a > b) - (a < b);
}

/* What is needed while counting: one range of places for each node, and a tally by token. */
typedef struct builder {
  const ngram_stream* stream;
  ngram_counts* counts;
  size_t* ends; /* [node capacity]: a node's places end here; they begin at `begins` */
  size_t* begins;
  size_t node_capacity;
  size_t follower_capacity;
  uint32_t* tally;  /* [vocab_size], zero between nodes */
  int32_t* touched; /* [vocab_size] */
} builder;

static bool grow(void** data, size_t item_size, size_t capacity) {
  if (capacity > SIZE_MAX / item_size) return false;
  void* larger = realloc(*data, capacity * item_size);
  if (larger == NULL) return false;
  *data = larger;
  return true;
}

static bool add_node(builder* b, int32_t token, size_t begin, size_t end) {
  ngram_counts* counts = b->counts;
  if (counts->node_count == b->node_capacity) {
    const size_t capacity = b->node_capacity == 0 ? 1024 : b->node_capacity * 2;
    if (!grow((void**)&counts->nodes, sizeof *counts->nodes, capacity) ||
        !grow((void**)&b->begins, sizeof *b->begins, capacity) ||
        !grow((void**)&b->ends, sizeof *b->ends, capacity)) {
      return false;
    }
    b->node_capacity = capacity;
  }
  const ngram_node node = {.token = token};
  counts->nodes[counts->node_count] = node;
  b->begins[counts->node_count] = begin;
  b->ends[counts->node_count] = end;
  ++counts->node_count;
  return true;
}

static bool add_followers(builder* b, size_t index) {
  ngram_counts* counts = b->counts;
  size_t distinct = 0;
  for (size_t i = b->begins[index]; i < b->ends[index]; ++i) {
    const int32_t token = *b->stream->predicted[i];
    if (b->tally[token]++ == 0) b->touched[distinct++] = token;
  }
  qsort(b->touched, distinct, sizeof *b->touched, compare_tokens);
  while (counts->follower_count + distinct > b->follower_capacity) {
    const size_t capacity = b->follower_capacity == 0 ? 4096 : b->follower_capacity * 2;
    if (!grow((void**)&counts->followers, sizeof *counts->followers, capacity)) return false;
    b->follower_capacity = capacity;
  }
  ngram_node* node = &counts->nodes[index];
  node->first_follower = (uint32_t)counts->follower_count;
  node->follower_count = (uint32_t)distinct;
  for (size_t i = 0; i < distinct; ++i) {
    const int32_t token = b->touched[i];
    const ngram_follower follower = {token, b->tally[token]};
    counts->followers[counts->follower_count++] = follower;
    node->total += b->tally[token];
    b->tally[token] = 0;
  }
  return true;
}

/* One child for each run of places that share the token `distance` before them. */
static bool add_children(builder* b, size_t index, int distance) {
  const int32_t* const* places = b->stream->predicted;
  const size_t first = b->counts->node_count;
  for (size_t i = b->begins[index]; i < b->ends[index];) {
    const int32_t token = places[i][-distance];
    size_t end = i + 1;
    while (end < b->ends[index] && places[end][-distance] == token) ++end;
    if (token != NGRAM_BOUNDARY && !add_node(b, token, i, end)) return false;
    i = end;
  }
  b->counts->nodes[index].first_child = (uint32_t)first;
  b->counts->nodes[index].child_count = (uint32_t)(b->counts->node_count - first);
  return true;
}

static trellis_status count_all(builder* b, int order, trellis_error* error) {
  if (!add_node(b, NGRAM_BOUNDARY, 0, b->stream->predicted_count)) {
    return ngram_out_of_memory(error);
  }
  size_t level_end = 1; /* nodes of the present depth end here */
  int depth = 0;
  for (size_t i = 0; i < b->counts->node_count; ++i) {
    if (i == level_end) {
      level_end = b->counts->node_count;
      ++depth;
    }
    if (!add_followers(b, i)) return ngram_out_of_memory(error);
    if (depth + 1 < order && !add_children(b, i, depth + 1)) return ngram_out_of_memory(error);
    if (b->counts->node_count > UINT32_MAX || b->counts->follower_count > UINT32_MAX) {
      return ngram_fail(error, TRELLIS_UNSUPPORTED,
                        "ngram: more than 4294967295 n-grams: use a smaller order or less data");
    }
    if (i % 65536 == 0 && ngram_cancelled()) {
      return ngram_fail(error, TRELLIS_CANCELLED, "ngram: stopped while counting");
    }
  }
  return TRELLIS_OK;
}

trellis_status ngram_counts_build(int order, size_t vocab_size, ngram_stream* stream,
                                  ngram_counts* counts, trellis_error* error) {
  memset(counts, 0, sizeof *counts);
  builder b = {.stream = stream, .counts = counts};
  b.tally = calloc(vocab_size, sizeof *b.tally);
  b.touched = malloc(vocab_size * sizeof *b.touched);
  trellis_status status = TRELLIS_OK;
  if (b.tally == NULL || b.touched == NULL) {
    status = ngram_out_of_memory(error);
  } else {
    qsort(stream->predicted, stream->predicted_count, sizeof *stream->predicted, compare_contexts);
    status = count_all(&b, order, error);
  }
  free(b.tally);
  free(b.touched);
  free(b.begins);
  free(b.ends);
  if (status != TRELLIS_OK) ngram_counts_clear(counts);
  return status;
}

void ngram_counts_clear(ngram_counts* counts) {
  free(counts->nodes);
  free(counts->followers);
  memset(counts, 0, sizeof *counts);
}

/* ---- probabilities ---------------------------------------------------------------------------*/

static const ngram_node* find_child(const ngram_counts* counts, const ngram_node* node,
                                    int32_t token) {
  size_t low = node->first_child;
  size_t high = low + node->child_count;
  const size_t end = high;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (counts->nodes[middle].token < token) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < end && counts->nodes[low].token == token ? &counts->nodes[low] : NULL;
}

static uint32_t find_count(const ngram_counts* counts, const ngram_node* node, int32_t token) {
  size_t low = node->first_follower;
  size_t high = low + node->follower_count;
  const size_t end = high;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (counts->followers[middle].token < token) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < end && counts->followers[low].token == token ? counts->followers[low].count : 0;
}

/* How a context shares its mass: a follower seen c times gets (c - discount) / divisor of it, the
 * shorter context gets `rest`. */
typedef struct shares {
  double discount, divisor, rest;
} shares;

static shares shares_of(const ngram_settings* settings, const ngram_node* node) {
  const double total = (double)node->total;
  const double distinct = node->follower_count;
  if (settings->absolute_discounting) {
    const shares result = {settings->discount, total, settings->discount * distinct / total};
    return result;
  }
  const shares result = {0, total + distinct, distinct / (total + distinct)};
  return result;
}

/* <bos> and <sep> never follow anything. */
static bool can_follow(size_t token) {
  return token != NGRAM_BOS && token != NGRAM_SEPARATOR;
}

static double uniform(const ngram_model* model) {
  return 1.0 / (double)(ngram_vocab_size(&model->vocabulary) - 2);
}

double ngram_probability(const ngram_model* model, const int32_t* position) {
  double probability = can_follow((size_t)*position) ? uniform(model) : 0;
  const ngram_node* node = model->counts.nodes;
  for (int depth = 0; node != NULL; ++depth) {
    const shares s = shares_of(&model->settings, node);
    const uint32_t count = find_count(&model->counts, node, *position);
    probability *= s.rest;
    if (count > 0) probability += (count - s.discount) / s.divisor;
    const int32_t older = position[-depth - 1];
    if (depth + 1 == model->settings.order || older == NGRAM_BOUNDARY) break;
    node = find_child(&model->counts, node, older);
  }
  return probability;
}

void ngram_distribution(const ngram_model* model, const int32_t* history, size_t length,
                        double* probabilities) {
  const size_t vocab_size = ngram_vocab_size(&model->vocabulary);
  const double floor = uniform(model);
  for (size_t i = 0; i < vocab_size; ++i) probabilities[i] = can_follow(i) ? floor : 0;
  const ngram_node* node = model->counts.nodes;
  for (size_t depth = 0; node != NULL; ++depth) {
    const shares s = shares_of(&model->settings, node);
    const ngram_follower* followers = model->counts.followers + node->first_follower;
    for (size_t i = 0; i < vocab_size; ++i) probabilities[i] *= s.rest;
    for (size_t i = 0; i < node->follower_count; ++i) {
      probabilities[followers[i].token] += (followers[i].count - s.discount) / s.divisor;
    }
    if (depth + 1 == (size_t)model->settings.order || depth == length) break;
    node = find_child(&model->counts, node, history[length - 1 - depth]);
  }
}
