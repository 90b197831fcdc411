/// A console that only reads.
#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include <algorithm>

#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

void draw_table(ViewContext& context, const storage::QueryTable& table) {
  constexpr std::size_t most_columns = 60;  // ImGui 1.86 holds 64
  const auto columns = std::min(table.columns.size(), most_columns);
  if (columns == 0) return;
  const auto flags = ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerV |
                     ImGuiTableFlags_ScrollX | ImGuiTableFlags_ScrollY | ImGuiTableFlags_Resizable |
                     ImGuiTableFlags_PadOuterX;
  if (!ImGui::BeginTable("answer", static_cast<int>(columns), flags)) return;
  ImGui::TableSetupScrollFreeze(0, 1);
  const float em = ImGui::GetFontSize();
  for (std::size_t i = 0; i < columns; ++i) {
    ImGui::TableSetupColumn(table.columns[i].c_str(), ImGuiTableColumnFlags_WidthFixed,
                            (table.numeric[i] ? 7 : 13) * em);
  }
  ImGui::TableHeadersRow();
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(table.rows.size()));
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      ImGui::TableNextRow();
      const auto& row = table.rows[static_cast<std::size_t>(i)];
      for (std::size_t column = 0; column < columns; ++column) {
        ImGui::TableSetColumnIndex(static_cast<int>(column));
        const auto& cell = row[column];
        if (!cell) {
          text_line("null", context.theme.faint);
        } else if (table.numeric[column]) {
          text_right(*cell, context.theme.text);
        } else {
          text_line(beginning_of(*cell));
        }
      }
    }
  }
  ImGui::EndTable();
}

struct Example {
  const char* question;
  const char* sql;
};
constexpr Example examples[] = {
    {"What are the best arms of each metric?",
     "SELECT task, metric, model, strategy, value, low, high\nFROM leaderboard\n"
     "WHERE place = 1\nORDER BY task, metric"},
    {"Which examples are hardest?",
     "SELECT task, metric, example_index, avg(value) AS mean\nFROM metric_view\n"
     "WHERE metric = (SELECT metric FROM leaderboard WHERE is_main LIMIT 1)\n"
     "GROUP BY task, example_index\nORDER BY mean\nLIMIT 50"},
    {"Which tokens surprised the models most?",
     "SELECT model, strategy, example_index, position, text, exp(log_probability) AS probability, "
     "rank\nFROM token_view\nORDER BY log_probability\nLIMIT 50"},
    {"How long are the outputs?",
     "SELECT model, strategy, count(*) AS samples, avg(token_count) AS tokens,\n"
     "       sum(finish = 'length') AS cut_off\nFROM sample_view\nGROUP BY model, strategy"},
    {"Which tables and views are there?",
     "SELECT type, name, sql FROM sqlite_master\nWHERE type IN ('table', 'view')\n"
     "ORDER BY type DESC, name"}};

/// For whoever comes here with nothing to ask yet.
void draw_examples(ViewContext& context) {
  ImGui::Spacing();
  text_line("For example", context.theme.accent);
  for (const auto& example : examples) {
    if (ImGui::Selectable(example.question, false, 0, {28 * ImGui::GetFontSize(), 0})) {
      context.state.sql = example.sql;
      ++context.memory.sql_asked;
    }
    mark(context, fmt::format("example/{}", example.question));
  }
}

}  // namespace

void draw_sql(ViewContext& context) {
  auto& state = context.state;
  const float em = ImGui::GetFontSize();
  ImGui::PushFont(ImGui::GetIO().Fonts->Fonts[1]);
  ImGui::InputTextMultiline("##sql", &state.sql, {-1, 7 * em}, ImGuiInputTextFlags_AllowTabInput);
  ImGui::PopFont();
  mark(context, "sql");
  const bool enter =
      ImGui::GetIO().KeyCtrl && (ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_Enter)) ||
                                 ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_KeyPadEnter)));
  if (ImGui::Button("ask (Ctrl+Enter)") || enter) ++context.memory.sql_asked;
  mark(context, "ask");
  ImGui::SameLine();
  const auto& answer = context.snapshot.sql;
  if (answer && answer->sql == state.sql && context.memory.sql_asked > 0) {
    if (!answer->problem.empty()) {
      text_line(answer->problem, context.theme.bad);
      return;
    }
    ImGui::TextDisabled("%zu rows%s in %.3f s", answer->table.rows.size(),
                        answer->table.cut ? " (there are more)" : "", answer->seconds);
    draw_table(context, answer->table);
    return;
  }
  ImGui::TextDisabled(
      "Only SELECT. Views: leaderboard, sample_view, metric_view, token_view, "
      "curve_view, progress_view, sweep_view, failure_view");
  if (state.sql.empty()) draw_examples(context);
}

}  // namespace trellis::gui
