#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ngram.h"

enum { BYTE_COUNT = 256, CODE_POINT_LIMIT = 0x110000, REPLACEMENT = 0xFFFD };

static const char* const special_names[] = {"<bos>", "<eos>", "<sep>", "<unk>"};

static size_t special_count(const ngram_vocabulary* vocabulary) {
  return vocabulary->bytes ? NGRAM_UNKNOWN : NGRAM_UNKNOWN + 1;
}

size_t ngram_vocab_size(const ngram_vocabulary* vocabulary) {
  return vocabulary->count == 0 ? 0 : special_count(vocabulary) + vocabulary->count;
}

/* Reads one code point of at least one byte; a maximal invalid part is one U+FFFD (Unicode 3.9).
 * Returns how many bytes it took. */
static size_t read_code_point(const unsigned char* bytes, size_t size, uint32_t* code_point) {
  const unsigned char first = bytes[0];
  *code_point = REPLACEMENT;
  if (first < 0x80) {
    *code_point = first;
    return 1;
  }
  if (first < 0xC2 || first > 0xF4) return 1;
  const size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  /* The second byte's range shuts out overlong forms, surrogates and what lies above U+10FFFF. */
  unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  uint32_t value = first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if (i >= size || bytes[i] < low || bytes[i] > high) return i;
    value = value << 6 | (bytes[i] & 0x3FU);
    low = 0x80;
    high = 0xBF;
  }
  *code_point = value;
  return length;
}

static size_t write_code_point(uint32_t code_point, char* out) {
  if (code_point < 0x80) {
    out[0] = (char)code_point;
    return 1;
  }
  const size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; --i) {
    out[i] = (char)(0x80 | (code_point & 0x3F));
    code_point >>= 6;
  }
  out[0] = (char)((0xF00U >> length) | code_point);
  return length;
}

static void mark_code_points(trellis_span text, unsigned char* seen) {
  const unsigned char* bytes = (const unsigned char*)text.data;
  for (size_t i = 0; i < text.size;) {
    uint32_t code_point;
    i += read_code_point(bytes + i, text.size - i, &code_point);
    seen[code_point] = 1;
  }
}

trellis_status ngram_vocabulary_build(bool bytes, const trellis_example* examples, size_t count,
                                      ngram_vocabulary* vocabulary, trellis_error* error) {
  memset(vocabulary, 0, sizeof *vocabulary);
  vocabulary->bytes = bytes;
  if (bytes) {
    vocabulary->count = BYTE_COUNT;
    return TRELLIS_OK;
  }
  unsigned char* seen = calloc(CODE_POINT_LIMIT, 1);
  if (seen == NULL) return ngram_out_of_memory(error);
  for (size_t i = 0; i < count; ++i) {
    mark_code_points(examples[i].source, seen);
    mark_code_points(examples[i].target, seen);
  }
  size_t distinct = 0;
  for (uint32_t c = 0; c < CODE_POINT_LIMIT; ++c) distinct += seen[c];
  if (distinct > 0) vocabulary->code_points = malloc(distinct * sizeof(uint32_t));
  for (uint32_t c = 0; vocabulary->code_points != NULL && c < CODE_POINT_LIMIT; ++c) {
    if (seen[c]) vocabulary->code_points[vocabulary->count++] = c;
  }
  free(seen);
  if (distinct == 0) {
    return ngram_fail(error, TRELLIS_INVALID_ARGUMENT,
                      "ngram: every training example is empty: give training data with text");
  }
  return vocabulary->code_points == NULL ? ngram_out_of_memory(error) : TRELLIS_OK;
}

void ngram_vocabulary_clear(ngram_vocabulary* vocabulary) {
  free(vocabulary->code_points);
  memset(vocabulary, 0, sizeof *vocabulary);
}

static int32_t token_of(const ngram_vocabulary* vocabulary, uint32_t code_point) {
  size_t low = 0;
  size_t high = vocabulary->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (vocabulary->code_points[middle] < code_point) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const bool found = low < vocabulary->count && vocabulary->code_points[low] == code_point;
  return found ? (int32_t)(special_count(vocabulary) + low) : NGRAM_UNKNOWN;
}

size_t ngram_encode(const ngram_vocabulary* vocabulary, trellis_span text, int32_t* tokens) {
  const unsigned char* bytes = (const unsigned char*)text.data;
  size_t count = 0;
  for (size_t i = 0; i < text.size;) {
    if (vocabulary->bytes) {
      tokens[count++] = (int32_t)(special_count(vocabulary) + bytes[i++]);
    } else {
      uint32_t code_point;
      i += read_code_point(bytes + i, text.size - i, &code_point);
      tokens[count++] = token_of(vocabulary, code_point);
    }
  }
  return count;
}

/* The bytes of one token, none for a special symbol. out: [4] */
static size_t token_bytes(const ngram_vocabulary* vocabulary, int32_t token, char* out) {
  const size_t specials = special_count(vocabulary);
  if ((size_t)token < specials) return 0;
  if (!vocabulary->bytes) return write_code_point(vocabulary->code_points[token - specials], out);
  out[0] = (char)(token - specials);
  return 1;
}

trellis_status ngram_decode(const ngram_vocabulary* vocabulary, const int32_t* tokens, size_t count,
                            trellis_text_sink* text, trellis_error* error) {
  if (count == 0) return TRELLIS_OK;
  char* bytes = count <= SIZE_MAX / 4 ? malloc(count * 4) : NULL;
  if (bytes == NULL) return ngram_out_of_memory(error);
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) size += token_bytes(vocabulary, tokens[i], bytes + size);
  /* Bytes need not form characters; what does not is replaced. */
  for (size_t i = 0; i < size;) {
    uint32_t code_point;
    char character[4];
    i += read_code_point((const unsigned char*)bytes + i, size - i, &code_point);
    text->write(text->context, character, write_code_point(code_point, character));
  }
  free(bytes);
  return TRELLIS_OK;
}

void ngram_token_text(const ngram_vocabulary* vocabulary, int32_t token, trellis_text_sink* text) {
  char bytes[8];
  size_t size = token_bytes(vocabulary, token, bytes);
  if (size == 0) {
    const char* name = special_names[token];
    text->write(text->context, name, strlen(name));
    return;
  }
  if (vocabulary->bytes && (unsigned char)bytes[0] >= 0x80) {
    size = (size_t)snprintf(bytes, sizeof bytes, "<0x%02X>", (unsigned char)bytes[0]);
  }
  text->write(text->context, bytes, size);
}

void ngram_token_bytes(const ngram_vocabulary* vocabulary, int32_t token,
                       trellis_text_sink* bytes) {
  char written[8];
  const size_t size = token_bytes(vocabulary, token, written);
  if (size > 0) bytes->write(bytes->context, written, size);
}
