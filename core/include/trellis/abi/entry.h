/* trellis/abi/entry.h: what every plugin exports, and what the host gives it.
 *
 * This folder is the whole contract between the Trellis host and a plugin. It is C11 and needs
 * nothing but the standard headers, so a plugin may be written in any language with a C calling
 * convention. C++ plugins use trellis/sdk, which is a header-only layer over these structs.
 *
 * Rules that hold for every function of this folder, unless the function says otherwise:
 *  - Text is UTF-8 and is passed as pointer and size in bytes; it may hold NUL bytes and need not
 *    end in one.
 *  - Pointers passed to a function are borrowed for the call. Nothing is freed across the boundary
 *    except through the object's own `destroy` or `free_state`.
 *  - Results of unknown size go to a sink that the caller passes; a sink may be called many times.
 *  - A function returns TRELLIS_OK or writes one line to `error` and returns another status. No
 *    exception, longjmp or signal may cross the boundary. `error` is never null.
 *  - Objects of one plugin are used from one thread at a time. Two objects may be used at once.
 *  - Structs only grow at their end. Each starts with `struct_size`, set by whoever fills it in; a
 *    reader must not touch a member that lies beyond it.
 *  - A library is never unloaded while the process lives.
 */
#ifndef TRELLIS_ABI_ENTRY_H
#define TRELLIS_ABI_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A plugin loads when its major equals the host's and its minor is not above the host's. */
#define TRELLIS_ABI_MAJOR 1
#define TRELLIS_ABI_MINOR 3

#if defined(_WIN32)
#define TRELLIS_EXPORT __declspec(dllexport)
#else
#define TRELLIS_EXPORT __attribute__((visibility("default")))
#endif

typedef int32_t trellis_status;
enum {
  TRELLIS_OK = 0,
  TRELLIS_INVALID_ARGUMENT = 1, /* the caller's fault: a setting, a token, a path */
  TRELLIS_NOT_FOUND = 2,        /* a file or folder that should be there */
  TRELLIS_BAD_DATA = 3,         /* a file that is malformed or truncated */
  TRELLIS_UNSUPPORTED = 4,      /* a fair wish that this plugin cannot grant */
  TRELLIS_OUT_OF_MEMORY = 5,
  TRELLIS_CANCELLED = 6, /* the host asked to stop */
  TRELLIS_INTERNAL = 7   /* the plugin's own fault */
};

/* One line that says what is wrong, where, and what to do. Owned by the caller. */
typedef struct trellis_error {
  uint32_t struct_size;
  char message[1020]; /* NUL-terminated UTF-8 */
} trellis_error;

typedef struct trellis_span {
  const char* data;
  size_t size;
} trellis_span;

/* Receives text in pieces. */
typedef struct trellis_text_sink {
  uint32_t struct_size;
  void* context;
  void (*write)(void* context, const char* data, size_t size);
} trellis_text_sink;

/* Receives token ids in pieces. */
typedef struct trellis_token_sink {
  uint32_t struct_size;
  void* context;
  void (*write)(void* context, const int32_t* tokens, size_t count);
} trellis_token_sink;

/* Services of the host. Lives as long as the process. Callable from any thread. */
typedef struct trellis_host {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void* context;
  /* level: 0 debug, 1 information, 2 warning, 3 error. One line, without line feed. */
  void (*log)(void* context, int32_t level, const char* message, size_t size);
  /* Nonzero once the user asked to stop; long work polls it and returns TRELLIS_CANCELLED. */
  int32_t (*cancelled)(void* context);
  /* How many threads the plugin may use, at least 1. */
  int32_t (*threads)(void* context);
} trellis_host;

/* The one exported symbol, named `trellis_plugin_entry`. */
typedef struct trellis_plugin_entry_v1 {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  /* Called once, before anything else, on the main thread. */
  trellis_status (*init)(const trellis_host* host, trellis_error* error);
  /* Called once at the end of an orderly process, after every object was destroyed. */
  void (*deinit)(void);
  /* Returns the factory for an id such as TRELLIS_STRATEGY_FACTORY, or null when the plugin has
   * none. The factory is constant and lives as long as the library. */
  const void* (*get_factory)(const char* id);
} trellis_plugin_entry_v1;

#define TRELLIS_PLUGIN_ENTRY_SYMBOL "trellis_plugin_entry"

/* What `describe` of every factory writes: one JSON object
 *   {"id": "top_k",                        name in configs: [a-z][a-z0-9_]*
 *    "kind": "logits_processor",           model | strategy | logits_processor | task
 *    "version": "1.0.0",                   part of a trial's identity
 *    "summary": "one sentence",
 *    "reference": "paper or definition",   optional
 *    "formula": "one line for people",     optional
 *    "settings": [
 *      {"name": "k", "type": "integer",    integer | number | boolean | string | choice | list
 *       "default": 50,                     absent: must be given
 *       "minimum": 1, "maximum": 100,      inclusive, optional
 *       "exclusive_minimum": 0,            optional, likewise exclusive_maximum
 *       "choices": ["a", "b"],             for choice
 *       "divides": "width",                optional, for integers: a setting that it must divide
 *       "at_most": "experts",              optional: one of its type that it must not exceed
 *       "group": "architecture",           optional heading; models: architecture, tokenizer,
 *                                          training
 *       "format": "path",                  optional, for strings and lists: what must exist and is
 *                                          made absolute; "model": also a model's label or id
 *       "summary": "one sentence"}]}
 * The host checks every setting against this before `create`, and fills in the defaults, so
 * `create` always receives a JSON object with every setting present, in range and at one with the
 * others. A setting of kind "list" holds strings or numbers.
 */

#ifdef __cplusplus
}
#endif
#endif
