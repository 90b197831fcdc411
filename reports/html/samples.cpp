#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/html/page.hpp"

namespace trellis::reports::html {
namespace {

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
         "more</li><li class=\"p4\">50 %</li><li class=\"p3\">20 %</li><li class=\"p2\">5 "
         "%</li><li class=\"p1\">less</li></ul>\n";
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

std::string arm_markup(Data& data, const ShownArm& arm, std::size_t number,
                       const HtmlOptions& options, bool with_tokens) {
  const auto anchor = fmt::format("sample-{}", number);
  data.sample_anchors[arm.trial->record.id].push_back(anchor);
  std::string marks;
  for (const auto& [name, metric] : arm.sample.metrics) {
    if (!metric.value || name == "distinct_1" || name == "distinct_2") continue;
    marks += fmt::format("{}{} {}", marks.empty() ? "" : " · ", escape(name),
                         format_number(*metric.value, decimals_for(*metric.value)));
  }
  auto text = fmt::format(
      "<li id=\"{}\"><h5>{}</h5><p class=\"text\" dir=\"auto\">{}</p><p class=\"marks\">{} · "
      "finish {} · {} tokens</p>",
      anchor,
      trial_link(data, arm.trial->record.id,
                 arm_name(arm.trial->model_label, arm.trial->record.strategy_label)),
      arm.sample.output.empty() ? "<span class=\"note\">(empty)</span>"
                                : escape_cut(arm.sample.output, options.text_limit),
      marks, escape(arm.sample.finish), arm.sample.tokens.size());
  if (with_tokens && !arm.sample.tokens.empty()) {
    text += "<details><summary>Token by token</summary><ol class=\"tokens\">";
    for (const auto& token : arm.sample.tokens) text += token_markup(token);
    text += "</ol></details>";
  }
  return text + "</li>\n";
}

std::string given(const storage::SampleRecord& sample, const HtmlOptions& options) {
  std::string text = "<dl class=\"given\">";
  const auto entry = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    text += fmt::format("<dt>{}</dt><dd class=\"text\" dir=\"auto\">{}</dd>", name,
                        escape_cut(value, options.text_limit));
  };
  entry("Source", sample.source);
  entry("Beginning", sample.prefix);
  for (const auto& reference : sample.references) entry("Reference", reference);
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
      "first sample of each arm on examples spread over the test set. Token by token: how probable "
      "the model itself found each token, before any processor.</p>\n{}",
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
      const bool with_tokens = shown++ < options.token_examples;
      std::vector<ShownArm> arms;
      for (const auto* trial : trials) {
        auto found = reader.example_samples(trial->record.id, place, with_tokens);
        if (!found.empty()) arms.push_back({trial, std::move(found.front())});
      }
      if (arms.empty()) continue;
      text +=
          fmt::format("<div class=\"example\"><h4><bdi>{}</bdi></h4>{}<ul class=\"arms\">\n",
                      escape(arms.front().sample.example_id), given(arms.front().sample, options));
      for (const auto& arm : arms) {
        text += arm_markup(data, arm, ++number, options, with_tokens);
      }
      text += "</ul></div>\n";
    }
  }
  return text + "</section>\n";
}

}  // namespace trellis::reports::html
