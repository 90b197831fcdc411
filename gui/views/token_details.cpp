/// The chosen token: what it added to the sum, what else could have come, and what the strategy
/// made of that.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>

#include "gui/view_models/selection.hpp"
#include "gui/view_models/tokens.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

void draw_share(double probability, ImU32 colour) {
  const float em = ImGui::GetFontSize();
  const auto at = ImGui::GetCursorScreenPos();
  const float room = ImGui::GetContentRegionAvail().x;
  ImGui::GetWindowDrawList()->AddRectFilled(
      {at.x, at.y + em / 5},
      {at.x + std::max(1.0F, room * static_cast<float>(probability)), at.y + em}, colour, em / 8);
  ImGui::Dummy({1, em});
}

void draw_number(double value, const char* format, ImU32 colour) {
  if (std::isnan(value)) {
    ImGui::TextDisabled("–");
  } else {
    ImGui::TextColored(ImGui::ColorConvertU32ToFloat4(colour), format, value);
  }
}

/// The alternatives as stored, and where the sample was computed again what the strategy made of
/// them: cut or kept, with which probability, and the noise.
void draw_alternatives(ViewContext& context, const storage::Token& token, const TokenChoice* choice,
                       bool noisy) {
  const float em = ImGui::GetFontSize();
  const int columns = choice == nullptr ? 4 : noisy ? 6 : 5;
  if (!ImGui::BeginTable("alternatives", columns,
                         ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingFixedFit)) {
    return;
  }
  ImGui::TableSetupColumn("token", 0, 9 * em);
  ImGui::TableSetupColumn("p", 0, 4 * em);
  ImGui::TableSetupColumn("mass", 0, 4 * em);
  if (choice != nullptr) ImGui::TableSetupColumn("p kept", 0, 4 * em);
  if (choice != nullptr && noisy) ImGui::TableSetupColumn("noise", 0, 4 * em);
  ImGui::TableSetupColumn("##bar", ImGuiTableColumnFlags_WidthStretch);
  ImGui::TableHeadersRow();
  const auto stored = alternatives_of(token);
  for (const auto& alternative : stored) {
    const ChoiceAlternative* seen = nullptr;
    for (std::size_t i = 0; choice != nullptr && i < choice->alternatives.size(); ++i) {
      if (choice->alternatives[i].text == alternative.text) seen = &choice->alternatives[i];
    }
    const bool cut = seen != nullptr && !seen->kept;
    const auto colour = alternative.taken ? context.theme.accent
                        : cut             ? context.theme.faint
                                          : context.theme.text;
    ImGui::TableNextRow();
    ImGui::TableNextColumn();
    text_line(fmt::format("{}{}{}", alternative.taken ? "● " : "   ", alternative.text,
                          cut ? "  (cut)" : ""),
              colour);
    ImGui::TableNextColumn();
    draw_number(alternative.probability, "%.4f", colour);
    ImGui::TableNextColumn();
    draw_number(alternative.mass, "%.4f", colour);
    if (choice != nullptr) {
      ImGui::TableNextColumn();
      draw_number(seen != nullptr && seen->kept ? seen->after : no_value, "%.4f", colour);
    }
    if (choice != nullptr && noisy) {
      ImGui::TableNextColumn();
      draw_number(seen != nullptr ? seen->noise : no_value, "%+.3f", colour);
    }
    ImGui::TableNextColumn();
    draw_share(seen != nullptr && seen->kept ? seen->after : alternative.probability,
               alternative.taken ? context.theme.accent
                                 : with_alpha(context.theme.faint, cut ? 0.35F : 1.0F));
  }
  ImGui::EndTable();
}

/// What was computed again for the chosen token; null where it was not.
const TokenChoice* chosen_choice(const ViewContext& context) {
  const auto* seen = chosen_attention(context.snapshot, context.state);
  const auto token = context.state.token;
  return seen != nullptr && token < seen->choices.size() ? &seen->choices[token] : nullptr;
}

}  // namespace

void draw_token_details(ViewContext& context, const storage::SampleRecord& sample) {
  const auto at = context.state.token;
  if (at >= sample.tokens.size()) {
    ImGui::TextDisabled("This output has no token there.");
    return;
  }
  const auto& token = sample.tokens[at];
  text_line(fmt::format("token {} of {}: '{}'", at + 1, sample.tokens.size(), token.text));
  ImGui::Text("p = %.6f   log p = %.4f   rank %u   entropy %.4f nats",
              std::exp(token.log_probability), token.log_probability, token.rank, token.entropy);
  const double before = log_probability_of(sample, at);
  const double after = log_probability_of(sample, at + 1);
  ImGui::Text("chain rule: %.4f + (%.4f) = %.4f; P so far = %.3e", before, token.log_probability,
              after, std::exp(after));
  const auto* choice = chosen_choice(context);
  if (choice != nullptr) {
    ImGui::Text("the strategy kept %llu tokens, %.2f %% of the mass",
                static_cast<unsigned long long>(choice->kept), 100 * choice->kept_mass);
    if (context.snapshot.attention->noisy) {
      ImGui::TextDisabled("and took the greatest log p kept + noise");
    }
  } else {
    ImGui::TextDisabled("\"attention\" computes again what was kept, cut and drawn");
  }
  draw_alternatives(context, token, choice, choice != nullptr && context.snapshot.attention->noisy);
}

}  // namespace trellis::gui
