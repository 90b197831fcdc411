/// Chat templates of published models: how a conversation becomes one text.
///
/// They are written in Jinja, of which this reads a small part, as transformers' settings have it
/// (the line break after a statement and the spaces before one are left out):
///   {{ expression }}, {# comment #}, {% if %} {% elif %} {% else %} {% endif %},
///   {% for name in list %} {% endfor %} with loop.first, .last, .index, .index0, .length,
///   {% set name = expression %}, "-" inside a delimiter for stripping;
///   texts, whole numbers, true, false, none, names, a.b, a['b'], a[0], a[1:], ( ),
///   + ~ - % == != < > <= >= in and or not, "is (not) defined | none | string",
///   the filters trim, length, upper, lower, and raise_exception(text).
/// A template can neither reach anything but what it is given nor run for ever.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

namespace trellis::text {

struct ChatMessage {
  std::string role;  ///< "system", "user", "assistant"
  std::string content;
};

/// Immutable once made.
class ChatTemplate {
 public:
  /// Throws Error(bad_data) that names the part which is not known, and its line.
  explicit ChatTemplate(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  /// The text of a conversation, with the beginning of the assistant's next answer. `more` holds
  /// other names, such as "bos_token". Throws Error(usage) where the template refuses it.
  std::string apply(std::span<const ChatMessage> messages,
                    const nlohmann::json& more = nlohmann::json::object()) const;

  struct Block;

 private:
  std::unique_ptr<Block> body_;
};

}  // namespace trellis::text
