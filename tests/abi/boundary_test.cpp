// Objects that break the contract: what they say is checked before it is used.
#include <gmock/gmock.h>

#include <cstring>

#include "core/plugin/boundary.hpp"
#include "core/plugin/model.hpp"
#include "core/plugin/strategy.hpp"
#include "core/plugin/task.hpp"
#include "tests/abi/host.hpp"

extern "C" int trellis_tests_layout_is_checked(void);

namespace trellis::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// What the model below answers.
struct Answers {
  std::string description = R"({"vocab_size": 10})";
  std::vector<std::int32_t> encoder, decoder = {0}, encoded;
  int destroyed = 0;
};

void write_tokens(trellis_token_sink* sink, const std::vector<std::int32_t>& tokens) {
  sink->write(sink->context, tokens.data(), tokens.size());
}

Answers& answers_of(const trellis_model* model) {
  return *static_cast<Answers*>(model->self);
}

trellis_model make_model(Answers& answers) {
  trellis_model model{};
  model.struct_size = sizeof model;
  model.self = &answers;
  model.destroy = [](trellis_model* m) { ++answers_of(m).destroyed; };
  model.describe = [](const trellis_model* m, trellis_text_sink* sink, trellis_error*) {
    const auto& text = answers_of(m).description;
    sink->write(sink->context, text.data(), text.size());
    return trellis_status{TRELLIS_OK};
  };
  model.encode_prompt = [](const trellis_model* m, const trellis_prompt*,
                           trellis_token_sink* encoder, trellis_token_sink* decoder,
                           trellis_error*) {
    write_tokens(encoder, answers_of(m).encoder);
    write_tokens(decoder, answers_of(m).decoder);
    return trellis_status{TRELLIS_OK};
  };
  model.encode = [](const trellis_model* m, trellis_span, trellis_token_sink* sink,
                    trellis_error*) {
    write_tokens(sink, answers_of(m).encoded);
    return trellis_status{TRELLIS_OK};
  };
  model.decode = [](const trellis_model*, const std::int32_t*, std::size_t, trellis_text_sink*,
                    trellis_error* error) {
    // A message that forgets its end, over two lines.
    std::memset(error->message, 'x', sizeof error->message);
    error->message[1] = '\n';
    return trellis_status{TRELLIS_BAD_DATA};
  };
  model.token_text = [](const trellis_model*, std::int32_t, trellis_text_sink*, trellis_error*) {
    return trellis_status{1234};
  };
  model.open_state = [](trellis_model*, const std::int32_t*, std::size_t, trellis_state**,
                        trellis_error*) { return trellis_status{TRELLIS_OK}; };
  model.fork_state = [](trellis_model*, const trellis_state*, trellis_state**, trellis_error*) {
    return trellis_status{TRELLIS_OK};
  };
  model.free_state = [](trellis_model*, trellis_state*) {};
  model.feed = [](trellis_model*, trellis_feed_item*, std::size_t, trellis_error*) {
    return trellis_status{TRELLIS_OK};
  };
  return model;
}

std::string refusal(const std::string& description) {
  Answers answers;
  answers.description = description;
  auto model = make_model(answers);
  return message_of([&] { plugin::Model{&model}; });
}

TEST(Boundary, TheAbiHasNotMoved) {
  EXPECT_EQ(trellis_tests_layout_is_checked(), 1);
}

TEST(Boundary, GarbageSizesAreRefused) {
  EXPECT_EQ(refusal(R"({"vocab_size": 0})"), "");
  for (const auto* size : {"-1", "1e30", "1.5", "\"10\"", "null", "18446744073709551615",
                           "2147483648", "[10]", "true"}) {
    EXPECT_THAT(refusal(std::string(R"({"vocab_size": )") + size + "}"),
                HasSubstr("must be a whole number from 0 to 2147483647"))
        << size;
    EXPECT_THAT(refusal(std::string(R"({"vocab_size": 1, "hidden_size": )") + size + "}"),
                HasSubstr("hidden_size"))
        << size;
  }
  EXPECT_THAT(refusal(R"({"vocab_size": 1, "max_context": -4})"), HasSubstr("max_context = -4"));
  EXPECT_THAT(refusal("{}"), HasSubstr("key 'vocab_size' not found"));
  EXPECT_THAT(refusal("[]"), HasSubstr("model describe: malformed"));
  EXPECT_THAT(refusal("certainly not"), HasSubstr("wrote no valid JSON"));
  EXPECT_THAT(refusal(""), HasSubstr("wrote no valid JSON"));
  EXPECT_THAT(refusal("{\"vocab_size\": \xFF}"), HasSubstr("wrote no valid JSON"));
  EXPECT_THAT(refusal(R"({"vocab_size": 3, "eos": [3]})"),
              HasSubstr("eos: token 3 is outside the vocabulary of 3"));
}

TEST(Boundary, TokensOutsideTheVocabularyAreRefused) {
  Answers answers;
  auto abi = make_model(answers);
  {
    plugin::Model model(&abi);
    answers.encoded = {3, 10};
    EXPECT_THAT(message_of([&] { model.encode("x"); }),
                HasSubstr("model encode: token 10 is outside the vocabulary of 10"));
    answers.decoder = {-1};
    EXPECT_THAT(message_of([&] { model.encode_prompt("x", ""); }), HasSubstr("token -1"));
    answers.decoder = {};
    EXPECT_THAT(message_of([&] { model.encode_prompt("x", ""); }), HasSubstr("no decoder token"));
    answers.decoder = {0};
    answers.encoder = {-7};
    EXPECT_THAT(message_of([&] { model.encode_prompt("x", ""); }), HasSubstr("negative encoder"));
    EXPECT_THAT(message_of([&] { model.open_state({}); }), HasSubstr("gave no state"));
    EXPECT_FALSE(model.can_train());
    EXPECT_THAT(message_of([&] { model.save("x"); }), HasSubstr("cannot be saved"));
  }
  EXPECT_EQ(answers.destroyed, 1);
}

TEST(Boundary, MessagesAreOneLineOfSaneLength) {
  Answers answers;
  auto abi = make_model(answers);
  const plugin::Model model(&abi);
  const auto message = message_of([&] { model.decode({}); });
  EXPECT_THAT(message, AllOf(HasSubstr("model decode: x xxx"), Not(HasSubstr("\n"))));
  EXPECT_LT(message.size(), 1100U);
  EXPECT_THAT(message_of([&] { model.token_text(0); }), HasSubstr("failed with status 1234"));
  // Cut before the character that would not fit.
  const auto cut = plugin::one_line(std::string(999, 'a') + "猫");
  EXPECT_EQ(cut, std::string(999, 'a'));
}

TEST(Boundary, StructsThatEndEarlyOrLackFunctionsAreRefused) {
  Answers answers;
  auto model = make_model(answers);
  model.struct_size = 8;  // so the host may not even call destroy
  EXPECT_THAT(message_of([&] { plugin::Model{&model}; }),
              HasSubstr("model: its struct is 8 bytes, at least 104 are needed"));
  EXPECT_EQ(answers.destroyed, 0);
  model = make_model(answers);
  model.feed = nullptr;
  EXPECT_THAT(message_of([&] { plugin::Model{&model}; }), HasSubstr("lacks a function"));
  EXPECT_EQ(answers.destroyed, 1);
  EXPECT_THAT(message_of([&] { plugin::Model{nullptr}; }), HasSubstr("the plugin made none"));

  trellis_strategy strategy{};
  EXPECT_THAT(message_of([&] { plugin::Strategy(&strategy, {}); }), HasSubstr("is 0 bytes"));
  strategy.struct_size = sizeof strategy;
  EXPECT_THAT(message_of([&] { plugin::Strategy(&strategy, {}); }), HasSubstr("lacks destroy"));
  strategy.destroy = [](trellis_strategy*) {};
  EXPECT_THAT(message_of([&] { plugin::Strategy(&strategy, {}); }), HasSubstr("open_search"));
  trellis_search search{sizeof search, nullptr, [](trellis_search*) {}, nullptr};
  EXPECT_THAT(message_of([&] { plugin::Search{&search}; }), HasSubstr("lacks advance"));
  trellis_logits_processor processor{sizeof processor, nullptr, [](trellis_logits_processor*) {},
                                     nullptr, nullptr};
  EXPECT_THAT(message_of([&] { plugin::LogitsProcessor(&processor, 1); }), HasSubstr("apply"));
  trellis_task task{};
  task.struct_size = sizeof task;
  task.destroy = [](trellis_task*) {};
  EXPECT_THAT(message_of([&] { plugin::Task(&task, nlohmann::json::object()); }),
              HasSubstr("lacks a function"));
}

// What a task answers, by the text that `self` points to.
trellis_task make_task(std::string& text) {
  trellis_task task{};
  task.struct_size = sizeof task;
  task.self = &text;
  task.destroy = [](trellis_task*) {};
  task.count = [](trellis_task*, trellis_split, std::uint64_t* count, trellis_error*) {
    *count = 1;
    return trellis_status{TRELLIS_OK};
  };
  task.example = [](trellis_task* t, trellis_split, std::uint64_t, trellis_text_sink* sink,
                    trellis_error*) {
    const auto& answer = *static_cast<std::string*>(t->self);
    sink->write(sink->context, answer.data(), answer.size());
    return trellis_status{TRELLIS_OK};
  };
  task.score = [](trellis_task* t, trellis_span, trellis_text_sink* sink, trellis_error*) {
    const auto& answer = *static_cast<std::string*>(t->self);
    sink->write(sink->context, answer.data(), answer.size());
    return trellis_status{TRELLIS_OK};
  };
  return task;
}

TEST(Boundary, TasksThatAnswerNonsenseAreRefused) {
  std::string text;
  auto abi = make_task(text);
  plugin::Task task(&abi, {{"metrics", {{{"name", "m"}}}}});
  const auto example = [&](const std::string& answer) {
    text = answer;
    return message_of([&] { task.example(TRELLIS_SPLIT_TEST, 3); });
  };
  const auto score = [&](const std::string& answer) {
    text = answer;
    // An output that is no UTF-8 must not stop the scoring.
    const std::vector<plugin::Example> examples = {{"id", "", "", {}, true, {}, 0, {}}};
    const std::vector<plugin::Output> outputs = {{"\xFF", "eos", {}}};
    return message_of([&] { task.score(examples, outputs); });
  };
  EXPECT_THAT(example("no JSON"), HasSubstr("task example 3: wrote no valid JSON"));
  EXPECT_THAT(example(R"({"source": "x"})"), HasSubstr("task example 3: malformed"));
  EXPECT_THAT(example(R"({"id": "a", "references": [1]})"), HasSubstr("malformed"));
  EXPECT_EQ(example(R"({"id": "a"})"), "");
  EXPECT_THAT(score("[]"), HasSubstr("gave 0 answers for 1 samples"));
  EXPECT_THAT(score("{}"), HasSubstr("gave 0 answers for 1 samples"));
  EXPECT_THAT(score("[{}]"), HasSubstr("task score: malformed"));
  EXPECT_THAT(score(R"([{"metrics": {"m": 1}}])"), HasSubstr("task score: malformed"));
  EXPECT_EQ(score(R"([{"metrics": {"m": {"value": null}}}])"), "");
}

// What the ability of the task below is.
struct Talk {
  std::string text;  // first, so that it is what make_task() points to
  trellis_task_turns turns{};
};

const auto kUndescribed = nlohmann::json::object();

trellis_task make_talk(Talk& talk) {
  auto task = make_task(talk.text);
  task.self = &talk;
  task.get_ability = [](const trellis_task* t, const char* id) -> const void* {
    if (std::string_view(id) != TRELLIS_TASK_TURNS_ABILITY) return nullptr;
    return &static_cast<const Talk*>(t->self)->turns;
  };
  talk.turns = {sizeof(trellis_task_turns),
                [](trellis_task* t, trellis_span, trellis_text_sink* sink, trellis_error*) {
                  const auto& answer = static_cast<const Talk*>(t->self)->text;
                  sink->write(sink->context, answer.data(), answer.size());
                  return trellis_status{TRELLIS_OK};
                }};
  return task;
}

TEST(Boundary, TasksOfAnOlderAbiHaveNoTurns) {
  Talk talk;
  auto abi = make_talk(talk);
  EXPECT_TRUE(plugin::Task(&abi, kUndescribed).has_turns());
  abi.struct_size = offsetof(trellis_task, get_ability);  // what lies behind is not the host's
  {
    plugin::Task task(&abi, kUndescribed);
    EXPECT_FALSE(task.has_turns());
    EXPECT_EQ(task.count(TRELLIS_SPLIT_TEST), 1U);
  }
  abi = make_talk(talk);
  abi.get_ability = nullptr;
  EXPECT_FALSE(plugin::Task(&abi, kUndescribed).has_turns());
}

TEST(Boundary, TurnsThatBreakTheContractAreRefused) {
  Talk talk;
  auto abi = make_talk(talk);
  const plugin::Example example{"id", "asked", "", {}, true, {"x"}, 5, {}};
  const std::vector<plugin::Turn> turns = {{"said", "eos", 3}};
  plugin::Task task(&abi, kUndescribed);
  const auto next = [&](const std::string& answer) {
    talk.text = answer;
    return message_of([&] { task.next_turn(example, turns); });
  };
  EXPECT_THAT(next(""), HasSubstr("task next turn: wrote no valid JSON"));
  EXPECT_THAT(next(R"({"source": 1})"), HasSubstr("task next turn: malformed"));
  EXPECT_THAT(next("[]"), HasSubstr("task next turn: malformed"));
  talk.text = "null";
  EXPECT_FALSE(task.next_turn(example, turns).has_value());
  talk.text = R"({"prefix": "more"})";
  const auto question = task.next_turn(example, turns);
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->id + question->source + question->prefix, "idmore");
  EXPECT_TRUE(question->stop.empty());
  EXPECT_EQ(question->max_new_tokens, 0U);

  talk.turns.next = nullptr;
  EXPECT_THAT(message_of([&] { plugin::Task(&abi, kUndescribed); }),
              HasSubstr("task turns: its struct lacks"));
  talk.turns.struct_size = 8;
  EXPECT_THAT(message_of([&] { plugin::Task(&abi, kUndescribed); }),
              HasSubstr("task turns: its struct is 8"));
}

TEST(Boundary, TurnsAreReadFromDetailsThatHoldSuch) {
  using plugin::turns_of_details;
  const std::vector<plugin::Turn> turns = {{"a", "stop", 2}, {"b", "eos", 1}};
  const auto read = turns_of_details({{"turns", plugin::turns_to_json(turns)}});
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].text + read[0].finish + read[1].text + read[1].finish, "astopbeos");
  EXPECT_EQ(read[0].tokens + read[1].tokens, 3U);
  // A task's own.
  for (const auto* details :
       {"null", "3", R"({"turns": 4})", R"({"turns": ["a"]})", R"({"turns": [{"output": "a"}]})",
        R"({"turns": [{"output": "a", "finish": "eos", "tokens": "one"}]})"}) {
    EXPECT_TRUE(turns_of_details(nlohmann::json::parse(details)).empty()) << details;
  }
}

}  // namespace
}  // namespace trellis::tests
