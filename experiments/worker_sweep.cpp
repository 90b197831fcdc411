#include "experiments/worker_sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "core/metrics/calibration.hpp"
#include "core/metrics/exposure.hpp"
#include "core/metrics/ratios.hpp"
#include "experiments/environment.hpp"
#include "experiments/make_arm.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;

constexpr std::size_t kScoreBatch = 32;
constexpr double kProgressSeconds = 0.2;
constexpr std::size_t kDefaultNewTokens = 128;  // where neither config nor task says

storage::MetricValue stored(const metrics::SampleValue& value) {
  return {value.value, value.statistics};
}

std::uint64_t rounded(double value) {
  return static_cast<std::uint64_t>(std::llround(value));
}

// How sure the model was of the reference's tokens, and how the output's compare. Of masked places
// there are no guesses.
void add_guesses(storage::SampleRecord& record, const std::vector<decode::Guess>& guesses,
                 const decode::Generation& generation) {
  if (guesses.empty()) return;
  std::vector<double> confidences;
  std::vector<std::uint8_t> forced;
  std::vector<std::uint8_t> free;
  for (const auto& guess : guesses) {
    confidences.push_back(guess.confidence);
    forced.push_back(guess.right ? 1 : 0);
    const auto place = free.size();
    const bool same =
        place < generation.tokens.size() && generation.tokens[place].token == guess.target;
    free.push_back(same ? 1 : 0);
  }
  record.metrics["calibration_error"] = stored(metrics::calibration_error(confidences, forced));
  // Where an output was cut off, nothing is known of what would have stood there.
  if (generation.finish == decode::Finish::length) {
    const auto places = std::min(free.size(), generation.tokens.size());
    forced.resize(places);
    free.resize(places);
  }
  record.metrics["exposure_gap"] = stored(metrics::exposure_gap(forced, free));
}

// A reference that was cut says nothing that compares with models that saw all of it.
void add_likelihood(storage::SampleRecord& record, const decode::Likelihood& likelihood,
                    const decode::Generation& generation) {
  if (!likelihood.complete) {
    record.details["likelihood"] = "undefined: the reference is longer than the model's context";
    return;
  }
  const auto sum = likelihood.negative_log_likelihood;
  const std::string prefix = likelihood.pseudo ? "pseudo_" : "";
  record.metrics[prefix + "perplexity"] = stored(metrics::perplexity(sum, likelihood.tokens));
  record.metrics[prefix + "bits_per_byte"] = stored(metrics::bits_per_byte(sum, likelihood.bytes));
  add_guesses(record, likelihood.guesses, generation);
}

// Of strategies that propose tokens before they are certain.
void add_acceptance(storage::SampleRecord& record, const decode::Generation& generation) {
  if (generation.proposed_tokens == 0) return;
  record.metrics["draft_acceptance"] =
      stored(metrics::draft_acceptance(generation.accepted_tokens, generation.proposed_tokens));
}

}  // namespace

Sweep::Sweep(const WorkerContext& context, const ModelJob& job, plugin::Model& model,
             LoadedTask& task, Drafts& drafts, std::vector<TrialJob*>& trials)
    : context_(context), job_(job), model_(model), task_(task), drafts_(drafts), trials_(trials) {}

void Sweep::run() {
  make_arms();
  make_requests();
  mark(std::nullopt);
  compute_likelihoods();
  const auto totals = generate();
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) score(arm);
  send_totals(totals);
  trials_.clear();
}

// A trial whose strategy cannot be made fails; the others go on.
void Sweep::make_arms() {
  for (std::size_t i = 0; i < trials_.size();) {
    try {
      mark(i);
      const TrialJob& trial = *trials_[i];
      auto arm = make_arm(context_.registry, model_, trial.strategy, trial.processors);
      if (!trial.draft.path.empty()) arm.draft = &drafts_.get(trial.draft, model_);
      arms_.push_back(std::move(arm));
      ++i;
    } catch (const Error& error) {
      context_.send({{"event", "trial_failed"},
                     {"trial", trials_[i]->id},
                     {"stage", "generate"},
                     {"message", error.what()}});
      trials_.erase(trials_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  unscored_.resize(arms_.size());
}

// Example by example, so that all trials are at work on the same prompts.
void Sweep::make_requests() {
  for (std::size_t i = 0; i < task_.examples.size(); ++i) {
    const auto& example = task_.examples[i];
    const auto before = requests_.size();
    for (std::size_t arm = 0; arm < trials_.size(); ++arm) {
      const auto& trial = *trials_[arm];
      for (std::uint32_t sample = 0; sample < trial.samples; ++sample) {
        if (!std::binary_search(trial.done.begin(), trial.done.end(), std::pair(i, sample))) {
          requests_.push_back({prompts_.size(), arm, sample, trial.seed, trial.stream});
        }
      }
    }
    if (requests_.size() == before) continue;
    decode::Prompt prompt{i, example.source, example.prefix, example.stop, kDefaultNewTokens};
    if (example.max_new_tokens > 0) prompt.max_new_tokens = example.max_new_tokens;
    if (job_.max_new_tokens > 0) prompt.max_new_tokens = job_.max_new_tokens;
    prompts_.push_back(std::move(prompt));
  }
  if (job_.shuffle != 0) {
    // By hand: what the standard library's shuffle does with a seed is its own affair.
    std::mt19937_64 engine(job_.shuffle);
    for (std::size_t i = requests_.size(); i > 1; --i) {
      std::swap(requests_[i - 1], requests_[engine() % i]);
    }
  }
}

// How the model expects the first reference; the same for every strategy, so computed once.
void Sweep::compute_likelihoods() {
  if (!task_.task.likelihood()) return;
  std::vector<std::uint64_t> indices;
  std::vector<decode::LikelihoodRequest> requests;
  for (const auto& prompt : prompts_) {
    const auto& example = task_.examples[prompt.example];
    if (example.references.empty() || task_.likelihoods.contains(prompt.example)) continue;
    indices.push_back(prompt.example);
    requests.push_back(
        {example.source, example.prefix, example.references.front(), example.reference_ends});
  }
  const auto answers = decode::likelihoods(model_, requests, job_.batch_size, context_.cancelled);
  for (std::size_t i = 0; i < indices.size(); ++i) task_.likelihoods[indices[i]] = answers[i];
}

decode::GenerateTotals Sweep::generate() {
  double last_progress = 0;
  decode::GenerateEvents events;
  events.on_arm = [&](std::optional<std::size_t> arm) { mark(arm); };
  events.on_generation = [&](decode::Generation generation) {
    const auto arm = requests_[generation.request].arm;
    unscored_[arm].push_back(std::move(generation));
    if (unscored_[arm].size() >= kScoreBatch) score(arm);
  };
  events.on_failure = [&](const decode::GenerateFailure& failure) {
    context_.send({{"event", "sample_failed"},
                   {"trial", trial_of(failure.request).id},
                   {"example_id", task_.examples[example_of(failure.request)].id},
                   {"message", failure.message}});
  };
  events.on_progress = [&](std::uint64_t tokens) {
    if (monotonic_seconds() - last_progress < kProgressSeconds) return;
    last_progress = monotonic_seconds();
    context_.send({{"event", "progress"}, {"tokens", tokens}});
  };
  events.cancelled = context_.cancelled;
  decode::GenerateOptions options;
  options.max_batch = job_.batch_size;
  options.top_alternatives = job_.top_alternatives;
  options.share = job_.share;
  options.state_memory = job_.state_memory;
  options.threads = context_.threads;
  // Scoring goes on in between, but takes none of the time of generation.
  const auto clock = [&] { return monotonic_seconds() - scoring_seconds_; };
  return decode::generate(model_, arms_, prompts_, requests_, options, events, clock);
}

std::uint64_t Sweep::example_of(std::size_t request) const {
  return prompts_[requests_[request].prompt].example;
}

TrialJob& Sweep::trial_of(std::size_t request) const {
  return *trials_[requests_[request].arm];
}

void Sweep::score(std::size_t arm) {
  const auto generations = std::exchange(unscored_[arm], {});
  if (generations.empty()) return;
  const double begin = monotonic_seconds();
  mark(arm);
  auto& trial = *trials_[arm];
  std::vector<plugin::Example> examples;
  std::vector<plugin::Output> outputs;
  for (const auto& generation : generations) {
    examples.push_back(task_.examples[example_of(generation.request)]);
    plugin::Output output{generation.text, std::string(decode::to_string(generation.finish)), {}};
    for (const auto& token : generation.tokens) output.tokens.push_back(token_text(token.token));
    outputs.push_back(std::move(output));
  }
  const auto scores = task_.task.score(examples, outputs);
  for (std::size_t i = 0; i < generations.size(); ++i) {
    auto record = record_of(generations[i], examples[i], outputs[i]);
    for (const auto& [name, value] : scores[i].metrics) record.metrics[name] = stored(value);
    record.details = scores[i].details;
    const auto found = task_.likelihoods.find(record.example_index);
    if (found != task_.likelihoods.end()) add_likelihood(record, found->second, generations[i]);
    add_acceptance(record, generations[i]);
    record.expert_use = expert_use(examples[i], generations[i]);
    context_.send({{"event", "sample"}, {"trial", trial.id}, {"sample", sample_to_json(record)}});
    const std::pair made(record.example_index, record.sample_index);
    trial.done.insert(std::lower_bound(trial.done.begin(), trial.done.end(), made), made);
  }
  scoring_seconds_ += monotonic_seconds() - begin;
}

storage::SampleRecord Sweep::record_of(const decode::Generation& generation,
                                       const plugin::Example& example,
                                       const plugin::Output& output) {
  storage::SampleRecord record;
  record.example_index = example_of(generation.request);
  record.sample_index = requests_[generation.request].sample;
  record.example_id = example.id;
  record.source = example.source;
  record.prefix = example.prefix;
  record.output = generation.text;
  record.references = example.references;
  record.fields = example.fields;
  record.finish = output.finish;
  record.score = generation.score;
  record.seconds = generation.seconds;
  for (std::size_t t = 0; t < generation.tokens.size(); ++t) {
    const auto& token = generation.tokens[t];
    json alternatives = json::array();
    for (const auto& alternative : token.alternatives) {
      alternatives.push_back({token_text(alternative.token), alternative.log_probability});
    }
    record.tokens.push_back({token.token, output.tokens[t], token.log_probability, token.entropy,
                             token.rank, std::move(alternatives)});
  }
  return record;
}

// The model reads the finished text once more, alone: what it computed on the way there depends on
// what else was under way, and a search computes more than it keeps.
json Sweep::expert_use(const plugin::Example& example, const decode::Generation& generation) {
  if (generation.tokens.empty() || !has_experts_) return {};
  auto [encoder, decoder] = model_.encode_prompt(example.source, example.prefix);
  for (const auto& token : generation.tokens) decoder.push_back(token.token);
  decoder.pop_back();  // nothing was read after the last one
  json layers = json::array();
  for (const auto& use : model_.expert_use(encoder, decoder)) {
    layers.push_back({{"layer", use.layer}, {"tokens", use.tokens}});
  }
  has_experts_ = !layers.empty();
  return has_experts_ ? layers : json();
}

const std::string& Sweep::token_text(std::int32_t token) {
  const auto [found, fresh] = token_texts_.try_emplace(token);
  if (fresh) found->second = model_.token_text(token);
  return found->second;
}

// Alone, a trial answers for the model too.
void Sweep::mark(std::optional<std::size_t> arm) const {
  if (!arm && trials_.size() == 1) arm = 0;
  context_.mark(arm ? static_cast<std::uint32_t>(trials_[*arm]->place) + 1 : 0);
}

void Sweep::send_totals(const decode::GenerateTotals& totals) const {
  for (std::size_t arm = 0; arm < trials_.size(); ++arm) {
    const auto& part = totals.arms[arm];
    context_.send({{"event", "trial_done"},
                   {"trial", trials_[arm]->id},
                   {"totals", totals_to_json({rounded(part.prompt_tokens), part.delivered_tokens,
                                              rounded(part.computed_tokens), part.seconds})}});
  }
  context_.send(
      {{"event", "sweep"},
       {"task", trials_.empty() ? 0 : trials_.front()->task},
       {"totals", sweep_to_json({trials_.size(), requests_.size(), totals.prompt_tokens,
                                 totals.prompt_tokens_saved, totals.delivered_tokens,
                                 totals.computed_tokens, totals.computed_tokens_saved,
                                 totals.peak_states, totals.seconds, totals.peak_state_bytes})}});
}

}  // namespace trellis::experiments
