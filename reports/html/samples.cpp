#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/html/page.hpp"

namespace trellis::reports::html {
namespace {

// Of one example, how much of each arm's tokens is shown.
enum class Tokens { none, folded, open };

struct ShownArm {
  const storage::TrialRow* trial;
  storage::SampleRecord sample;
};

// Probability in five steps of colour; the number stands below the token as well.
const char* probability_class(double probability) {
  if (probability >= 0.9) return "p5";
  if (probability >= 0.5) return "p4";
  if (probability >= 0.2) return "p3";
  if (probability >= 0.05) return "p2";
  return "p1";
}

std::string scale() {
  return "<ul class=\"scale\" aria-label=\"Colours of probability\"><li class=\"p5\">90 % and "
         "more</li><li class=\"p4\">50 to 90 %</li><li class=\"p3\">20 to 50 %</li><li "
         "class=\"p2\">5 to 20 %</li><li class=\"p1\">below 5 %</li></ul>\n";
}

std::string token_markup(const storage::Token& token) {
  const double probability = std::exp(token.log_probability);
  std::string others;
  for (const auto& alternative : token.alternatives) {
    others += fmt::format("{}{} {:.1f} %", others.empty() ? "" : ", ",
                          alternative.at(0).get<std::string>(),
                          100 * std::exp(alternative.at(1).get<double>()));
  }
  const auto title = fmt::format("rank {}, entropy {:.2f} nats; most probable: {}", token.rank,
                                 token.entropy, others);
  auto piece = token.text;
  for (std::size_t at = 0; (at = piece.find('\n', at)) != std::string::npos; at += 3) {
    piece.replace(at, 1, "⏎");
  }
  return fmt::format(
      "<li class=\"{}\" title=\"{}\"><span class=\"piece\">{}</span><span "
      "class=\"share\">{:.0f}<span class=\"hidden\"> percent</span></span></li>",
      probability_class(probability), escape(title), escape(piece), 100 * probability);
}

// "bleu 24.1", or nothing where the metric is undefined for this sample.
std::string metric_text(const std::string& name, const storage::MetricValue& metric) {
  if (!metric.value) return "";
  return fmt::format("{} {}", escape(name),
                     format_number(*metric.value, decimals_for(std::abs(*metric.value))));
}

// The task's main metric and how the sample ended; all other metrics are folded away.
std::string marks_of(const storage::TaskRecord& task, const storage::SampleRecord& sample) {
  std::string main;
  std::string others;
  const auto main_name = task.metrics.empty() ? "" : task.metrics.front().value("name", "");
  for (const auto& [name, metric] : sample.metrics) {
    const auto text = metric_text(name, metric);
    if (text.empty()) continue;
    if (name == main_name) {
      main = text + " · ";
    } else {
      others += (others.empty() ? "" : " · ") + text;
    }
  }
  auto text = fmt::format("<p class=\"marks\">{}finish {}</p>", main, escape(sample.finish));
  if (!others.empty()) {
    text += fmt::format(
        "<details><summary>Other metrics</summary><p class=\"marks\">{}</p></details>", others);
  }
  return text;
}

std::string arm_markup(Data& data, const storage::TaskRecord& task, const ShownArm& arm,
                       std::size_t number, const HtmlOptions& options, Tokens tokens) {
  const auto anchor = fmt::format("sample-{}", number);
  data.sample_anchors[arm.trial->record.id].push_back(anchor);
  const auto spoken = language(task.settings, "target_language");
  auto text =
      fmt::format("<li id=\"{}\"><h5>{}</h5><p class=\"text\" dir=\"auto\"{}>{}</p>{}", anchor,
                  trial_link(data, arm.trial->record.id,
                             arm_name(arm.trial->model_label, arm.trial->record.strategy_label)),
                  spoken,
                  arm.sample.output.empty() ? "<span class=\"note\" lang=\"en\">(empty)</span>"
                                            : escape_cut(arm.sample.output, options.text_limit),
                  marks_of(task, arm.sample));
  if (tokens != Tokens::none && !arm.sample.tokens.empty()) {
    text += fmt::format("<details{}><summary>{} tokens</summary><ol class=\"tokens\"{}>",
                        tokens == Tokens::open ? " open" : "", arm.sample.tokens.size(), spoken);
    for (const auto& token : arm.sample.tokens) text += token_markup(token);
    text += "</ol></details>";
  }
  return text + "</li>\n";
}

std::string given(const storage::TaskRecord& task, const storage::SampleRecord& sample,
                  const HtmlOptions& options) {
  std::string text = "<dl class=\"given\">";
  const auto entry = [&](const char* name, const std::string& value, const char* setting) {
    if (value.empty()) return;
    text += fmt::format("<dt>{}</dt><dd class=\"text\" dir=\"auto\"{}>{}</dd>", name,
                        language(task.settings, setting), escape_cut(value, options.text_limit));
  };
  entry("Source", sample.source, "source_language");
  entry("Beginning", sample.prefix, "target_language");
  for (const auto& reference : sample.references) entry("Reference", reference, "target_language");
  return text + "</dl>\n";
}

// Examples spread over the whole test set, so that the first lines of a file do not stand for it.
std::vector<std::uint64_t> spread(std::uint64_t total, std::size_t wanted) {
  std::vector<std::uint64_t> places;
  const auto count = std::min<std::uint64_t>(total, wanted);
  for (std::uint64_t i = 0; i < count; ++i) places.push_back(i * total / count);
  return places;
}

}  // namespace

std::string samples(storage::Reader& reader, Data& data, const HtmlOptions& options) {
  std::string text = fmt::format(
      "<section aria-labelledby=\"samples\"><h2 id=\"samples\">Samples side by side</h2>\n<p>The "
      "first sample of each arm on examples spread over the test set. Under each token stands its "
      "probability in percent, as the model itself gave it before any processor; the paler, the "
      "surer.</p>\n{}",
      scale());
  std::size_t number = 0;
  for (const auto& task : data.tasks) {
    text += fmt::format("<h3><bdi>{}</bdi></h3>\n", escape(task.label));
    std::vector<const storage::TrialRow*> trials;
    std::uint64_t examples = task.test_examples;
    for (const auto& trial : data.trials) {
      if (trial.task_label != task.label || trial.stored_samples == 0) continue;
      trials.push_back(&trial);
      examples = std::min(examples, trial.stored_samples);
    }
    if (trials.empty()) text += "<p>No samples yet.</p>\n";
    std::size_t shown = 0;
    for (const auto place :
         trials.empty() ? std::vector<std::uint64_t>() : spread(examples, options.examples)) {
      const bool with_tokens = shown < options.token_examples;
      const auto tokens = !with_tokens ? Tokens::none : shown == 0 ? Tokens::open : Tokens::folded;
      ++shown;
      std::vector<ShownArm> arms;
      for (const auto* trial : trials) {
        auto found = reader.example_samples(trial->record.id, place, with_tokens);
        if (!found.empty()) arms.push_back({trial, std::move(found.front())});
      }
      if (arms.empty()) continue;
      text += fmt::format("<div class=\"example\"><h4><bdi>{}</bdi></h4>{}<ul class=\"arms\">\n",
                          escape(arms.front().sample.example_id),
                          given(task, arms.front().sample, options));
      for (const auto& arm : arms) {
        text += arm_markup(data, task, arm, ++number, options, tokens);
      }
      text += "</ul></div>\n";
    }
  }
  return text + "</section>\n";
}

}  // namespace trellis::reports::html
