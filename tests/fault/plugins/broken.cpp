// One task plugin, made faulty by the definitions that CMakeLists.txt gives. Without any it is
// sound; its version tells how often it was initialised.
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "trellis/abi/task.h"

#ifndef ABI_MAJOR
#define ABI_MAJOR TRELLIS_ABI_MAJOR
#endif
#ifndef ABI_MINOR
#define ABI_MINOR TRELLIS_ABI_MINOR
#endif
#ifndef ENTRY_SIZE
#define ENTRY_SIZE sizeof(trellis_plugin_entry_v1)
#endif
#ifndef FACTORY_SIZE
#define FACTORY_SIZE sizeof(trellis_task_factory)
#endif

#ifdef UNRESOLVED
extern "C" int trellis_tests_nobody_defines_this();
#endif

namespace {

int initialised = 0;

[[maybe_unused]] trellis_status init(const trellis_host*, [[maybe_unused]] trellis_error* error) {
  ++initialised;
#ifdef INIT_THROWS
  throw std::runtime_error("thrown by init");
#endif
#ifdef INIT_FAILS
  std::strcpy(error->message, "no licence\nfound");
  return TRELLIS_INTERNAL;
#endif
#ifdef UNRESOLVED
  return trellis_tests_nobody_defines_this();
#endif
  return TRELLIS_OK;
}

[[maybe_unused]] trellis_status describe([[maybe_unused]] trellis_text_sink* json,
                                         [[maybe_unused]] trellis_error* error) {
#ifdef DESCRIBE_THROWS
  throw 42;
#elif defined(DESCRIBE_FAILS)
  return TRELLIS_OUT_OF_MEMORY;
#elif defined(DESCRIPTION)
  json->write(json->context, DESCRIPTION, sizeof DESCRIPTION - 1);
#else
  char text[200];
  const int size = std::snprintf(text, sizeof text,
                                 R"({"id": "sound", "kind": "task", "version": "1.0.%d",)"
                                 R"( "summary": "A task that offers nothing."})",
                                 initialised);
  json->write(json->context, text, static_cast<std::size_t>(size));
#endif
  return TRELLIS_OK;
}

[[maybe_unused]] const void* get_factory([[maybe_unused]] const char* id) {
#ifdef GET_FACTORY_THROWS
  throw std::runtime_error("thrown by get_factory");
#endif
#ifdef NO_FACTORY
  return nullptr;
#else
  static const trellis_task_factory factory = {
      FACTORY_SIZE, describe, [](const char*, trellis_task** task, trellis_error*) {
        *task = nullptr;
        return trellis_status{TRELLIS_OK};
      }};
  return std::strcmp(id, TRELLIS_TASK_FACTORY) == 0 ? &factory : nullptr;
#endif
}

}  // namespace

extern "C" {
#ifdef NO_ENTRY
TRELLIS_EXPORT extern const int trellis_something_else;
const int trellis_something_else = 1;
#else
TRELLIS_EXPORT extern const trellis_plugin_entry_v1 trellis_plugin_entry;
const trellis_plugin_entry_v1 trellis_plugin_entry = {ENTRY_SIZE, ABI_MAJOR,  ABI_MINOR,
#ifdef NO_INIT
                                                      nullptr,
#else
                                                      init,
#endif
                                                      [] {},      get_factory};
#endif
}
