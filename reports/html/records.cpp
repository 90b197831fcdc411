#include <fmt/format.h>

#include "core/text/json.hpp"
#include "reports/html/page.hpp"

namespace trellis::reports::html {
namespace {

std::string value_text(const std::string& name, const nlohmann::json& value) {
  if (name.ends_with("_bytes") && value.is_number())
    return fmt::format("{:.1f} GiB", value.get<double>() / (1 << 30));
  if (value.is_string() && value.get_ref<const std::string&>().empty()) return "–";
  if (value.is_string()) return value.get<std::string>();
  return write_json(value);
}

// One row a value; the names of nested ones are joined by dots.
std::string rows_of(const std::string& before, const nlohmann::json& json) {
  std::string rows;
  for (const auto& [name, value] : json.items()) {
    if (value.is_object() && !value.empty()) {
      rows += rows_of(before + name + ".", value);
    } else {
      rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape(before + name),
                          escape(value_text(name, value)));
    }
  }
  return rows;
}

// `title` is markup.
std::string details_of(const std::string& title, const nlohmann::json& json, bool open = false) {
  return fmt::format(
      "<details{}><summary>{}</summary><table class=\"values\"><tbody>\n{}</tbody></table>"
      "</details>\n",
      open ? " open" : "", title, rows_of("", json));
}

}  // namespace

std::string trials(const Data& data) {
  std::string table =
      "<table><caption>Every trial; its id is the hash of all that can change its "
      "result.</caption>\n<thead><tr><th scope=\"col\">model</th><th scope=\"col\">task</th><th "
      "scope=\"col\">strategy</th><th scope=\"col\" class=\"number\">seed</th><th "
      "scope=\"col\">status</th><th scope=\"col\" class=\"number\">samples</th><th scope=\"col\" "
      "class=\"number\">tokens</th><th scope=\"col\" class=\"number\">seconds</th><th "
      "scope=\"col\">samples shown</th><th scope=\"col\">id</th></tr></thead><tbody>\n";
  for (const auto& trial : data.trials) {
    const auto anchor = data.trial_anchors.find(trial.record.id);
    std::string links;
    if (const auto shown = data.sample_anchors.find(trial.record.id);
        shown != data.sample_anchors.end()) {
      for (std::size_t i = 0; i < shown->second.size(); ++i) {
        links += fmt::format("{}<a href=\"#{}\">{}</a>", i > 0 ? " " : "", shown->second[i], i + 1);
      }
    }
    table += fmt::format(
        "<tr id=\"{}\"><th scope=\"row\"><bdi>{}</bdi></th><td><bdi>{}</bdi></td><td><bdi>{}</bdi>"
        "</td><td class=\"number\">{}</td><td{}>{}</td><td class=\"number\">{} of {}</td><td "
        "class=\"number\">{}</td><td class=\"number\">{:.1f}</td><td>{}</td><td><code "
        "class=\"trial-id\" title=\"{}\">{}</code></td></tr>\n",
        anchor == data.trial_anchors.end() ? "" : anchor->second, escape(trial.model_label),
        escape(trial.task_label), escape(trial.record.strategy_label), trial.record.seed,
        trial.status == storage::TrialStatus::failed ? " class=\"bad\"" : "",
        storage::to_string(trial.status), trial.stored_samples, trial.record.expected_samples,
        trial.totals.delivered_tokens, trial.totals.seconds, links.empty() ? "–" : links,
        escape(trial.record.id), escape(trial.record.id));
  }
  return "<section aria-labelledby=\"trials\"><h2 id=\"trials\">Trials</h2>\n" +
         scrolling("Trials", table + "</tbody></table>") + "</section>\n";
}

std::string settings(const Data& data) {
  const auto& experiment = data.comparison.experiment;
  std::string text =
      "<section aria-labelledby=\"settings\"><h2 id=\"settings\">Settings and environment</h2>\n";
  for (const auto& model : data.models) {
    auto title = fmt::format("Model <bdi>{}</bdi>", escape(model.record.label));
    if (!model.record.task_label.empty()) {
      title += fmt::format(" for <bdi>{}</bdi>", escape(model.record.task_label));
    }
    if (model.result) {
      title += fmt::format(": {} parameters, trained in {:.0f} s", model.result->parameters,
                           model.training_seconds);
    }
    nlohmann::json shown = {{"plugin", model.record.plugin},
                            {"version", model.record.plugin_version},
                            {"seed", model.record.seed},
                            {"settings", model.record.settings}};
    if (model.result) {
      shown["weights_hash"] = model.result->weights_hash;
      shown["tokenizer"] = model.result->description.value("tokenizer", nlohmann::json());
    }
    text += details_of(title, shown);
  }
  for (const auto& task : data.tasks) {
    text += details_of(fmt::format("Task <bdi>{}</bdi>", escape(task.label)),
                       {{"plugin", task.plugin},
                        {"version", task.plugin_version},
                        {"settings", task.settings},
                        {"test_examples", task.test_examples}});
  }
  text += details_of("Environment", experiment.environment, true);
  text += fmt::format("<details><summary>The experiment's file</summary><pre>{}</pre></details>\n",
                      escape(experiment.config_text));
  return text + "</section>\n";
}

std::string failures(const Data& data) {
  if (data.failures.empty()) return "";
  std::string text =
      "<section aria-labelledby=\"failures\"><h2 id=\"failures\">Failures</h2>\n<ul>\n";
  for (const auto& failure : data.failures) {
    const auto& record = failure.record;
    text += fmt::format("<li><span class=\"bad\">{}</span>: {}", escape(record.stage),
                        escape(record.message));
    if (record.signal) text += fmt::format(" (signal {})", *record.signal);
    if (record.example_id) text += fmt::format(", example {}", escape(*record.example_id));
    if (record.trial_id) text += ", " + trial_link(data, *record.trial_id, "its trial");
    if (!record.standard_error.empty()) {
      text += fmt::format(
          "<details><summary>What the worker said last</summary><pre>{}</pre>"
          "</details>",
          escape(record.standard_error));
    }
    text += "</li>\n";
  }
  return text + "</ul></section>\n";
}

}  // namespace trellis::reports::html
