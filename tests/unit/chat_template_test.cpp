// Templates of published chat models, and what they may not do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/text/chat_template.hpp"
#include "tests/abi/host.hpp"

namespace trellis::text {
namespace {

using testing::HasSubstr;
using tests::message_of;

const std::vector<ChatMessage> kTalk = {
    {"user", "Hi"}, {"assistant", "Hello."}, {"user", " Wie geht's? 😀 "}};

std::string applied(std::string_view source, const std::vector<ChatMessage>& messages = kTalk) {
  return ChatTemplate(source).apply(messages, {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
}

TEST(ChatTemplate, GivesSmolLmsForm) {
  const std::string source =
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
      "{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
      "Face<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + "
      "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}"
      "{{ '<|im_start|>assistant\\n' }}{% endif %}";
  EXPECT_EQ(
      applied(source),
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
      "Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>"
      "\n<|im_start|>user\n Wie geht's? 😀 <|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTemplate, GivesGemmasForm) {
  const std::string source =
      "{{ bos_token }}\n{%- if messages[0]['role'] == 'system' -%}\n"
      "    {%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}\n"
      "    {%- set loop_messages = messages[1:] -%}\n"
      "{%- else -%}\n    {%- set first_user_prefix = \"\" -%}\n"
      "    {%- set loop_messages = messages -%}\n{%- endif -%}\n"
      "{%- for message in loop_messages -%}\n"
      "    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}\n"
      "        {{ raise_exception(\"Conversation roles must alternate\") }}\n"
      "    {%- endif -%}\n"
      "    {%- if (message['role'] == 'assistant') -%}\n"
      "        {%- set role = \"model\" -%}\n"
      "    {%- else -%}\n        {%- set role = message['role'] -%}\n    {%- endif -%}\n"
      "    {{ '<start_of_turn>' + role + '\\n' }}\n"
      "    {{ message['content'] | trim }}\n    {{ '<end_of_turn>\\n' }}\n{%- endfor -%}\n"
      "{%- if add_generation_prompt -%}\n    {{'<start_of_turn>model\\n'}}\n{%- endif -%}\n";
  EXPECT_EQ(applied(source, {{"user", " Hi "}}),
            "<s><start_of_turn>user\n\n    Hi\n    <end_of_turn>\n<start_of_turn>model\n");
  EXPECT_THAT(message_of([&] {
                applied(source, {{"user", "a"}, {"user", "b"}});
              }),
              HasSubstr("Conversation roles must alternate"));
}

TEST(ChatTemplate, LeavesOutWhatStatementsStandIn) {
  EXPECT_EQ(applied("a\n  {% if true %}\nb\n  {% endif %}\nc {# no #}\nd"), "a\nb\nc d");
  EXPECT_EQ(applied("a {%- if false %}x{% else %} b{% endif -%}  c"), "a bc");
  EXPECT_EQ(applied("{{ 1 + 2 }}{{ 'x' ~ 3 }}{{ -1 }}{{ messages | length }}{{ none }}"), "3x3-13");
}

TEST(ChatTemplate, NamesWhatIsNotKnown) {
  const auto refusal = [](std::string_view source) { return message_of([&] { applied(source); }); };
  EXPECT_THAT(refusal("\n{% macro f() %}"), HasSubstr("line 2: the statement \"macro\""));
  EXPECT_THAT(refusal("{{ a | tojson }}"), HasSubstr("the filter \"tojson\" is not supported"));
  EXPECT_THAT(refusal("{{ strftime_now('x') }}"), HasSubstr("the function strftime_now()"));
  EXPECT_THAT(refusal("{{ a.split('x') }}"), HasSubstr("the method split() is not supported"));
  EXPECT_THAT(refusal("{{ a"), HasSubstr("\"{{\" has no end"));
  EXPECT_THAT(refusal("{% if a %}"), HasSubstr("a statement has no endif"));
  EXPECT_THAT(refusal("{% endfor %}"), HasSubstr("\"endfor\" stands alone"));
  EXPECT_THAT(refusal("{{ 'a' + 1 }}"), HasSubstr("+ needs two texts or two numbers"));
  EXPECT_THAT(refusal("{{ " + std::string(5000, '(') + " }}"), HasSubstr("too deep"));
}

}  // namespace
}  // namespace trellis::text
