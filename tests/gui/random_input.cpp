// Clicks, keys and letters at random over real screens: nothing may break, whatever the order.
// Meant for the sanitizers; the seed is fixed, so that what breaks breaks again.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/gui/stage.hpp"

namespace trellis::gui {
namespace {

TEST(RandomInput, BreaksNothing) {
  const trellis::testing::TemporaryFolder folder;
  trellis::testing::write_experiment(folder / "small.db");
  trellis::testing::Stage stage(folder / "small.db", "", 700, 450);
  std::mt19937 random(20241125);
  const auto below = [&](std::size_t limit) { return random() % limit; };
  constexpr std::string_view letters[] = {
      "/",          "?",       "a", "猫",      "👋",    "\"", "(",    ")",   "OR ", "<", "=", "7",
      "difference", "quality", " ", "source:", "שלום", "\n", "%s%n", "/x/", "b",   "t", "n", "3"};
  constexpr int keys[] = {'K',
                          'L',
                          'Z',
                          'Y',
                          'A',
                          'X',
                          '1',
                          '2',
                          '3',
                          '4',
                          '5',
                          '6',
                          '7',
                          '8',
                          '9',
                          key_of(ImGuiKey_Enter),
                          key_of(ImGuiKey_Escape),
                          key_of(ImGuiKey_Tab),
                          key_of(ImGuiKey_UpArrow),
                          key_of(ImGuiKey_DownArrow),
                          key_of(ImGuiKey_LeftArrow),
                          key_of(ImGuiKey_RightArrow),
                          key_of(ImGuiKey_Backspace),
                          key_of(ImGuiKey_Delete)};
  auto& screen = stage.screen();
  std::set<Screen> visited;
  for (int step = 0; step < 600; ++step) {
    screen.set_modifiers(below(4) == 0, below(8) == 0, below(8) == 0);
    switch (below(5)) {
      case 0:
      case 1: {
        if (stage.items().empty()) break;
        auto item = stage.items().begin();
        std::advance(item, below(stage.items().size()));
        const auto box = item->second;
        screen.move_mouse((box.x + box.z) / 2, (box.y + box.w) / 2);
        screen.set_button(true);
        break;
      }
      case 2:
        screen.move_mouse(static_cast<float>(below(720)) - 10, static_cast<float>(below(470)) - 10);
        screen.set_button(below(2) == 0);
        screen.scroll(static_cast<float>(below(7)) - 3);
        break;
      case 3:
        screen.type(letters[below(std::size(letters))]);
        break;
      default: {
        const int key = keys[below(std::size(keys))];
        screen.set_key(key, true);
        screen.frame(stage.snapshot());
        screen.set_key(key, false);
      }
    }
    screen.frame(stage.snapshot());
    screen.set_button(false);
    stage.settle();
    stage.dashboard().take_requests();
    visited.insert(stage.state().screen);
    // Whatever was reached can be said in a link and reached again.
    EXPECT_EQ(state_of(link_of(stage.state())), stage.state()) << link_of(stage.state());
  }
  EXPECT_EQ(visited.size(), 9U);
}

}  // namespace
}  // namespace trellis::gui
