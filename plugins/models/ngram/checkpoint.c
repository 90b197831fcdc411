/* A folder holds model.json (settings, vocabulary, name and hash of the counts) and
 * counts-HASH.bin: little-endian 32-bit words
 *   magic, format, vocab_size, order, node_count, follower_count,
 *   node_count   x (token, child_count, follower_count)      breadth first
 *   follower_count x (token, count)
 * model.json is renamed into place last, so a folder is either the old model or the new one. */
#define _POSIX_C_SOURCE 200809L
#define XXH_INLINE_ALL
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "ngram.h"

enum {
  MAGIC = 0x4D52474E, /* "NGRM" */
  FORMAT = 1,
  HEADER_WORDS = 6,
  NODE_WORDS = 3,
  FOLLOWER_WORDS = 2,
  PATH_SIZE = 4096
};

typedef struct words {
  unsigned char* bytes; /* free() */
  size_t size;
} words;

static void put_word(unsigned char** end, uint32_t word) {
  for (int i = 0; i < 4; ++i) *(*end)++ = (unsigned char)(word >> (8 * i));
}

static uint32_t get_word(const unsigned char** begin) {
  uint32_t word = 0;
  for (int i = 0; i < 4; ++i) word |= (uint32_t) * (*begin)++ << (8 * i);
  return word;
}

static size_t size_in_bytes(size_t nodes, size_t followers) {
  return 4 * (HEADER_WORDS + NODE_WORDS * nodes + FOLLOWER_WORDS * followers);
}

static words counts_to_words(const ngram_model* model) {
  const ngram_counts* counts = &model->counts;
  words result = {NULL, size_in_bytes(counts->node_count, counts->follower_count)};
  result.bytes = malloc(result.size);
  if (result.bytes == NULL) return result;
  unsigned char* end = result.bytes;
  put_word(&end, MAGIC);
  put_word(&end, FORMAT);
  put_word(&end, (uint32_t)ngram_vocab_size(&model->vocabulary));
  put_word(&end, (uint32_t)model->settings.order);
  put_word(&end, (uint32_t)counts->node_count);
  put_word(&end, (uint32_t)counts->follower_count);
  for (size_t i = 0; i < counts->node_count; ++i) {
    put_word(&end, (uint32_t)counts->nodes[i].token);
    put_word(&end, counts->nodes[i].child_count);
    put_word(&end, counts->nodes[i].follower_count);
  }
  for (size_t i = 0; i < counts->follower_count; ++i) {
    put_word(&end, (uint32_t)counts->followers[i].token);
    put_word(&end, counts->followers[i].count);
  }
  return result;
}

/* XXH3-128 of the code points as words, then the counts. */
static trellis_status hash_words(const ngram_vocabulary* vocabulary, const words* counts, char* hex,
                                 trellis_error* error) {
  XXH3_state_t* state = XXH3_createState();
  if (state == NULL) return ngram_out_of_memory(error);
  XXH3_128bits_reset(state);
  for (size_t i = 0; !vocabulary->bytes && i < vocabulary->count; ++i) {
    unsigned char word[4];
    unsigned char* end = word;
    put_word(&end, vocabulary->code_points[i]);
    XXH3_128bits_update(state, word, sizeof word);
  }
  XXH3_128bits_update(state, counts->bytes, counts->size);
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(state));
  XXH3_freeState(state);
  for (size_t i = 0; i < sizeof digest.digest; ++i) {
    snprintf(hex + 2 * i, 3, "%02x", digest.digest[i]);
  }
  return TRELLIS_OK;
}

trellis_status ngram_hash_weights(ngram_model* model, trellis_error* error) {
  words counts = counts_to_words(model);
  if (counts.bytes == NULL) return ngram_out_of_memory(error);
  const trellis_status status = hash_words(&model->vocabulary, &counts, model->weights_hash, error);
  free(counts.bytes);
  return status;
}

/* ---- writing ---------------------------------------------------------------------------------*/

static bool join_path(char* path, const char* folder, const char* name, const char* suffix) {
  return snprintf(path, PATH_SIZE, "%s/%s%s", folder, name, suffix) < PATH_SIZE;
}

static trellis_status make_folder(const char* folder, trellis_error* error) {
  char path[PATH_SIZE];
  if (snprintf(path, sizeof path, "%s/", folder) >= PATH_SIZE) {
    return ngram_fail(error, TRELLIS_INVALID_ARGUMENT, "ngram: the folder's name is too long");
  }
  for (char* slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
      return ngram_fail(error, TRELLIS_INTERNAL, "%s: cannot be made: %s", path, strerror(errno));
    }
    *slash = '/';
  }
  return TRELLIS_OK;
}

/* All or nothing, also when the power fails in between. */
static trellis_status write_file(const char* folder, const char* name, const void* data,
                                 size_t size, trellis_error* error) {
  char path[PATH_SIZE];
  char unfinished[PATH_SIZE];
  if (!join_path(path, folder, name, "") || !join_path(unfinished, folder, name, ".new")) {
    return ngram_fail(error, TRELLIS_INVALID_ARGUMENT, "ngram: the folder's name is too long");
  }
  FILE* file = fopen(unfinished, "wb");
  bool written = file != NULL && fwrite(data, 1, size, file) == size && fflush(file) == 0 &&
                 fsync(fileno(file)) == 0;
  int reason = errno;
  if (file != NULL && fclose(file) != 0 && written) {
    written = false;
    reason = errno;
  }
  if (written && rename(unfinished, path) == 0) return TRELLIS_OK;
  if (written) reason = errno;
  remove(unfinished);
  return ngram_fail(error, TRELLIS_INTERNAL,
                    "%s: cannot be written: %s: check space and permissions", path,
                    strerror(reason));
}

static void remove_older_counts(const char* folder, const char* current) {
  DIR* directory = opendir(folder);
  if (directory == NULL) return;
  for (struct dirent* item; (item = readdir(directory)) != NULL;) {
    char path[PATH_SIZE];
    if (strncmp(item->d_name, "counts-", 7) == 0 && strcmp(item->d_name, current) != 0 &&
        join_path(path, folder, item->d_name, "")) {
      remove(path);
    }
  }
  closedir(directory);
}

static json_t* code_points_json(const ngram_vocabulary* vocabulary) {
  json_t* list = json_array();
  for (size_t i = 0; list != NULL && !vocabulary->bytes && i < vocabulary->count; ++i) {
    if (json_array_append_new(list, json_integer(vocabulary->code_points[i])) != 0) {
      json_decref(list);
      list = NULL;
    }
  }
  return list;
}

trellis_status ngram_save(const ngram_model* model, const char* folder, trellis_error* error) {
  char name[NGRAM_HASH_SIZE + 16];
  snprintf(name, sizeof name, "counts-%s.bin", model->weights_hash);
  words counts = counts_to_words(model);
  json_t* json =
      json_pack("{s:s, s:o, s:s, s:s, s:o}", "format", "trellis.ngram/1", "specification",
                ngram_settings_json(&model->settings), "weights_hash", model->weights_hash,
                "counts", name, "code_points", code_points_json(&model->vocabulary));
  char* text = json != NULL ? json_dumps(json, JSON_INDENT(1)) : NULL;
  trellis_status status = counts.bytes == NULL || text == NULL ? ngram_out_of_memory(error)
                                                               : make_folder(folder, error);
  if (status == TRELLIS_OK) status = write_file(folder, name, counts.bytes, counts.size, error);
  if (status == TRELLIS_OK) {
    status = write_file(folder, "model.json", text, strlen(text), error);
  }
  if (status == TRELLIS_OK) remove_older_counts(folder, name);
  free(counts.bytes);
  free(text);
  json_decref(json);
  return status;
}

/* ---- reading ---------------------------------------------------------------------------------*/

static trellis_status read_file(const char* path, words* file, trellis_error* error) {
  FILE* stream = fopen(path, "rb");
  long size = -1;
  if (stream != NULL && fseek(stream, 0, SEEK_END) == 0) size = ftell(stream);
  if (size < 0 || fseek(stream, 0, SEEK_SET) != 0) {
    const int reason = errno;
    if (stream != NULL) fclose(stream);
    return ngram_fail(error, TRELLIS_NOT_FOUND, "%s: cannot be read: %s", path, strerror(reason));
  }
  file->bytes = malloc((size_t)size + 1);
  file->size = file->bytes != NULL ? fread(file->bytes, 1, (size_t)size, stream) : 0;
  fclose(stream);
  if (file->bytes == NULL) return ngram_out_of_memory(error);
  if (file->size == (size_t)size) return TRELLIS_OK;
  free(file->bytes);
  file->bytes = NULL;
  return ngram_fail(error, TRELLIS_BAD_DATA, "%s: cannot be read to its end", path);
}

/* Fills in a node's ranges and its total; false when the followers or children are not in order. */
static bool finish_node(ngram_counts* counts, size_t index, size_t vocab_size, size_t* next_child,
                        size_t* next_follower) {
  ngram_node* node = &counts->nodes[index];
  node->first_child = (uint32_t)*next_child;
  node->first_follower = (uint32_t)*next_follower;
  *next_child += node->child_count;
  *next_follower += node->follower_count;
  if (*next_child > counts->node_count || *next_follower > counts->follower_count ||
      node->follower_count == 0 || (node->child_count > 0 && node->first_child <= index)) {
    return false;
  }
  int32_t last = -1;
  for (size_t i = node->first_follower; i < *next_follower; ++i) {
    const ngram_follower follower = counts->followers[i];
    if (follower.token <= last || (size_t)follower.token >= vocab_size || follower.count == 0) {
      return false;
    }
    last = follower.token;
    node->total += follower.count;
  }
  last = -1;
  for (size_t i = node->first_child; i < *next_child; ++i) {
    if (counts->nodes[i].token <= last || (size_t)counts->nodes[i].token >= vocab_size) {
      return false;
    }
    last = counts->nodes[i].token;
  }
  return true;
}

static bool parse_counts(const words* file, ngram_model* model) {
  const unsigned char* next = file->bytes;
  if (file->size < 4 * HEADER_WORDS || get_word(&next) != MAGIC || get_word(&next) != FORMAT) {
    return false;
  }
  const size_t vocab_size = ngram_vocab_size(&model->vocabulary);
  if (get_word(&next) != vocab_size || get_word(&next) != (uint32_t)model->settings.order) {
    return false;
  }
  ngram_counts* counts = &model->counts;
  counts->node_count = get_word(&next);
  counts->follower_count = get_word(&next);
  if (counts->node_count == 0 ||
      file->size != size_in_bytes(counts->node_count, counts->follower_count)) {
    return false;
  }
  counts->nodes = calloc(counts->node_count, sizeof *counts->nodes);
  counts->followers = calloc(counts->follower_count, sizeof *counts->followers);
  if (counts->nodes == NULL || counts->followers == NULL) return false;
  for (size_t i = 0; i < counts->node_count; ++i) {
    counts->nodes[i].token = (int32_t)get_word(&next);
    counts->nodes[i].child_count = get_word(&next);
    counts->nodes[i].follower_count = get_word(&next);
  }
  for (size_t i = 0; i < counts->follower_count; ++i) {
    counts->followers[i].token = (int32_t)get_word(&next);
    counts->followers[i].count = get_word(&next);
  }
  size_t next_child = 1;
  size_t next_follower = 0;
  for (size_t i = 0; i < counts->node_count; ++i) {
    if (!finish_node(counts, i, vocab_size, &next_child, &next_follower)) return false;
  }
  return next_child == counts->node_count && next_follower == counts->follower_count;
}

static bool parse_code_points(const json_t* list, ngram_vocabulary* vocabulary) {
  if (vocabulary->bytes) {
    vocabulary->count = 256;
    return true;
  }
  const size_t count = json_array_size(list);
  if (count == 0) return false;
  vocabulary->code_points = malloc(count * sizeof *vocabulary->code_points);
  if (vocabulary->code_points == NULL) return false;
  json_int_t last = -1;
  for (size_t i = 0; i < count; ++i) {
    const json_t* item = json_array_get(list, i);
    const json_int_t code_point = json_is_integer(item) ? json_integer_value(item) : -1;
    if (code_point <= last || code_point > 0x10FFFF) return false;
    vocabulary->code_points[i] = (uint32_t)code_point;
    last = code_point;
  }
  vocabulary->count = count;
  return true;
}

static trellis_status load_counts(const char* folder, const char* name, const char* hash,
                                  ngram_model* model, trellis_error* error) {
  char path[PATH_SIZE];
  if (strchr(name, '/') != NULL || !join_path(path, folder, name, "")) {
    return ngram_fail(error, TRELLIS_BAD_DATA, "%s/model.json: counts: not a file name", folder);
  }
  words file = {0};
  trellis_status status = read_file(path, &file, error);
  if (status != TRELLIS_OK) return status;
  status = hash_words(&model->vocabulary, &file, model->weights_hash, error);
  if (status == TRELLIS_OK &&
      (strcmp(hash, model->weights_hash) != 0 || !parse_counts(&file, model))) {
    status = ngram_fail(error, TRELLIS_BAD_DATA,
                        "%s: truncated or not the counts that model.json names: train again", path);
  }
  free(file.bytes);
  return status;
}

static trellis_status load_parts(const char* folder, const json_t* json, ngram_model* model,
                                 trellis_error* error) {
  const char *format, *hash, *name;
  const json_t *settings, *code_points;
  json_error_t reason;
  if (json_unpack_ex((json_t*)json, &reason, 0, "{s:s, s:o, s:s, s:s, s:o}", "format", &format,
                     "specification", &settings, "weights_hash", &hash, "counts", &name,
                     "code_points", &code_points) != 0) {
    return ngram_fail(error, TRELLIS_BAD_DATA, "%s/model.json: %s", folder, reason.text);
  }
  if (strcmp(format, "trellis.ngram/1") != 0) {
    return ngram_fail(error, TRELLIS_BAD_DATA,
                      "%s/model.json: format \"%.100s\" is not trellis.ngram/1: train again",
                      folder, format);
  }
  if (ngram_settings_read(settings, &model->settings, error) != TRELLIS_OK) {
    return ngram_fail(error, TRELLIS_BAD_DATA, "%s/model.json: malformed specification", folder);
  }
  model->vocabulary.bytes = model->settings.bytes;
  if (!parse_code_points(code_points, &model->vocabulary)) {
    return ngram_fail(error, TRELLIS_BAD_DATA, "%s/model.json: malformed code_points", folder);
  }
  return load_counts(folder, name, hash, model, error);
}

trellis_status ngram_load(const char* folder, ngram_model* model, trellis_error* error) {
  char path[PATH_SIZE];
  words file = {0};
  if (!join_path(path, folder, "model.json", "")) {
    return ngram_fail(error, TRELLIS_INVALID_ARGUMENT, "ngram: the folder's name is too long");
  }
  trellis_status status = read_file(path, &file, error);
  if (status != TRELLIS_OK) return status;
  json_error_t reason;
  json_t* json = json_loadb((const char*)file.bytes, file.size, JSON_REJECT_DUPLICATES, &reason);
  free(file.bytes);
  if (json == NULL) {
    return ngram_fail(error, TRELLIS_BAD_DATA, "%s:%d:%d: %s", path, reason.line, reason.column,
                      reason.text);
  }
  status = load_parts(folder, json, model, error);
  json_decref(json);
  return status;
}
