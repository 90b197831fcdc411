#include <stdlib.h>
#include <string.h>

#include "ngram.h"

static const trellis_host* host_services;

static const char description[] =
    "{\"id\": \"ngram\", \"kind\": \"model\", \"version\": \"1.0.0\","
    " \"summary\": \"An interpolated n-gram model over characters or bytes, for a baseline.\","
    " \"reference\": \"Witten, Bell 1991; Ney, Essen, Kneser 1994; Chen, Goodman 1999\","
    " \"settings\": ["
    "{\"name\": \"order\", \"type\": \"integer\", \"default\": 4, \"minimum\": 1, \"maximum\": 12,"
    " \"group\": \"architecture\","
    " \"summary\": \"Length of the n-grams: a token is predicted from the order - 1 before it.\"},"
    "{\"name\": \"smoothing\", \"type\": \"choice\", \"default\": \"witten_bell\","
    " \"choices\": [\"witten_bell\", \"absolute_discounting\"], \"group\": \"architecture\","
    " \"summary\": \"How a context sets mass aside for the shorter context.\"},"
    "{\"name\": \"discount\", \"type\": \"number\", \"default\": 0.75, \"exclusive_minimum\": 0,"
    " \"exclusive_maximum\": 1, \"group\": \"architecture\","
    " \"summary\": \"Taken from every count; for absolute_discounting only.\"},"
    "{\"name\": \"tokenizer\", \"type\": \"choice\", \"default\": \"character\","
    " \"choices\": [\"character\", \"byte\"], \"group\": \"tokenizer\","
    " \"summary\": \"What a token is: a Unicode character or a byte of UTF-8.\"}]}";

bool ngram_cancelled(void) {
  return host_services != NULL && host_services->cancelled(host_services->context) != 0;
}

trellis_status ngram_write_json(json_t* json, trellis_text_sink* sink, trellis_error* error) {
  char* text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  if (text == NULL) return ngram_out_of_memory(error);
  sink->write(sink->context, text, strlen(text));
  free(text);
  return TRELLIS_OK;
}

json_t* ngram_settings_json(const ngram_settings* settings) {
  return json_pack("{s:i, s:s, s:f, s:s}", "order", settings->order, "smoothing",
                   settings->absolute_discounting ? "absolute_discounting" : "witten_bell",
                   "discount", settings->discount, "tokenizer",
                   settings->bytes ? "byte" : "character");
}

/* The host has checked settings of a config; those of a folder have passed through other hands. */
trellis_status ngram_settings_read(const json_t* json, ngram_settings* settings,
                                   trellis_error* error) {
  const char* smoothing;
  const char* tokenizer;
  json_error_t reason;
  if (json_unpack_ex((json_t*)json, &reason, 0, "{s:i, s:s, s:F, s:s}", "order", &settings->order,
                     "smoothing", &smoothing, "discount", &settings->discount, "tokenizer",
                     &tokenizer) != 0) {
    return ngram_fail(error, TRELLIS_INVALID_ARGUMENT, "ngram: settings: %s", reason.text);
  }
  settings->absolute_discounting = strcmp(smoothing, "absolute_discounting") == 0;
  settings->bytes = strcmp(tokenizer, "byte") == 0;
  const bool known = (settings->absolute_discounting || strcmp(smoothing, "witten_bell") == 0) &&
                     (settings->bytes || strcmp(tokenizer, "character") == 0);
  if (!known || settings->order < 1 || settings->order > NGRAM_MAX_ORDER ||
      !(settings->discount > 0 && settings->discount < 1)) {
    return ngram_fail(error, TRELLIS_INVALID_ARGUMENT,
                      "ngram: settings: order, smoothing, discount or tokenizer is out of range: "
                      "see trellis plugins show ngram");
  }
  return TRELLIS_OK;
}

static trellis_status describe(trellis_text_sink* json, trellis_error* error) {
  (void)error;
  json->write(json->context, description, sizeof description - 1);
  return TRELLIS_OK;
}

static trellis_status create(const char* settings_json, trellis_model** model,
                             trellis_error* error) {
  json_error_t reason;
  json_t* json = json_loads(settings_json, JSON_REJECT_DUPLICATES, &reason);
  if (json == NULL) {
    return ngram_fail(error, TRELLIS_INVALID_ARGUMENT, "ngram: settings:%d:%d: %s", reason.line,
                      reason.column, reason.text);
  }
  ngram_settings settings;
  const trellis_status status = ngram_settings_read(json, &settings, error);
  json_decref(json);
  if (status != TRELLIS_OK) return status;
  ngram_model* self = ngram_model_new();
  if (self == NULL) return ngram_out_of_memory(error);
  self->settings = settings;
  *model = &self->abi;
  return TRELLIS_OK;
}

static trellis_status load(const char* folder, trellis_model** model, trellis_error* error) {
  ngram_model* self = ngram_model_new();
  if (self == NULL) return ngram_out_of_memory(error);
  const trellis_status status = ngram_load(folder, self, error);
  if (status != TRELLIS_OK) {
    self->abi.destroy(&self->abi);
    return status;
  }
  *model = &self->abi;
  return TRELLIS_OK;
}

static trellis_status init(const trellis_host* host, trellis_error* error) {
  (void)error;
  host_services = host;
  return TRELLIS_OK;
}

static void deinit(void) {}

static const void* get_factory(const char* id) {
  static const trellis_model_factory factory = {sizeof(trellis_model_factory), describe, create,
                                                load};
  return strcmp(id, TRELLIS_MODEL_FACTORY) == 0 ? &factory : NULL;
}

TRELLIS_EXPORT extern const trellis_plugin_entry_v1 trellis_plugin_entry;
const trellis_plugin_entry_v1 trellis_plugin_entry = {sizeof(trellis_plugin_entry_v1),
                                                      TRELLIS_ABI_MAJOR,
                                                      TRELLIS_ABI_MINOR,
                                                      init,
                                                      deinit,
                                                      get_factory};
