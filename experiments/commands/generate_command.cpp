/// `trellis generate` and `trellis chat`: text from one model, as it grows.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <optional>

#include "core/decode/generate.hpp"
#include "core/text/tokenizer.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/drafts.hpp"
#include "experiments/environment.hpp"
#include "experiments/make_arm.hpp"
#include "experiments/model_at_path.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;
using plugin::Kind;

struct GenerateArguments {
  std::filesystem::path model;
  std::string prompt;
  std::string source;
  std::string system;
  std::string strategy = "greedy";
  std::vector<std::string> settings;
  std::size_t max_new_tokens = 256;
  std::uint64_t seed = 1;
  int threads = 0;
  bool statistics = false;
};

// Plugins compute with as many threads as were asked for.
const trellis_host& computing_host(int threads) {
  static int chosen = 1;
  static const auto host = console_host([](void*) -> std::int32_t { return chosen; });
  chosen = threads > 0 ? threads : processor_count();
  return host;
}

// "KEY=VALUE", the value as JSON or else as text.
std::pair<std::string, json> read_assignment(const std::string& text) {
  const auto place = text.find('=');
  if (place == std::string::npos || place == 0)
    throw Error(Fault::usage, fmt::format("--set {}: must be KEY=VALUE", text));
  const std::string value = text.substr(place + 1);
  json parsed = json::parse(value, nullptr, false);
  return {text.substr(0, place), parsed.is_discarded() ? json(value) : std::move(parsed)};
}

// A key is a setting of the strategy's own, or a logits processor with the value of its main
// setting, as in a config. A model that is lent to the strategy is named by its path.
decode::Arm arm_of(plugin::Registry& registry, const plugin::Model& model, Drafts& drafts,
                   const GenerateArguments& arguments) {
  const auto& schema = registry.get(Kind::strategy, arguments.strategy).settings;
  json own = json::object();
  std::vector<PluginJob> processors;
  for (const auto& text : arguments.settings) {
    const auto [key, value] = read_assignment(text);
    const auto is_key = [&, name = key](const auto& setting) { return setting.name == name; };
    if (std::any_of(schema.begin(), schema.end(), is_key)) {
      own[key] = value;
      continue;
    }
    const auto* description = registry.find(Kind::logits_processor, key);
    if (description == nullptr) {
      std::vector<std::string> known = registry.ids(Kind::logits_processor);
      for (const auto& setting : schema) known.push_back(setting.name);
      const auto near = plugin::nearest_name(key, known);
      throw Error(
          Fault::usage,
          fmt::format("--set {}: is no setting of {} and no logits processor{}", text,
                      arguments.strategy, near ? fmt::format("; did you mean {}?", *near) : ""));
    }
    const json given =
        value.is_object() ? value : json{{description->json.value("primary", key), value}};
    processors.push_back({key, plugin::complete_settings(description->settings, given)});
  }
  own = plugin::complete_settings(schema, own);
  auto arm = make_arm(registry, model, {arguments.strategy, own}, processors);
  for (const auto& setting : schema) {
    if (setting.format != "model") continue;
    arm.draft = &drafts.get({"", own.at(setting.name).get<std::string>()}, model);
  }
  return arm;
}

class Speaker {
 public:
  Speaker(const CommandContext& context, const GenerateArguments& arguments)
      : arguments_(arguments),
        registry_(context.plugin_folders(), computing_host(arguments.threads)),
        begin_(monotonic_seconds()),
        model_(plugin::Model::load(registry_, plugin_of_model(registry_, arguments.model),
                                   arguments.model)),
        drafts_(registry_),
        arm_(arm_of(registry_, model_, drafts_, arguments)),
        loaded_(monotonic_seconds()) {}

  bool has_encoder() const { return model_.facts().encoder_decoder; }

  // Writes the answer as it grows and returns it.
  std::string answer(const std::string& source, const std::string& prefix) {
    decode::Prompt prompt;
    prompt.source = source;
    prompt.prefix = prefix;
    prompt.max_new_tokens = arguments_.max_new_tokens;
    text::StreamingDecoder stream([this](auto tokens) { return model_.decode(tokens); });
    std::size_t streamed = 0;  // tokens
    std::string told;
    decode::Generation result;
    std::optional<std::string> failure;
    decode::GenerateEvents events;
    const auto tell = [&](const std::string& text) {
      told += text;
      std::cout << text << std::flush;
    };
    // Of several hypotheses another may win in the end; a block may be rewritten.
    if (arm_.strategy.needs().width == 1 && !arm_.strategy.needs().masked_prediction) {
      events.on_tokens = [&](std::size_t, auto tokens) {
        for (; streamed < tokens.size(); ++streamed) tell(stream.push(tokens[streamed]));
      };
    }
    events.on_generation = [&](decode::Generation generation) { result = std::move(generation); };
    events.on_failure = [&](const decode::GenerateFailure& failed) { failure = failed.message; };
    const auto requests = decode::every_sample({&arm_, 1}, 1, 1, arguments_.seed);
    const double begin = monotonic_seconds();
    decode::GenerateOptions options;
    options.top_alternatives = 0;
    const auto totals = decode::generate(model_, {&arm_, 1}, {&prompt, 1}, requests, options,
                                         events, monotonic_seconds);
    if (failure) throw Error(Fault::usage, *failure);
    // A stop string's beginning may have been told already; what is told cannot be taken back.
    if (result.text.starts_with(told)) tell(result.text.substr(told.size()));
    std::cout << std::endl;
    if (arguments_.statistics) report(totals, result, monotonic_seconds() - begin);
    return result.text;
  }

 private:
  void report(const decode::GenerateTotals& totals, const decode::Generation& result,
              double seconds) const {
    std::string drafted;
    if (result.proposed_tokens > 0) {
      drafted = fmt::format("; {} of {} drafted tokens were kept", result.accepted_tokens,
                            result.proposed_tokens);
    }
    std::cerr << fmt::format(
        "{} parameters, loaded in {:.2f} s; {} prompt tokens, {} new ones, "
        "{:.1f} new tokens/s{}\n",
        model_.facts().parameters, loaded_ - begin_, totals.prompt_tokens, totals.delivered_tokens,
        static_cast<double>(totals.delivered_tokens) / seconds, drafted);
  }

  const GenerateArguments& arguments_;
  plugin::Registry registry_;
  double begin_;
  plugin::Model model_;
  Drafts drafts_;
  decode::Arm arm_;
  double loaded_;
};

void add_shared_options(CLI::App& command, GenerateArguments& arguments) {
  command
      .add_option("--model", arguments.model,
                  "A folder that trellis run wrote, a Hugging Face folder, or a GGUF file")
      ->required()
      ->type_name("PATH");
  command.add_option("--strategy", arguments.strategy, "How tokens are chosen; greedy by default");
  command
      .add_option("--set", arguments.settings,
                  "A setting of the strategy or a logits processor: temperature=0.7, top_p=0.9")
      ->type_name("KEY=VALUE")
      ->take_all();
  command
      .add_option("--max-new-tokens", arguments.max_new_tokens, "Longest answer; 256 by default")
      ->check(CLI::Range(1, 1 << 20));
  command.add_option("--seed", arguments.seed, "Seed of sampling; 1 by default");
  command.add_option("--threads", arguments.threads, "By default all processors")
      ->check(CLI::Range(0, 1024));
  command.add_flag("--statistics", arguments.statistics, "Tells sizes and speed at the end");
}

std::string read_all(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), {}};
}

void generate(const CommandContext& context, GenerateArguments& arguments, bool prompt_given) {
  if (!prompt_given && arguments.source.empty()) arguments.prompt = read_all(std::cin);
  Speaker speaker(context, arguments);
  // With an encoder and nothing else for it, the text is what it reads.
  if (speaker.has_encoder() && arguments.source.empty())
    std::swap(arguments.source, arguments.prompt);
  speaker.answer(arguments.source, arguments.prompt);
}

void chat(const CommandContext& context, const GenerateArguments& arguments) {
  const auto form = chat_form_of_model(arguments.model);
  if (!form) {
    throw Error(Fault::usage, arguments.model.string() +
                                  ": has no chat template: it was not made for talking; use "
                                  "trellis generate");
  }
  Speaker speaker(context, arguments);
  const bool person = isatty(STDIN_FILENO) != 0;
  std::vector<text::ChatMessage> messages;
  if (!arguments.system.empty()) messages.push_back({"system", arguments.system});
  for (std::string line;;) {
    if (person) std::cerr << "> " << std::flush;
    if (!std::getline(std::cin, line)) break;
    if (line.empty()) continue;
    messages.push_back({"user", line});
    const std::string asked = form->chat_template.apply(messages, form->names);
    messages.push_back({"assistant", speaker.answer("", asked)});
  }
}

}  // namespace

void add_generate_commands(CLI::App& app, CommandContext& context) {
  const auto arguments = std::make_shared<GenerateArguments>();
  auto* generate_command = app.add_subcommand("generate", "Continues a prompt with a model");
  add_shared_options(*generate_command, *arguments);
  auto* prompt = generate_command->add_option(
      "prompt", arguments->prompt,
      "The text to go on with, or for a model with an encoder the text that it reads; by default "
      "standard input");
  generate_command->add_option("--source", arguments->source,
                               "What an encoder reads, with the prompt as the output's beginning");
  generate_command->callback(
      [&context, arguments, prompt] { generate(context, *arguments, prompt->count() > 0); });
  auto* chat_command =
      app.add_subcommand("chat", "Talks with a model: every line of standard input is answered");
  add_shared_options(*chat_command, *arguments);
  chat_command->add_option("--system", arguments->system, "What the model is told beforehand");
  chat_command->callback([&context, arguments] { chat(context, *arguments); });
}

}  // namespace trellis::experiments
