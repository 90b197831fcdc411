#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "reports/html/chart.hpp"
#include "reports/html/page.hpp"

namespace trellis::reports::html {
namespace {

constexpr double kWidth = 640;
constexpr double kHeight = 400;
constexpr double kLeft = 62;
constexpr double kTop = 40;
constexpr double kRight = kWidth - 24;
constexpr double kBottom = kHeight - 52;
constexpr std::size_t kMostPoints = 400;  // of one curve
// More names than these would only cover each other; the mark's title still tells.
constexpr std::size_t kMostNames = 24;
// Of a name in a scatter chart, as large as narrow screens show it.
constexpr double kNameCharacter = 8;
constexpr double kNameHeight = 17;

std::optional<std::size_t> column_of(const TaskTable& table, std::string_view name) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == name) return i;
  }
  return std::nullopt;
}

// `role`: "img", or "group" where the body holds links.
std::string svg(const char* role, const std::string& title, const std::string& description,
                const std::string& body) {
  return fmt::format(
      "<svg role=\"{5}\" viewBox=\"0 0 {0} {1}\" aria-label=\"{2}\"><title>{2}</title>"
      "<desc>{3}</desc>\n{4}</svg>\n",
      kWidth, kHeight, escape(title), escape(description), body, role);
}

std::string legend(const std::vector<std::string>& names) {
  std::string text = "<ul class=\"legend\">";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += fmt::format(
        "<li><svg aria-hidden=\"true\" viewBox=\"0 0 16 16\">{}</svg><bdi>{}</bdi></li>",
        marker(i, 8, 8), escape(names[i]));
  }
  return text + "</ul>\n";
}

struct Extent {
  double low = 0;
  double high = 0;
  bool any = false;
  void add(double value) {
    low = any ? std::min(low, value) : value;
    high = any ? std::max(high, value) : value;
    any = true;
  }
};

struct Mark {
  const ArmRow* row = nullptr;
  double quality = 0;
  double diversity = 0;
  std::size_t model = 0;  // number of its colour and form
  double x = 0;
  double y = 0;
  double name_y = 0;
  bool name_left = false;
};

double name_width(const Mark& mark) {
  return kNameCharacter * static_cast<double>(mark.row->strategy.size());
}

bool names_meet(const Mark& a, const Mark& b) {
  const auto span = [](const Mark& mark) {
    return mark.name_left ? std::pair(mark.x - name_width(mark), mark.x)
                          : std::pair(mark.x, mark.x + name_width(mark));
  };
  const auto [a_from, a_to] = span(a);
  const auto [b_from, b_to] = span(b);
  return a_from < b_to && b_from < a_to && std::abs(a.name_y - b.name_y) < kNameHeight;
}

// Names that would cover each other move up, the lowest first.
void place_names(std::vector<Mark>& marks) {
  std::stable_sort(marks.begin(), marks.end(),
                   [](const Mark& a, const Mark& b) { return a.y > b.y; });
  for (std::size_t i = 0; i < marks.size(); ++i) {
    Mark& mark = marks[i];
    mark.name_left = mark.x > (kLeft + kRight) / 2;
    mark.name_y = mark.y + 4;
    for (std::size_t j = 0; j < i; ++j) {
      if (names_meet(mark, marks[j])) mark.name_y = marks[j].name_y - kNameHeight;
    }
  }
}

std::string mark_markup(const Data& data, const TaskTable& table, std::size_t diversity,
                        const Mark& mark, bool with_name) {
  const auto& main = table.columns.front();
  const auto& varied = table.columns[diversity];
  auto drawn = marker(mark.model, mark.x, mark.y);
  if (with_name) {
    drawn += fmt::format(
        "<text class=\"mark-name\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>",
        mark.name_left ? mark.x - 9 : mark.x + 9, mark.name_y, mark.name_left ? "end" : "start",
        escape(mark.row->strategy));
  }
  return trial_link(
      data, mark.row->trials.front(),
      fmt::format("<g><title>{} × {}: {} {}, {} {}</title>{}</g>\n", escape(mark.row->model),
                  escape(mark.row->strategy), escape(main.name),
                  format_number(mark.quality, main.decimals), escape(varied.name),
                  format_number(mark.diversity, varied.decimals), drawn));
}

// One mark an arm: colour and form are the model's, the name beside it the strategy's.
std::string scatter(const Data& data, const TaskTable& table, std::size_t diversity) {
  Extent across;
  Extent up;
  std::vector<std::string> models;
  std::vector<Mark> marks;
  for (const auto& row : table.rows) {
    const auto& quality = row.cells.front().value;
    const auto& varied = row.cells[diversity].value;
    if (!quality || !varied) continue;
    across.add(*varied);
    up.add(*quality);
    const auto model = std::find(models.begin(), models.end(), row.model) - models.begin();
    if (static_cast<std::size_t>(model) == models.size()) models.push_back(row.model);
    Mark mark;
    mark.row = &row;
    mark.quality = *quality;
    mark.diversity = *varied;
    mark.model = static_cast<std::size_t>(model);
    marks.push_back(mark);
  }
  if (marks.empty()) return "";
  const Scale x(across.low, across.high, kLeft, kRight);
  const Scale y(up.low, up.high, kBottom, kTop);
  for (auto& mark : marks) {
    mark.x = x.at(mark.diversity);
    mark.y = y.at(mark.quality);
  }
  place_names(marks);
  const auto& main = table.columns.front();
  auto body = axes(x, y, table.columns[diversity].name, main.name, kWidth, kHeight);
  for (const auto& mark : marks) {
    body += mark_markup(data, table, diversity, mark, marks.size() <= kMostNames);
  }
  const auto title =
      fmt::format("{}: {} against {}", table.task, main.name, table.columns[diversity].name);
  return fmt::format(
      "<figure>{}{}<figcaption>{}</figcaption></figure>\n",
      svg("group", title,
          fmt::format("{} arms; their numbers are in the leaderboard.", marks.size()), body),
      legend(models), escape(title));
}

struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> train, valid;  // step, loss
};

std::string polyline(const std::vector<std::pair<double, double>>& points, const Scale& x,
                     const Scale& y, const std::string& colour, const char* dash) {
  std::string path;
  const std::size_t stride = points.size() / kMostPoints + 1;
  for (std::size_t i = 0; i < points.size(); i += stride) {
    path += fmt::format("{:.1f},{:.1f} ", x.at(points[i].first), y.at(points[i].second));
  }
  return fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}/>",
                     path, colour, dash);
}

std::string curves_chart(const std::string& task, const std::vector<Curve>& curves) {
  Extent across;
  Extent up;
  across.add(0);
  std::vector<std::string> names;
  std::string told;
  for (const auto& curve : curves) {
    for (const auto* points : {&curve.train, &curve.valid}) {
      for (const auto& [step, loss] : *points) {
        across.add(step);
        up.add(loss);
      }
    }
    names.push_back(curve.name);
    const auto& last = curve.valid.empty() ? curve.train : curve.valid;
    if (!last.empty()) {
      told += fmt::format("{} ends at {:.3f} after {:.0f} steps. ", curve.name, last.back().second,
                          last.back().first);
    }
  }
  const Scale x(across.low, across.high, kLeft, kRight);
  const Scale y(up.low, up.high, kBottom, kTop);
  auto body = axes(x, y, "updates", "loss, nats a token", kWidth, kHeight);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    body += polyline(curves[i].train, x, y, series_colour(i), " opacity=\"0.45\"");
    body += polyline(curves[i].valid, x, y, series_colour(i), "");
    for (const auto& [step, loss] : curves[i].valid) body += marker(i, x.at(step), y.at(loss));
  }
  const auto title = task + ": training";
  return fmt::format(
      "<figure>{}{}<figcaption>{}. Pale: training loss. Full, with marks: validation "
      "loss.</figcaption></figure>\n",
      svg("img", title, told, body), legend(names), escape(title));
}

}  // namespace

std::string quality_and_diversity(const Data& data) {
  std::string text =
      "<section aria-labelledby=\"diversity\"><h2 id=\"diversity\">Quality against "
      "diversity</h2>\n<p>What a strategy gains in variety it often pays in quality: the main "
      "metric of each task against the share of different pairs of tokens.</p>\n<div "
      "class=\"curves\">\n";
  bool any = false;
  for (const auto& table : data.comparison.tables) {
    const auto diversity = column_of(table, "distinct_2");
    if (!diversity || *diversity == 0) continue;
    const auto figure = scatter(data, table, *diversity);
    if (figure.empty()) continue;
    text += figure;
    any = true;
  }
  if (!any) text += "<p>No task has both numbers yet.</p>\n";
  return text + "</div></section>\n";
}

std::string training_curves(storage::Reader& reader, const Data& data) {
  std::map<std::string, std::vector<Curve>> by_task;
  for (const auto& model : data.models) {
    Curve curve{model.record.label, {}, {}};
    for (const auto& point : reader.training_curve(model.record.id)) {
      if (!std::isfinite(point.loss)) continue;
      auto& points = point.split == "valid" ? curve.valid : curve.train;
      points.emplace_back(static_cast<double>(point.step), point.loss);
    }
    if (!curve.train.empty() || !curve.valid.empty()) {
      by_task[model.record.task_label].push_back(std::move(curve));
    }
  }
  std::string text =
      "<section aria-labelledby=\"training\"><h2 id=\"training\">Training curves</h2>\n";
  if (by_task.empty()) text += "<p>No model was trained for this experiment.</p>\n";
  text += "<div class=\"curves\">\n";
  for (const auto& [task, curves] : by_task) text += curves_chart(task, curves);
  return text + "</div></section>\n";
}

}  // namespace trellis::reports::html
