#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <numeric>
#include <optional>

#include "core/decode/explanation.hpp"
#include "core/plugin/task.hpp"
#include "core/text/json.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/config_arguments.hpp"
#include "experiments/explain_choices.hpp"
#include "reports/display_width.hpp"
#include "storage/queries.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct ExplainArguments {
  fs::path database;
  std::string experiment;
  std::string model;
  fs::path weights;
  std::string trial;
  std::uint64_t example = 0;
  std::uint32_t sample = 0;
  decode::ExplainRequest request;
  bool no_end = false;
  bool attention = false;
  std::int32_t layer = -1;  // negative: the last
  std::int32_t head = -1;   // negative: the mean over all
  std::uint64_t most = 5;   // positions shown for each row of attention
  bool as_json = false;
};

// A text's tokens as they are shown.
std::vector<std::string> texts_of(const plugin::Model& model,
                                  std::span<const std::int32_t> tokens) {
  std::vector<std::string> texts;
  for (const auto token : tokens) texts.push_back(model.token_text(token));
  return texts;
}

// Quoted, with control characters escaped, so that white space can be seen.
std::string quoted(const std::string& text) {
  return write_json(json(text));
}

const storage::ModelRow& find_model(const std::vector<storage::ModelRow>& models,
                                    const ExplainArguments& arguments) {
  std::vector<std::string> labels;
  for (const auto& model : models) {
    labels.push_back(model.record.label);
    if (model.record.label == arguments.model || model.record.id == arguments.model) return model;
  }
  if (arguments.model.empty() && models.size() == 1) return models.front();
  const auto near = plugin::nearest_name(arguments.model, labels);
  throw Error(Fault::usage,
              arguments.model.empty()
                  ? fmt::format("--model: name one of {}", fmt::join(labels, ", "))
                  : fmt::format("--model {}: no such model; {}", arguments.model,
                                near ? fmt::format("did you mean {}?", *near)
                                     : fmt::format("there are {}", fmt::join(labels, ", "))));
}

struct StoredSample {
  storage::TrialRow trial;
  storage::SampleRecord sample;
};

// What a stored sample was asked and answered.
StoredSample take_sample(storage::Reader& reader, const std::vector<storage::TrialRow>& trials,
                         ExplainArguments& arguments) {
  const auto trial = std::find_if(trials.begin(), trials.end(), [&](const auto& row) {
    return row.record.id.starts_with(arguments.trial);
  });
  if (trial == trials.end())
    throw Error(Fault::usage, fmt::format("--trial {}: no such trial", arguments.trial));
  const auto samples = reader.example_samples(trial->record.id, arguments.example, true);
  const auto sample = std::find_if(samples.begin(), samples.end(), [&](const auto& record) {
    return record.sample_index == arguments.sample;
  });
  if (sample == samples.end()) {
    throw Error(Fault::usage, fmt::format("trial {}: has no sample {} of example {}",
                                          arguments.trial, arguments.sample, arguments.example));
  }
  if (const auto turns = plugin::turns_of_details(sample->details); !turns.empty()) {
    throw Error(
        Fault::usage,
        fmt::format("--trial {}: sample {} of example {} is a conversation of {} turns; only "
                    "an output to one prompt can be explained",
                    arguments.trial, arguments.sample, arguments.example, turns.size()));
  }
  arguments.model = trial->record.model_id;
  arguments.request.source = sample->source;
  arguments.request.prefix = sample->prefix;
  arguments.request.target = sample->output;
  arguments.no_end = sample->finish != "eos";
  return {*trial, *sample};
}

json tokens_to_json(const plugin::Model& model, std::span<const std::int32_t> tokens) {
  json all = json::array();
  for (const auto token : tokens) all.push_back({{"id", token}, {"text", model.token_text(token)}});
  return all;
}

json to_json(const plugin::Model& model, const decode::Explanation& explanation) {
  json judged = json::array();
  for (const auto& token : explanation.judged) {
    json alternatives = json::array();
    for (const auto& other : token.alternatives) {
      alternatives.push_back({{"id", other.token},
                              {"text", model.token_text(other.token)},
                              {"log_probability", other.log_probability}});
    }
    judged.push_back({{"id", token.token},
                      {"text", model.token_text(token.token)},
                      {"log_probability", token.log_probability},
                      {"probability", std::exp(token.log_probability)},
                      {"entropy", token.entropy},
                      {"rank", token.rank},
                      {"alternatives", std::move(alternatives)}});
  }
  json maps = json::array();
  for (const auto& map : explanation.attention) {
    json heads = json::array();
    for (std::size_t head = 0; head < map.heads; ++head) {
      json rows = json::array();
      for (std::size_t query = 0; query < map.queries; ++query)
        rows.push_back(map.row(head, query));
      heads.push_back(std::move(rows));
    }
    maps.push_back({{"kind", map.kind}, {"layer", map.layer}, {"weights", std::move(heads)}});
  }
  return {{"encoder", tokens_to_json(model, explanation.encoder)},
          {"decoder", tokens_to_json(model, explanation.decoder)},
          {"judged", std::move(judged)},
          {"log_probability", explanation.log_probability},
          {"attention", std::move(maps)}};
}

void print_tokens(const char* name, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  std::cout << name;
  for (const auto& text : texts) std::cout << ' ' << quoted(text);
  std::cout << '\n';
}

void print_judged(const plugin::Model& model, const decode::Explanation& explanation) {
  std::size_t width = 5;
  for (const auto& token : explanation.judged) {
    width = std::max(width, reports::display_width(quoted(model.token_text(token.token))));
  }
  std::cout << fmt::format(
      "\n  #  {}      id  probability     log P       sum  rank  entropy  {}\n",
      reports::padded("token", width), "most probable");
  double sum = 0;
  std::size_t place = 0;
  for (const auto& token : explanation.judged) {
    sum += token.log_probability;
    std::string others;
    for (const auto& other : token.alternatives) {
      others += fmt::format("{}{} {:.3f}", others.empty() ? "" : "  ",
                            quoted(model.token_text(other.token)), std::exp(other.log_probability));
    }
    std::cout << fmt::format("{:3}  {}  {:6}  {:11.6f}  {:8.4f}  {:8.4f}  {:4}  {:7.4f}  {}\n",
                             ++place, reports::padded(quoted(model.token_text(token.token)), width),
                             token.token, std::exp(token.log_probability), token.log_probability,
                             sum, token.rank, token.entropy, others);
  }
  const auto count = static_cast<double>(explanation.judged.size());
  const double perplexity = std::exp(-explanation.log_probability / count);
  if (explanation.pseudo) {
    std::cout << fmt::format(
        "\npseudo-log-likelihood = sum over t of log P(x_t | all others) = {:.4f}   "
        "pseudo-perplexity = exp({:.4f} / {}) = {:.4f}\n",
        explanation.log_probability, -explanation.log_probability, explanation.judged.size(),
        perplexity);
    return;
  }
  std::cout << fmt::format(
      "\nlog P(X) = sum over t of log P(x_t | x_<t) = {:.4f}   P(X) = {:.6g}   perplexity = "
      "exp({:.4f} / {}) = {:.4f}\n",
      explanation.log_probability, std::exp(explanation.log_probability),
      -explanation.log_probability, explanation.judged.size(), perplexity);
}

// One head's weights, or the mean over all.
std::vector<double> weights_of(const plugin::AttentionMap& map, std::int32_t head,
                               std::size_t query) {
  std::vector<double> sum(map.keys, 0.0);
  const std::size_t first = head < 0 ? 0 : static_cast<std::size_t>(head);
  const std::size_t last = head < 0 ? map.heads : first + 1;
  for (std::size_t h = first; h < last; ++h) {
    const auto row = map.row(h, query);
    for (std::size_t key = 0; key < map.keys; ++key) sum[key] += static_cast<double>(row[key]);
  }
  for (auto& weight : sum) weight /= static_cast<double>(last - first);
  return sum;
}

// What a map's weights are over, as it is shown.
std::vector<std::string> keys_of(const plugin::AttentionMap& map,
                                 const std::vector<std::string>& encoder,
                                 const std::vector<std::string>& decoder) {
  std::vector<std::string> keys;
  for (std::size_t key = 0; key < map.keys; ++key) {
    keys.push_back(map.kind == "experts"
                       ? std::to_string(key)
                       : quoted(map.kind == "self" ? decoder[key] : encoder[key]));
  }
  return keys;
}

void print_map(const plugin::AttentionMap& map, const std::vector<std::string>& encoder,
               const std::vector<std::string>& decoder, const ExplainArguments& arguments) {
  if (arguments.head >= static_cast<std::int32_t>(map.heads)) {
    throw Error(Fault::usage, fmt::format("--head {}: {} attention has heads 0 to {}",
                                          arguments.head, map.kind, map.heads - 1));
  }
  std::cout << fmt::format("\n{}, layer {}, {}\n",
                           map.kind == "experts" ? map.kind : map.kind + " attention", map.layer,
                           arguments.head < 0 ? fmt::format("mean of {} heads", map.heads)
                                              : fmt::format("head {}", arguments.head));
  const auto& queries = map.kind == "encoder" ? encoder : decoder;
  const auto keys = keys_of(map, encoder, decoder);
  std::size_t width = 0;
  for (const auto& text : queries) width = std::max(width, reports::display_width(quoted(text)));
  for (std::size_t query = 0; query < map.queries; ++query) {
    const auto weights = weights_of(map, arguments.head, query);
    std::vector<std::size_t> order(map.keys);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto shown = std::min<std::size_t>(arguments.most, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown),
                      order.end(), [&](std::size_t a, std::size_t b) {
                        return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
                      });
    std::string line = reports::padded(quoted(queries[query]), width) + " ←";
    for (std::size_t i = 0; i < shown && weights[order[i]] >= 0.0005; ++i) {
      line += fmt::format("  {} {:.3f}", keys[order[i]], weights[order[i]]);
    }
    std::cout << line << '\n';
  }
}

void print_attention(const decode::Explanation& explanation,
                     const std::vector<std::string>& encoder,
                     const std::vector<std::string>& decoder, const ExplainArguments& arguments) {
  if (explanation.attention.empty()) {
    std::cout << "\nthe model shows no attention\n";
    return;
  }
  std::map<std::string, std::int32_t> last;  // layer by kind
  for (const auto& map : explanation.attention) last[map.kind] = map.layer;
  bool any = false;
  for (const auto& map : explanation.attention) {
    if (map.layer != (arguments.layer < 0 ? last[map.kind] : arguments.layer)) continue;
    print_map(map, encoder, decoder, arguments);
    any = true;
  }
  if (!any)
    throw Error(Fault::usage, fmt::format("--layer {}: there is no such layer", arguments.layer));
}

void explain(const CommandContext& context, ExplainArguments arguments) {
  auto registry = context.make_registry();
  auto reader = storage::Reader::open(arguments.database);
  const auto experiment = reader.experiment(arguments.experiment);
  std::optional<StoredSample> stored;
  if (!arguments.trial.empty()) {
    stored = take_sample(reader, reader.trials(experiment.id), arguments);
  }
  arguments.request.ends = !arguments.no_end;
  const auto models = reader.models(experiment.id);
  const auto& record = find_model(models, arguments).record;
  const auto folder = arguments.weights.empty() ? models_folder_of(arguments.database) / record.id
                                                : arguments.weights;
  if (!fs::exists(folder)) {
    throw Error(Fault::missing, fmt::format("{}: the weights of {} are not there; say where by "
                                            "--weights, or train them by trellis run",
                                            folder.string(), record.label));
  }
  auto model = plugin::Model::load(registry, record.plugin, folder);
  const auto explanation = decode::explain(model, arguments.request);
  if (arguments.as_json) {
    auto out = to_json(model, explanation);
    out["model"] = record.label;
    if (stored) {
      out["choices"] = explain_choices(registry, model, stored->trial, stored->sample,
                                       arguments.request.top_alternatives);
      out["search"] = explain_search(registry, model, stored->trial, stored->sample);
    }
    std::cout << write_json(out) << '\n';
    return;
  }
  const auto encoder = texts_of(model, explanation.encoder);
  const auto decoder = texts_of(model, explanation.decoder);
  std::cout << fmt::format("model  {} ({}, {} parameters, {} tokens)\n", record.label,
                           record.plugin, model.facts().parameters, model.facts().vocab_size);
  print_tokens("source", encoder);
  print_tokens("read  ", decoder);
  print_judged(model, explanation);
  if (arguments.attention) print_attention(explanation, encoder, decoder, arguments);
}

}  // namespace

void add_explain_command(CLI::App& app, CommandContext& context) {
  const auto arguments = std::make_shared<ExplainArguments>();
  auto* command = app.add_subcommand(
      "explain", "Shows a text as a trained model sees it: tokens, probabilities, attention");
  command->add_option("database", arguments->database, "The database whose run trained the model")
      ->required();
  auto* text = command->add_option("text", arguments->request.target, "What is judged");
  command->add_option("--experiment", arguments->experiment, "By default the one that ran last");
  command->add_option("--model", arguments->model, "Its label; needed where there are several");
  command->add_option("--weights", arguments->weights,
                      "A folder of weights; by default that beside the database");
  auto* source = command->add_option("--source", arguments->request.source,
                                     "What the encoder reads, or the text before");
  auto* prefix = command->add_option("--prefix", arguments->request.prefix,
                                     "Beginning of the answer, not judged");
  command->add_flag("--no-end", arguments->no_end, "The text goes on: judge no end symbol");
  auto* trial =
      command
          ->add_option("--trial", arguments->trial,
                       "Instead of a text a stored sample: the beginning of its trial's id")
          ->excludes(text)
          ->excludes(source)
          ->excludes(prefix);
  command->add_option("--example", arguments->example, "The sample's example, from 0")
      ->needs(trial);
  command->add_option("--sample", arguments->sample, "Which of the example's samples, from 0")
      ->needs(trial);
  command
      ->add_option("--alternatives", arguments->request.top_alternatives,
                   "How many probable tokens are shown for each; 5 by default")
      ->check(CLI::Range(0, 100));
  auto* attention =
      command->add_flag("--attention", arguments->attention, "Shows where each token looked");
  command->add_option("--layer", arguments->layer, "From 0; by default the last")
      ->check(CLI::NonNegativeNumber)
      ->needs(attention);
  command->add_option("--head", arguments->head, "From 0; by default the mean of all")
      ->check(CLI::NonNegativeNumber)
      ->needs(attention);
  command->add_option("--most", arguments->most, "How many places are shown for each; 5 by default")
      ->needs(attention);
  command->add_flag("--json", arguments->as_json, "Everything, attention included, as JSON");
  command->callback([&context, arguments] { explain(context, *arguments); });
}

}  // namespace trellis::experiments
