// Plugin folders with damaged files: what is read before a library is opened.
#include <nlohmann/json.hpp>

#include "core/plugin/elf.hpp"
#include "core/plugin/registry.hpp"
#include "tests/abi/host.hpp"
#include "tests/fuzz/mutate.hpp"
#include "trellis/abi/entry.h"

namespace trellis::fuzz {
namespace {

TEST(PluginFuzz, Manifests) {
  tests::TemporaryFolder folder;
  const auto library = tests::built_plugins() / "beam.so";
  std::filesystem::create_symlink(library, folder / "beam.so");
  const auto good = tests::read_file(tests::built_plugins() / "beam.json");
  const std::vector<std::string> words = {"[",
                                          "]",
                                          "{",
                                          "}",
                                          "\"",
                                          ",",
                                          "null",
                                          "\"size\": 0",
                                          "\"abi\": [1]",
                                          "\"abi\": [2, 0]",
                                          "\"kind\": \"task\"",
                                          "\"id\": \"\"",
                                          "\"library\": \"..\"",
                                          "\"settings\": {}",
                                          "\"type\": \"list\"",
                                          "\"minimum\": \"x\"",
                                          "\xFF",
                                          std::string(3000, '[')};
  int accepted = 0;
  fuzz(Mutator(1, {good}, words), 3000, [&](const auto& text) {
    replace_file(folder / "beam.json", text);
    plugin::Registry registry({folder.path()}, tests::quiet_host());
    ASSERT_GE(registry.files().size(), 1U);
    for (const auto& file : registry.files()) {
      if (!file.problem.empty()) throw sdk::Failure(TRELLIS_BAD_DATA, file.problem);
      for (const auto& offer : file.offers) {
        registry.get(offer.kind, offer.id);
        plugin::complete_settings(offer.settings, nlohmann::json::object());
      }
    }
    ++accepted;
  });
  EXPECT_GT(accepted, 10);
}

// The dynamic symbols of damaged libraries are read, but such a library is never opened here.
TEST(PluginFuzz, Libraries) {
  tests::TemporaryFolder folder;
  const auto good = tests::read_file(TRELLIS_BINARY_DIR "/tests/broken_plugins/sound.so");
  // Most changes fall on code, which is not read: so also cut the headers out.
  const auto path = folder / "x.so";
  const auto use = [&](const std::string& bytes) {
    replace_file(path, bytes);
    plugin::exports_symbol(path, TRELLIS_PLUGIN_ENTRY_SYMBOL);
  };
  fuzz(Mutator(2, {good},
               {"\x7F"
                "ELF",
                TRELLIS_PLUGIN_ENTRY_SYMBOL}),
       1500, use);
  // All of the header, then all of the section table, byte by byte.
  auto offset = std::uint64_t{0};
  std::copy_n(good.data() + 40, sizeof offset, reinterpret_cast<char*>(&offset));
  const auto damage = [&](std::size_t begin, std::size_t end) {
    for (std::size_t place = begin; place < end; ++place) {
      for (const char value : {'\x00', '\x7F', '\xFF'}) {
        auto bytes = good;
        bytes[place] = value;
        const auto message = tests::message_of([&] { use(bytes); });
        ASSERT_TRUE(message.empty() || is_one_line(message)) << place << message;
      }
    }
  };
  damage(0, 64);
  damage(offset, std::min<std::size_t>(good.size(), offset + 600));
}

}  // namespace
}  // namespace trellis::fuzz
