// Finding, checking and opening plugins: every fault is one line that names the file and the way
// out.
#include "core/plugin/registry.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "core/plugin/library.hpp"
#include "core/plugin/model.hpp"
#include "core/plugin/strategy.hpp"
#include "core/plugin/task.hpp"
#include "tests/abi/host.hpp"

namespace trellis::tests {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using plugin::Kind;
using plugin::Registry;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

fs::path broken(const std::string& name) {
  return fs::path(TRELLIS_BINARY_DIR "/tests/broken_plugins") / (name + ".so");
}

// Copies a library into `folder` and writes a manifest that fits it, changed by `change`.
void place(const fs::path& folder, const fs::path& library,
           const std::function<void(json&)>& change = {}) {
  fs::create_directories(folder);
  fs::copy_file(library, folder / library.filename());
  json manifest = {
      {"manifest", 1},
      {"abi", {TRELLIS_ABI_MAJOR, TRELLIS_ABI_MINOR}},
      {"library", library.filename().string()},
      {"size", fs::file_size(library)},
      {"offers", {{{"id", library.stem().string()}, {"kind", "task"}, {"version", "1.0.1"}}}}};
  if (change) change(manifest);
  write_file(folder / library.stem().concat(".json"), manifest.dump());
}

std::string problem_in(const fs::path& folder) {
  const Registry registry({folder}, quiet_host());
  return registry.files().size() == 1 ? registry.files().front().problem
                                      : "there is not exactly one plugin";
}

struct Fault {
  const char* library;
  const char* message;
};
void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.message;
}

class BrokenLibrary : public testing::TestWithParam<Fault> {};

// A manifest cannot be made, and one made by somebody else does not help.
TEST_P(BrokenLibrary, IsRefusedInOneLineThatNamesIt) {
  const auto library = broken(GetParam().library);
  const auto made = message_of([&] { plugin::make_manifest(library, quiet_host()); });
  EXPECT_THAT(made, AllOf(HasSubstr(GetParam().message), HasSubstr(library.string()),
                          Not(HasSubstr("\n"))));
  TemporaryFolder folder;
  place(folder.path(), library);
  Registry registry({folder.path()}, quiet_host());
  const auto opened = message_of([&] { registry.factory(Kind::task, GetParam().library); });
  EXPECT_THAT(opened, AllOf(HasSubstr(GetParam().message), HasSubstr(folder.path().string())));
  EXPECT_THAT(registry.check(registry.files().front()), ElementsAre(opened));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, BrokenLibrary,
    testing::Values(
        Fault{"other_major", "built for plugin ABI 2.3, this Trellis speaks 1.3: rebuild"},
        Fault{"newer_minor", "needs plugin ABI 1.4, this Trellis speaks 1.3: update Trellis"},
        Fault{"no_entry", "does not export trellis_plugin_entry: not a Trellis plugin"},
        Fault{"small_entry", "its entry is 8 bytes, at least 32 are needed"},
        Fault{"no_init", "its entry lacks init or get_factory"},
        Fault{"init_fails", "init: no licence found"},
        Fault{"init_throws", "init: threw an exception across the ABI: thrown by init"},
        Fault{"get_factory_throws", "threw an exception across the ABI: thrown by get_factory"},
        Fault{"no_factory", "offers nothing this Trellis knows"},
        Fault{"small_factory", "its task factory lacks describe"},
        Fault{"describe_throws", "task: threw across the ABI"},
        Fault{"describe_fails", "task: failed with status 5"},
        Fault{"not_json", "task: wrote no valid JSON"},
        Fault{"wrong_id", "id \"Wrong Id\" is not of the form [a-z][a-z0-9_]*"},
        Fault{"wrong_kind", "task: describes itself as a model"},
        Fault{"unknown_kind", "unknown kind \"toaster\""},
        Fault{"no_version", "key 'version' not found"},
        Fault{"unresolved", "undefined symbol: trellis_tests_nobody_defines_this"}),
    [](const auto& info) { return std::string(info.param.library); });

TEST(Library, FilesThatAreNoWholeLibraryAreRefused) {
  TemporaryFolder folder;
  const auto open = [&](const std::string& name) {
    return message_of([&] { plugin::make_manifest(folder / name, quiet_host()); });
  };
  EXPECT_THAT(open("absent.so"), HasSubstr("absent.so: no such plugin library"));
  write_file(folder / "text.so", "This is no library, it is a sentence. " + std::string(200, '.'));
  write_file(folder / "empty.so", "");
  EXPECT_THAT(open("text.so"), HasSubstr("text.so: not a whole shared library"));
  EXPECT_THAT(open("empty.so"), HasSubstr("empty.so: not a whole shared library"));
  // The section table lies at the end of the file, so any cut is seen before the library is opened.
  const auto whole = read_file(broken("sound"));
  for (const double share : {0.01, 0.3, 0.6, 0.9, 0.999}) {
    const auto name = "cut" + std::to_string(share) + ".so";
    write_file(
        folder / name,
        whole.substr(0, static_cast<std::size_t>(share * static_cast<double>(whole.size()))));
    EXPECT_THAT(open(name), HasSubstr("not a whole shared library")) << share;
  }
}

TEST(Library, IsInitialisedOnceHoweverManyRegistriesOpenIt) {
  TemporaryFolder folder;
  place(folder.path(), broken("sound"),
        [](json& manifest) { manifest["offers"][0]["summary"] = "A task that offers nothing."; });
  for (int round = 0; round < 2; ++round) {
    Registry registry({folder.path()}, quiet_host());
    EXPECT_NE(registry.factory(Kind::task, "sound"), nullptr);
    EXPECT_TRUE(registry.check(registry.files().front()).empty());
    EXPECT_THAT(message_of([&] { plugin::Task::create(registry, "sound", json::object()); }),
                HasSubstr("task: the plugin made none"));
  }
}

TEST(Library, WorksWhenStripped) {
  TemporaryFolder folder;
  fs::copy_file(built_plugins() / "greedy.so", folder / "greedy.so");
  ASSERT_EQ(std::system(("strip '" + (folder / "greedy.so").string() + "'").c_str()), 0);
  EXPECT_EQ(plugin::make_manifest(folder / "greedy.so", quiet_host())["offers"][0]["id"], "greedy");
}

TEST(Manifest, FaultsAreOneLineWithTheWayOut) {
  const auto problem = [](const std::function<void(json&)>& change) {
    TemporaryFolder folder;
    place(folder.path(), broken("sound"), change);
    return problem_in(folder.path());
  };
  EXPECT_EQ(problem([](json&) {}), "");
  EXPECT_THAT(problem([](json& m) { m["size"] = 1; }),
              HasSubstr("another build of the library: rebuild the plugin"));
  EXPECT_THAT(problem([](json& m) { m["abi"] = {2, 0}; }), HasSubstr("ABI 2.0"));
  EXPECT_THAT(problem([](json& m) { m["abi"] = {1, 9}; }), HasSubstr("update Trellis"));
  EXPECT_THAT(problem([](json& m) { m["abi"] = "1.0"; }), HasSubstr("rebuild the plugin"));
  EXPECT_THAT(problem([](json& m) { m["manifest"] = 2; }), HasSubstr("another format: rebuild"));
  EXPECT_THAT(problem([](json& m) { m["library"] = "gone.so"; }), HasSubstr("gone.so is missing"));
  EXPECT_THAT(problem([](json& m) { m["library"] = "../sound.so"; }),
              HasSubstr("is not a file name"));
  EXPECT_THAT(problem([](json& m) { m.erase("offers"); }), HasSubstr("rebuild the plugin"));
  EXPECT_THAT(problem([](json& m) { m["offers"][0]["id"] = 7; }), HasSubstr("malformed"));
  EXPECT_THAT(problem([](json& m) { m = json::array(); }), HasSubstr("no manifest of a plugin"));

  TemporaryFolder folder;
  place(folder.path(), broken("sound"));
  write_file(folder / "sound.json", "{\"manifest\": 1,\n \"abi\": [1");
  EXPECT_THAT(problem_in(folder.path()),
              AllOf(HasSubstr("malformed manifest"), HasSubstr("line 2"), Not(HasSubstr("\n"))));
  fs::remove(folder / "sound.json");
  EXPECT_THAT(problem_in(folder.path()), HasSubstr("make one with trellis-manifest"));
}

TEST(Manifest, MustSayWhatTheLibrarySays) {
  TemporaryFolder folder;
  place(folder.path(), broken("sound"), [](json& m) { m["offers"][0]["id"] = "other"; });
  Registry registry({folder.path()}, quiet_host());
  EXPECT_THAT(message_of([&] { registry.factory(Kind::task, "other"); }),
              HasSubstr("does not offer task other as its manifest says: rebuild the plugin"));
  EXPECT_THAT(registry.check(registry.files().front()),
              ElementsAre(HasSubstr("descriptions differ from its manifest")));
}

TEST(Registry, TheFirstFolderWins) {
  TemporaryFolder folder;
  const auto version = [](const char* text) {
    return [text](json& m) { m["offers"][0]["version"] = text; };
  };
  place(folder / "flag", broken("sound"), version("1"));
  place(folder / "environment", broken("sound"), version("2"));
  place(folder / "installed", broken("sound"), version("3"));
  const auto environment = (folder / "absent").string() + "::" + (folder / "environment").string();
  const auto found = [&](const std::vector<fs::path>& flags, const char* variable) {
    const Registry registry(plugin::search_path(flags, variable, folder / "installed"),
                            quiet_host());
    return registry.get(Kind::task, "sound").version;
  };
  EXPECT_EQ(found({folder / "flag"}, environment.c_str()), "1");
  EXPECT_EQ(found({}, environment.c_str()), "2");
  EXPECT_EQ(found({}, nullptr), "3");
  EXPECT_THAT(plugin::search_path({"/a", "/b"}, "/c:/d", "/e"),
              ElementsAre("/a", "/b", "/c", "/d", "/e"));
}

TEST(Registry, UnknownNamesGetTheNearestOneOrAllOfThem) {
  const Registry registry({built_plugins()}, quiet_host());
  EXPECT_EQ(message_of([&] { registry.get(Kind::strategy, "gredy"); }),
            "no strategy plugin \"gredy\"; did you mean \"greedy\"?");
  EXPECT_THAT(
      message_of([&] { registry.get(Kind::logits_processor, "zzz"); }),
      testing::StartsWith(
          "no logits_processor plugin \"zzz\"; there are: allowed_tokens, banned_tokens, "));
  TemporaryFolder empty;
  const Registry none({empty.path(), empty / "absent"}, quiet_host());
  EXPECT_EQ(message_of([&] { none.get(Kind::task, "sound"); }),
            "no task plugin \"sound\"; searched " + empty.path().string() + ":" +
                (empty / "absent").string());
  place(empty.path(), broken("sound"), [](json& m) { m["size"] = 1; });
  const Registry unusable({empty.path()}, quiet_host());
  EXPECT_THAT(message_of([&] { unusable.get(Kind::task, "sound"); }),
              AllOf(HasSubstr("sound.json: "), HasSubstr("rebuild the plugin")));
}

TEST(Registry, EveryBuiltPluginIsWell) {
  Registry registry({built_plugins(), TRELLIS_BINARY_DIR "/tests/fault_plugins"}, quiet_host());
  EXPECT_GE(registry.files().size(), 7U);
  for (const auto& file : registry.files()) {
    EXPECT_THAT(registry.check(file), ElementsAre()) << file.library;
  }
}

// ---- plugins that fail while they work: the runner's tests use them; here, that they are as said.

class FaultPlugins : public testing::Test {
 protected:
  json settings(Kind kind, const std::string& id, const json& given) {
    return plugin::complete_settings(registry_.get(kind, id).settings, given);
  }
  plugin::Model model(const std::string& id, const json& given) {
    return plugin::Model::create(registry_, id, settings(Kind::model, id, given));
  }
  static void feed(plugin::Model& model) {
    auto state = model.open_state({});
    const auto tokens = model.encode_prompt("", "x").decoder;
    trellis_feed_item item{state.get(), tokens.data(), tokens.size(), nullptr, nullptr, 0};
    model.feed({&item, 1});
  }
  Registry registry_{{TRELLIS_BINARY_DIR "/tests/fault_plugins"}, quiet_host()};
};

TEST_F(FaultPlugins, ThrowingAcrossTheAbiIsCaughtAndNamed) {
  const char* thrown = "threw an exception across the ABI: thrown on purpose";
  EXPECT_THAT(message_of([&] { model("fault_throw", {{"at", "create"}}); }), HasSubstr(thrown));
  auto fed = model("fault_throw", {{"after", 1}});
  feed(fed);
  EXPECT_THAT(message_of([&] { feed(fed); }), HasSubstr(thrown));
  TemporaryFolder folder;
  auto training = model("fault_throw", {{"at", "train"}});
  EXPECT_THAT(message_of([&] {
                training.train({}, {}, folder.path(), 1, [](const json&) { return true; });
              }),
              HasSubstr(thrown));
  model("fault_throw", {{"at", "load"}}).save(folder.path());
  EXPECT_THAT(message_of([&] { plugin::Model::load(registry_, "fault_throw", folder.path()); }),
              HasSubstr(thrown));
  EXPECT_THAT(message_of([&] {
                plugin::Strategy::create(
                    registry_, "fault_throw",
                    settings(Kind::strategy, "fault_throw", {{"at", "create"}}));
              }),
              HasSubstr(thrown));
}

TEST_F(FaultPlugins, MemoryStopsAtTheSettingAndIsReported) {
  auto eater = model("fault_memory", {{"megabytes", 64}});
  EXPECT_THAT(message_of([&] { feed(eater); }), HasSubstr("out of memory"));
}

TEST_F(FaultPlugins, SegfaultAndHangStrikeWhereTheyAreToldTo) {
  auto sound = model("fault_segfault", {{"at", "never"}});
  feed(sound);
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  auto segfault = model("fault_segfault", {});
  EXPECT_DEATH(feed(segfault), "");
  auto hang = model("fault_hang", {});
  EXPECT_EXIT(
      {
        alarm(1);  // whatever still runs then is hanging
        feed(hang);
        std::exit(0);
      },
      testing::KilledBySignal(SIGALRM), "");
}

}  // namespace
}  // namespace trellis::tests
