#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ngram.h"

trellis_status ngram_fail(trellis_error* error, trellis_status status, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int wanted = vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  if (wanted >= (int)sizeof error->message) {
    /* The cut may have gone through a character: drop what is left of it. */
    size_t end = strlen(error->message);
    while (end > 0 && (error->message[end - 1] & 0xC0) == 0x80) --end;
    if (end > 0) error->message[end - 1] = '\0';
  }
  return status;
}

trellis_status ngram_out_of_memory(trellis_error* error) {
  return ngram_fail(error, TRELLIS_OUT_OF_MEMORY,
                    "ngram: out of memory: use a smaller order or less training data");
}
