/// The model that lies at a path: one that Trellis trained, or a published checkpoint.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/plugin/model.hpp"
#include "core/text/chat_template.hpp"

namespace trellis::experiments {

/// The id of the plugin that reads it: by model.json, or by the published architecture. Throws
/// Error(missing), Error(bad_data), or Error(usage) with what is supported.
std::string plugin_of_model(const plugin::Registry& registry, const std::filesystem::path& path);

struct ChatForm {
  text::ChatTemplate chat_template;
  nlohmann::json names;  ///< "bos_token", "eos_token"
};
/// How a published model wants to be talked to: "chat_template" of tokenizer_config.json,
/// chat_template.jinja, or of a GGUF file; of what was tuned from one, that one's. Nothing where it
/// has none.
std::optional<ChatForm> chat_form_of_model(const std::filesystem::path& path);

}  // namespace trellis::experiments
