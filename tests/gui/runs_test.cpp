// The runs' screen: what it starts and stops, tags, time left, and configs that are composed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "core/error.hpp"
#include "gui/command.hpp"
#include "gui/config_check.hpp"
#include "gui/run_control.hpp"
#include "gui/view_models/progress.hpp"
#include "gui/view_models/selection.hpp"
#include "storage/writer_lock.hpp"
#include "tests/gui/stage.hpp"
#include "tests/message_of.hpp"

namespace trellis::gui {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using tests::message_of;
using trellis::testing::Stage;
namespace fs = std::filesystem;

/// A script in trellis' place that writes down how it was called.
void write_program(const fs::path& path, const std::string& script) {
  std::ofstream(path) << "#!/bin/sh\n" << script;
  fs::permissions(path, fs::perms::owner_all);
}

class RunsTest : public ::testing::Test {
 protected:
  RunsTest() { trellis::testing::write_experiment(path()); }
  fs::path path() const { return folder_ / "small.db"; }

  static std::string wait_for_ending(RunControl& runs) {
    for (;;) {
      if (auto ending = runs.take_ending(); !ending.empty()) return ending;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  trellis::testing::TemporaryFolder folder_;
};

TEST_F(RunsTest, TagsAreAddedFilteredByAndTakenOff) {
  Stage stage(path(), "trellis:runs");
  stage.click("trial/gru-beam");
  stage.click("new_tag/trials");
  stage.type("最好");
  stage.press(key_of(ImGuiKey_Enter));
  EXPECT_THAT(stage.reader().tags(), ElementsAre(storage::Tag{"", "gru-beam", "最好"}));
  stage.click("new_tag/experiment");
  stage.type("paper");
  stage.press(key_of(ImGuiKey_Enter));
  EXPECT_EQ(stage.reader().tags().size(), 2U);
  stage.click("trial_filter");
  stage.type("最好 GRU");
  EXPECT_TRUE(stage.items().contains("trial/gru-beam"));
  EXPECT_FALSE(stage.items().contains("trial/gru-greedy"));
  stage.click("tag/trials/最好");
  EXPECT_THAT(stage.reader().tags(), ElementsAre(storage::Tag{"small", "", "paper"}));
  EXPECT_FALSE(stage.items().contains("trial/gru-beam"));
}

TEST_F(RunsTest, OffersWhatCanBeDone) {
  Stage stage(path(), "trellis:runs");
  EXPECT_FALSE(stage.items().contains("resume"));  // all is done
  storage::Store::open(path()).set_status("gru-beam", storage::TrialStatus::failed);
  Stage failed(path(), "trellis:runs");
  failed.click("resume");
  auto requests = failed.dashboard().take_requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].kind, Request::Kind::resume_run);
  EXPECT_EQ(requests[0].text, "small");
  failed.snapshot().run = std::make_shared<const RunState>(RunState{4711, "learning …"});
  failed.settle();
  EXPECT_THAT(failed.texts(), HasSubstr("process 4711"));
  EXPECT_FALSE(failed.items().contains("resume"));
  failed.click("stop");
  EXPECT_EQ(failed.dashboard().take_requests().front().kind, Request::Kind::stop_run);
}

TEST_F(RunsTest, TimeLeftFollowsTheLastMinutes) {
  SampleRate rate;
  EXPECT_FALSE(rate.add("a", 0, 10));
  EXPECT_EQ(rate.add("a", 10, 30), 2.0);            // 20 in 10 s
  EXPECT_EQ(rate.add("a", 40, 30), 0.5);            // a pause counts
  EXPECT_EQ(rate.add("a", 200, 130), 100 / 160.0);  // 40 s is the newest before the window
  EXPECT_FALSE(rate.add("b", 201, 131));
  EXPECT_FALSE(rate.add("b", 202, 5));  // other trials took their place
  EXPECT_EQ(rough_duration(12.2), "13 s");
  EXPECT_EQ(rough_duration(170), "3 min");
  EXPECT_EQ(rough_duration(7800), "2 h 10 min");
  auto reader = storage::Reader::open(path());
  auto overview = read_overview(reader, "");
  overview.trials[0].status = storage::TrialStatus::running;
  overview.trials[0].record.expected_samples += 20;
  overview.samples_per_second = 0.5;
  EXPECT_THAT(describe(progress_of(overview)), HasSubstr("1 running, about 40 s left"));
}

TEST_F(RunsTest, ResumesAsItWasLastCalled) {
  const auto program = folder_ / "trellis";
  write_program(program, "for word in \"$@\"; do echo \"$word\"; done\n");
  RunControl runs(program, path());
  storage::ExperimentRow experiment;
  experiment.name = "small";
  experiment.config_path = (folder_ / "a b.toml").string();
  experiment.config_text = "x";
  experiment.overrides = {"experiment.limit=3"};
  EXPECT_THAT(message_of([&] { runs.resume(experiment); }), HasSubstr("not there any more"));
  std::ofstream(experiment.config_path) << "y";
  EXPECT_THAT(message_of([&] { runs.resume(experiment); }), HasSubstr("has changed"));
  std::ofstream(experiment.config_path) << "x";
  runs.resume(experiment);
  EXPECT_EQ(wait_for_ending(runs), "the run is done");
  EXPECT_EQ(end_of_file(log_of(path()), 10'000),
            fmt::format("run\n{}\n--set\nexperiment.limit=3\n--db\n{}\n", experiment.config_path,
                        path().string()));
}

TEST_F(RunsTest, StopsWhoeverWritesAsCtrlCDoes) {
  const auto program = folder_ / "trellis";
  write_program(program, "trap 'exit 130' INT\necho begun\nwhile :; do sleep 0.01; done\n");
  RunControl runs(program, path());
  EXPECT_THAT(message_of([&] { runs.stop(); }), HasSubstr("nobody is writing"));
  runs.start(folder_ / "a.toml");
  while (end_of_file(log_of(path()), 100).empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  runs.stop();
  EXPECT_THAT(wait_for_ending(runs), HasSubstr("has stopped"));
  write_program(program, "echo first >&2\necho 'small.toml:3:1: wrong' >&2\nexit 2\n");
  runs.start(folder_ / "a.toml");
  EXPECT_EQ(wait_for_ending(runs), "the run failed: small.toml:3:1: wrong");
  // Another writer is in the way, and known by its lock.
  const storage::WriterLock lock(path());
  EXPECT_EQ(storage::lock_holder(path()), getpid());
  EXPECT_THAT(message_of([&] { runs.start(folder_ / "a.toml"); }), HasSubstr("stop it first"));
}

TEST_F(RunsTest, AStaleLockNamesNobody) {
  std::ofstream(folder_ / "small.db.lock") << getpid();
  EXPECT_EQ(storage::lock_holder(path()), std::nullopt);
  std::ofstream(folder_ / "small.db.lock") << "x";
  EXPECT_EQ(storage::lock_holder(path()), std::nullopt);
}

TEST_F(RunsTest, ACommandsOutputAndEndAreToldApart) {
  const auto never = [] { return false; };
  const auto output = run_command({"/bin/sh", "-c", "echo out; echo error >&2; exit 3"}, never);
  EXPECT_EQ(output.out, "out\n");
  EXPECT_EQ(output.error, "error\n");
  EXPECT_EQ(output.exit_code, 3);
  EXPECT_EQ(run_command({"/bin/sh", "-c", "sleep 60"}, [] { return true; }).exit_code,
            std::nullopt);
  EXPECT_THAT(message_of([&] { run_command({"/none"}, never); }), HasSubstr("cannot be started"));
  EXPECT_EQ(last_line("a\nb\n\n"), "b");
}

// ---- configs

ConfigForms forms() {
  return config_forms_from(nlohmann::json::parse(R"({
    "experiment": [{"name": "name", "type": "string"},
                   {"name": "samples", "type": "integer", "default": 1, "minimum": 1}],
    "plugins": [
      {"kind": "task", "id": "copy", "summary": "Copies.",
       "settings": [{"name": "test", "type": "string", "summary": "File."}]},
      {"kind": "model", "id": "rnn", "settings": [
        {"name": "hidden", "type": "integer", "default": 64, "exclusive_minimum": 0,
         "group": "architecture"},
        {"name": "cell", "type": "choice", "choices": ["gru", "lstm"], "default": "gru"}]},
      {"kind": "strategy", "id": "beam"}, {"kind": "strategy", "id": "greedy"},
      {"kind": "logits_processor", "id": "top_p", "settings": [
        {"name": "p", "type": "number", "default": 1}]}]})"));
}

TEST(ConfigDraft, BecomesToml) {
  EXPECT_EQ(fresh_draft(forms(), {"no such plugin"}), fresh_draft(forms()));
  EXPECT_EQ(fresh_draft(forms(), {"rnn", "beam"})[3].plugin, "beam");
  auto draft = fresh_draft(forms());
  ASSERT_EQ(draft.size(), 4U);
  draft[0].values = {{"name", " 名 \"x\"\t\\ "}, {"samples", ""}};
  draft[2].values = {{"hidden", "[32, 64]"}, {"cell", "[\"gru\", \"lstm\"]"}, {"label", "m"}};
  draft[3].values = {{"top_p", "0.9"}};
  const auto written = toml_of(draft, forms());
  EXPECT_EQ(written.toml,
            "[experiment]\nname = \"名 \\\"x\\\"\\u0009\\\\\"\n\n[[task]]\nplugin = \"copy\"\n\n"
            "[[model]]\nplugin = \"rnn\"\ncell = [\"gru\", \"lstm\"]\nhidden = [32, 64]\n"
            "label = \"m\"\n\n[[strategy]]\nplugin = \"greedy\"\ntop_p = 0.9\n");
  EXPECT_EQ(written.lines.size(), 15U);
  EXPECT_EQ(written.lines[9].key, "hidden");
  EXPECT_EQ(written.lines[9].table, 2U);
}

TEST(ConfigDraft, ComplaintsGoToTheirFields) {
  auto draft = fresh_draft(forms());
  draft[2].values = {{"hidden", "-1"}};
  const auto written = toml_of(draft, forms());
  const auto problems = draft_problems(written, "/x/a:b.toml",
                                       "/x/a:b.toml:8:1: hidden = -1: must be above 0\n"
                                       "something else\n/x/a:b.toml:99:1: far\n");
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_TRUE(problems[0].placed);
  EXPECT_EQ(problems[0].place.key, "hidden");
  EXPECT_EQ(problems[0].message, "hidden = -1: must be above 0");
  EXPECT_FALSE(problems[1].placed);
  EXPECT_FALSE(problems[2].placed);
}

TEST_F(RunsTest, AConfigIsComposedCheckedAndRun) {
  const auto program = folder_ / "trellis";
  write_program(program,
                "grep -q 'samples = 2' \"$2\" && exit 0\necho \"$2:2:1: samples: too few\" >&2\n"
                "exit 2\n");
  std::ofstream(folder_ / "tried.toml") << "somebody's";
  auto check = check_with(program, folder_.path());
  Stage stage(path(), "trellis:runs");
  stage.click("new_run");
  stage.snapshot().forms = std::make_shared<const ConfigForms>(forms());
  stage.settle();
  stage.click("field/0/samples");
  stage.type("1");
  stage.click("check");
  const auto answer = [&] {
    const auto wish = stage.dashboard().wish(stage.snapshot());
    stage.snapshot().draft = std::make_shared<const CheckedDraft>(
        check(wish.draft, *stage.snapshot().forms, [] { return false; }));
    stage.settle();
  };
  answer();
  EXPECT_THAT(stage.texts(), HasSubstr("samples: too few"));
  stage.click("run");
  EXPECT_THAT(stage.dashboard().take_requests(), IsEmpty());
  stage.click("field/0/samples");
  stage.press(key_of(ImGuiKey_Backspace));
  stage.type("2");
  EXPECT_THAT(stage.texts(), Not(HasSubstr("too few")));  // of what is no longer typed
  stage.click("field/0/name");
  stage.type("tried");
  stage.click("check");
  answer();
  EXPECT_THAT(stage.texts(), HasSubstr("tried-2.toml: all is well"));
  stage.click("run");
  const auto requests = stage.dashboard().take_requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].text, (folder_ / "tried-2.toml").string());
}

}  // namespace
}  // namespace trellis::gui
