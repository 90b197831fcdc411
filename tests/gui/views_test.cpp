// Screens driven without a window, by mouse and keys: the linked selection, what numbers they show,
// and how they look.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stb/stb_image.h>

#include <cstdlib>

#include "gui/export.hpp"
#include "tests/gui/stage.hpp"

namespace trellis::gui {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using trellis::testing::Stage;

class ViewsTest : public ::testing::Test {
 protected:
  ViewsTest() { trellis::testing::write_experiment(folder_ / "small.db"); }
  std::filesystem::path path() const { return folder_ / "small.db"; }

  trellis::testing::TemporaryFolder folder_;
};

TEST_F(ViewsTest, OneSelectionLeadsFromACellToATokensAttention) {
  Stage stage(path(), "");
  stage.click("cell/transformer/beam/quality");
  EXPECT_EQ(stage.state().screen, Screen::samples);
  EXPECT_THAT(stage.state().trials, ElementsAre("gru-greedy", "transformer-beam"));
  EXPECT_EQ(stage.state().metric, "quality");
  stage.click("row/3");
  EXPECT_EQ(stage.state().example, 3);
  stage.click("tokens/1");
  EXPECT_EQ(stage.state().screen, Screen::tokens);
  EXPECT_EQ(stage.state().arm, 1);
  EXPECT_THAT(stage.texts(), HasSubstr("They part at token 3."));
  stage.click("token/1/2");
  EXPECT_EQ(stage.state().token, 2);
  EXPECT_THAT(stage.texts(), HasSubstr("p = 0.750000"));
  stage.click("attention");
  const auto wish = stage.dashboard().wish(stage.snapshot());
  EXPECT_EQ(wish.attention_of, "transformer-beam");
  EXPECT_EQ(wish.example_index, 3);
  stage.click("selection/cell");
  EXPECT_EQ(stage.state().screen, Screen::leaderboard);
}

TEST_F(ViewsTest, TheLeaderboardShowsTheDatabasesNumbers) {
  Stage stage(path(), "");
  const auto table = stage.reader().ask(
      "SELECT model, strategy, value, low, high FROM leaderboard WHERE metric = 'quality'", 100);
  ASSERT_EQ(table.rows.size(), 4);
  for (const auto& row : table.rows) {
    const double value = std::stod(*row[2]);
    const double half = (std::stod(*row[4]) - std::stod(*row[3])) / 2;
    EXPECT_THAT(stage.texts(), HasSubstr(fmt::format("{:.4f} ± {:.4f}", value, half)))
        << *row[0] << " " << *row[1];
  }
}

TEST_F(ViewsTest, EveryViewsQueryIsAnsweredAndAgreesWithIt) {
  Stage stage(path(), "trellis:samples?trials=gru-greedy+transformer-beam");
  auto state = stage.state();
  for (const auto screen : {Screen::runs, Screen::leaderboard, Screen::explore, Screen::curves,
                            Screen::compare, Screen::samples, Screen::tokens, Screen::rate}) {
    state.screen = screen;
    if (screen == Screen::rate) {
      storage::AnnotationWriter(path()).put(storage::Preference{
          "Ann", "overall", {"gru-greedy", "gru-beam"}, 0, 0, storage::Preferred::tie});
    }
    const auto answer = stage.reader().ask(query_of(stage.snapshot(), state), 1000);
    EXPECT_FALSE(answer.rows.empty()) << to_string(screen);
  }
  state.screen = Screen::samples;
  const auto answer = stage.reader().ask(query_of(stage.snapshot(), state), 1000);
  ASSERT_EQ(answer.rows.size(), 12);
  const auto csv = csv_of(stage.snapshot(), state);
  EXPECT_EQ(std::ranges::count(csv, '\n'),
            1 + 12 + 2);  // header, rows, a source of two lines, twice
}

TEST_F(ViewsTest, ControlClickPutsArmsSideBySide) {
  Stage stage(path(), "");
  stage.click("cell/gru/greedy/quality", true);
  stage.click("cell/gru/beam/quality", true);
  stage.click("cell/transformer/beam/quality", true);
  EXPECT_EQ(stage.state().screen, Screen::leaderboard);
  EXPECT_THAT(stage.state().trials, ElementsAre("gru-greedy", "gru-beam", "transformer-beam"));
  stage.click("cell/gru/beam/quality", true);
  EXPECT_THAT(stage.state().trials, ElementsAre("gru-greedy", "transformer-beam"));
  stage.click("screen/Compare");
  EXPECT_THAT(stage.texts(), HasSubstr("model.hidden"));
  EXPECT_THAT(stage.texts(), Not(HasSubstr("strategy.top_p")));
  stage.click("wins/1");
  EXPECT_EQ(stage.state().screen, Screen::samples);
  EXPECT_EQ(stage.state().filter, "difference>0");
  EXPECT_THAT(stage.texts(), HasSubstr("1 of 6"));
}

TEST_F(ViewsTest, ParallelAxesAreBrushed) {
  Stage stage(path(), "trellis:explore?explore=parallel");
  EXPECT_THAT(stage.texts(), HasSubstr("4 of 4 arms"));
  const auto box = stage.items().at("parallel");
  auto& screen = stage.screen();
  // Down the first axis, from above its middle to its end: the upper value stays without.
  const float x = box.x + std::min(64.0F, (box.z - box.x) / 4);
  screen.move_mouse(x, (box.y + box.w) / 2 + 20);
  screen.frame(stage.snapshot());
  screen.set_button(true);
  screen.frame(stage.snapshot());
  screen.move_mouse(x, box.w - 4);
  screen.frame(stage.snapshot());
  screen.set_button(false);
  screen.frame(stage.snapshot());
  stage.settle();
  EXPECT_THAT(stage.texts(), HasSubstr("2 of 4 arms"));
  stage.click("clear_brushes");
  EXPECT_THAT(stage.texts(), HasSubstr("4 of 4 arms"));
}

TEST_F(ViewsTest, AMetricIsShownAlongASetting) {
  Stage stage(path(), "trellis:explore?explore=setting");
  EXPECT_TRUE(stage.items().contains("along"));
  EXPECT_TRUE(stage.items().contains("choice/setting"));
}

TEST_F(ViewsTest, SlashFiltersAndUndoGoesBack) {
  Stage stage(path(), "trellis:leaderboard?trials=gru-greedy");
  stage.type("/");
  EXPECT_EQ(stage.state().screen, Screen::samples);
  stage.type("下雨");
  EXPECT_EQ(stage.state().filter, "下雨");
  EXPECT_THAT(stage.texts(), HasSubstr("1 of 6"));
  stage.press(key_of(ImGuiKey_Escape));
  stage.click("row/1");
  stage.press('Z', true);
  stage.press('Z', true);
  EXPECT_EQ(stage.state().filter, "");
  stage.press('Z', true);
  EXPECT_EQ(stage.state().screen, Screen::leaderboard);
  stage.press('Y', true);
  EXPECT_EQ(stage.state().screen, Screen::samples);
}

TEST_F(ViewsTest, ThePaletteDoesWhatItsNamesSay) {
  Stage stage(path(), "");
  stage.press('K', true);
  stage.type("curves");
  stage.press(key_of(ImGuiKey_Enter));
  EXPECT_EQ(stage.state().screen, Screen::curves);
  stage.press('K', true);
  stage.type("query");
  stage.press(key_of(ImGuiKey_Enter));
  EXPECT_EQ(stage.state().screen, Screen::sql);
  EXPECT_THAT(stage.texts(), HasSubstr("88 rows"));  // two models, 40 train and 4 valid points
}

TEST_F(ViewsTest, ArrowsStepThroughTokensAndExamples) {
  Stage stage(path(), "trellis:tokens?trials=gru-beam&example=0");
  stage.press(key_of(ImGuiKey_RightArrow));
  stage.press(key_of(ImGuiKey_RightArrow));
  EXPECT_EQ(stage.state().token, 2);
  stage.press(key_of(ImGuiKey_LeftArrow));
  EXPECT_EQ(stage.state().token, 1);
  for (int i = 0; i < 9; ++i) stage.press(key_of(ImGuiKey_RightArrow));
  EXPECT_EQ(stage.state().token, 4);
  stage.press(key_of(ImGuiKey_DownArrow));
  EXPECT_EQ(stage.state().example, 1);
  EXPECT_EQ(stage.state().token, 0);
}

TEST_F(ViewsTest, TheConsoleReadsAndNothingElse) {
  Stage stage(path(), "trellis:sql?sql=DELETE%20FROM%20samples");
  EXPECT_THAT(stage.texts(), HasSubstr("only SELECT is allowed"));
  for (const auto* sql : {"", "SELECT 1; SELECT 2", "PRAGMA user_version = 9", "nonsense",
                          "ATTACH '/tmp/x' AS x", "SELECT 1; DROP TABLE samples"}) {
    EXPECT_THAT(read_sql(stage.reader(), sql).problem, HasSubstr("SQL: ")) << sql;
  }
  EXPECT_EQ(read_sql(stage.reader(), "SELECT 1; -- done\n ;").problem, "");
  const auto answer = read_sql(stage.reader(), "SELECT 1 AS a, NULL AS b, 'x', x'FF'");
  EXPECT_THAT(answer.table.columns, ElementsAre("a", "b", "'x'", "x'FF'"));
  EXPECT_EQ(answer.table.rows[0][1], std::nullopt);
  EXPECT_EQ(answer.table.rows[0][3], "1 bytes");
}

TEST_F(ViewsTest, EveryScreenStandsWithNothingToShow) {
  const auto empty = folder_ / "empty.db";
  storage::Store::open(empty);
  for (const auto* screen : {"runs", "leaderboard", "explore", "curves", "compare", "samples",
                             "tokens", "rate", "sql"}) {
    Dashboard dashboard(state_of(std::string("trellis:") + screen + "?trials=gone&example=9"));
    Offscreen offscreen(dashboard, 300, 200, 1);
    offscreen.frame({});
    auto reader = storage::Reader::open(empty);
    Snapshot snapshot;
    snapshot.overview = std::make_shared<const Overview>(read_overview(reader, ""));
    offscreen.frame(snapshot);
    offscreen.frame(snapshot);
  }
}

// ---- looks

Image read_image(const std::filesystem::path& path) {
  Image image;
  int channels = 0;
  auto* pixels = stbi_load(path.c_str(), &image.width, &image.height, &channels, 4);
  if (pixels == nullptr) return image;
  image.pixels.assign(pixels, pixels + static_cast<std::ptrdiff_t>(image.width) * image.height * 4);
  stbi_image_free(pixels);
  return image;
}

struct Look {
  const char* name;
  const char* link;
  float scale;
  bool dark;
};
void PrintTo(const Look& look, std::ostream* out) {
  *out << look.link;
}

class LooksTest : public ViewsTest, public ::testing::WithParamInterface<Look> {};

// An image may differ in a few pixels: compilers round sums of products in their own way, and a
// newer font package may move a hint. A lost text, colour or line changes far more.
TEST_P(LooksTest, AsBefore) {
  const auto& look = GetParam();
  Stage stage(path(), look.link, 640, 400, look.scale, look.dark);
  const auto image = stage.screen().image();
  const auto file = std::string(look.name) + ".png";
  const auto actual = std::filesystem::path(TRELLIS_BINARY_DIR) / "tests" / "looks" / file;
  std::filesystem::create_directories(actual.parent_path());
  write_png(image, actual);
  const auto golden =
      read_image(std::filesystem::path(TRELLIS_SOURCE_DIR) / "tests" / "gui" / "looks" / file);
  ASSERT_EQ(golden.width, image.width) << "no such image yet? look at " << actual;
  ASSERT_EQ(golden.height, image.height);
  std::size_t different = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 4) {
    int most = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      most = std::max(most, std::abs(int{image.pixels[i + c]} - int{golden.pixels[i + c]}));
    }
    if (most > 24) ++different;
  }
  EXPECT_LE(different, image.pixels.size() / 4 / 500) << "look at " << actual;
}

INSTANTIATE_TEST_SUITE_P(
    Views, LooksTest,
    ::testing::Values(
        Look{"leaderboard", "trellis:leaderboard", 1, true},
        Look{"leaderboard-2x", "trellis:leaderboard", 2, true},
        Look{"samples-light", "trellis:samples?trials=gru-greedy+transformer-beam&example=0", 1,
             false},
        Look{"tokens", "trellis:tokens?trials=gru-greedy+transformer-beam&arm=1&token=2", 1, true},
        Look{"rate", "trellis:rate?trials=gru-greedy+gru-beam&results=1", 1, true},
        Look{"rate-light-2x", "trellis:rate?trials=gru-beam&rating=scores", 2, false},
        Look{"parallel-light", "trellis:explore?explore=parallel", 1, false},
        Look{"runs", "trellis:runs?trials=gru-beam", 1, true},
        Look{"token-tree", "trellis:tokens?trials=gru-greedy+transformer-beam&arm=1&token=3&tree=1",
             1, true},
        Look{"curves-light", "trellis:curves?smoothing=0.6", 1, false}),
    [](const auto& info) {
      std::string name = info.param.name;
      std::ranges::replace(name, '-', '_');
      return name;
    });

}  // namespace
}  // namespace trellis::gui
