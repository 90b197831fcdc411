#include "experiments/worker_sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <utility>

#include "core/metrics/calibration.hpp"
#include "core/metrics/expert_use.hpp"
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
constexpr std::size_t kPortion = 8;             // conversations at once, in full batches
constexpr std::size_t kMostTurns = 1000;

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
void add_acceptance(storage::SampleRecord& record, const Conversation& conversation) {
  std::uint64_t accepted = 0;
  std::uint64_t proposed = 0;
  for (const auto& turn : conversation.turns) {
    accepted += turn.accepted_tokens;
    proposed += turn.proposed_tokens;
  }
  if (proposed == 0) return;
  record.metrics["draft_acceptance"] = stored(metrics::draft_acceptance(accepted, proposed));
}

}  // namespace

Sweep::Sweep(const WorkerContext& context, const ModelJob& job, plugin::Model& model,
             LoadedTask& task, Drafts& drafts, std::vector<TrialJob*>& trials)
    : context_(context), job_(job), model_(model), task_(task), drafts_(drafts), trials_(trials) {}

void Sweep::run() {
  make_arms();
  choose_samples();
  mark(std::nullopt);
  compute_likelihoods();
  generate();
  send_totals();
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
  totals_.arms.resize(arms_.size());
}

// Example by example, so that all trials are at work on the same prompts.
void Sweep::choose_samples() {
  for (std::uint64_t example = 0; example < task_.examples.size(); ++example) {
    for (std::size_t arm = 0; arm < trials_.size(); ++arm) {
      const auto& trial = *trials_[arm];
      for (std::uint32_t sample = 0; sample < trial.samples; ++sample) {
        const std::pair made(example, sample);
        if (!std::binary_search(trial.done.begin(), trial.done.end(), made)) {
          samples_.push_back({example, arm, sample});
        }
      }
    }
  }
  if (job_.shuffle != 0) {
    // By hand: what the standard library's shuffle does with a seed is its own affair.
    std::mt19937_64 engine(job_.shuffle);
    for (std::size_t i = samples_.size(); i > 1; --i) {
      std::swap(samples_[i - 1], samples_[engine() % i]);
    }
  }
}

// How the model expects the first reference; the same for every strategy, so computed once.
void Sweep::compute_likelihoods() {
  if (!task_.task.likelihood()) return;
  std::set<std::uint64_t> indices;
  for (const auto& wanted : samples_) {
    if (task_.examples[wanted.example].references.empty()) continue;
    if (!task_.likelihoods.contains(wanted.example)) indices.insert(wanted.example);
  }
  std::vector<decode::LikelihoodRequest> requests;
  for (const auto index : indices) {
    const auto& example = task_.examples[index];
    requests.push_back(
        {example.source, example.prefix, example.references.front(), example.reference_ends});
  }
  const auto answers = decode::likelihoods(model_, requests, job_.batch_size, context_.cancelled);
  std::size_t place = 0;
  for (const auto index : indices) task_.likelihoods[index] = answers[place++];
}

// Turn by turn, all that are still talking together. Conversations are made in portions, so that
// some are whole and sent before others begin.
void Sweep::generate() {
  const std::size_t portion = task_.task.has_turns()
                                  ? kPortion * std::max<std::size_t>(job_.batch_size, 1)
                                  : samples_.size();
  for (std::size_t begin = 0; begin < samples_.size(); begin += portion) {
    Round round;
    for (std::size_t i = begin; i < std::min(begin + portion, samples_.size()); ++i) {
      add(round, i, example_of(i));
    }
    while (!round.requests.empty()) {
      make_round(round);
      round = next_round(round);
    }
    for (std::size_t arm = 0; arm < arms_.size(); ++arm) score(arm);
  }
}

void Sweep::add(Round& round, std::size_t sample, const plugin::Example& question) {
  const auto found = under_way_.find(sample);
  const std::size_t turn = found == under_way_.end() ? 0 : found->second.turns.size();
  const auto& wanted = samples_[sample];
  const auto& trial = *trials_[wanted.arm];
  decode::Prompt prompt{wanted.example, question.source,   question.prefix,
                        question.stop,  kDefaultNewTokens, static_cast<std::uint32_t>(turn)};
  if (question.max_new_tokens > 0) prompt.max_new_tokens = question.max_new_tokens;
  if (job_.max_new_tokens > 0) prompt.max_new_tokens = job_.max_new_tokens;
  round.add(sample, std::move(prompt), {0, wanted.arm, wanted.sample, trial.seed, trial.stream});
}

void Sweep::make_round(const Round& round) {
  decode::GenerateEvents events;
  events.on_arm = [&](std::optional<std::size_t> arm) { mark(arm); };
  events.on_generation = [&](decode::Generation generation) {
    const auto sample = round.samples[generation.request];
    take(std::move(generation), sample);
  };
  events.on_failure = [&](decode::GenerateFailure failure) {
    fail(round.samples[failure.request], std::move(failure.message));
  };
  events.on_progress = [&](std::uint64_t tokens) {
    if (monotonic_seconds() - last_progress_ < kProgressSeconds) return;
    last_progress_ = monotonic_seconds();
    context_.send({{"event", "progress"}, {"tokens", totals_.delivered_tokens + tokens}});
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
  add_totals(totals_, decode::generate(model_, arms_, round.prompts, round.requests, options,
                                       events, clock));
}

void Sweep::take(decode::Generation generation, std::size_t sample) {
  auto& conversation = under_way_[sample];
  conversation.sample = sample;
  conversation.turns.push_back(std::move(generation));
  if (!task_.task.has_turns()) conclude(sample);
}

// What those are asked that are still under way.
Round Sweep::next_round(const Round& round) {
  Round next;
  auto samples = round.samples;
  std::sort(samples.begin(), samples.end());
  for (const auto sample : samples) {
    if (!under_way_.contains(sample)) continue;
    std::optional<plugin::Example> question;
    try {
      question = ask_next(sample);
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      fail(sample, error.what());
      continue;
    }
    if (question) {
      add(next, sample, *question);
    } else {
      conclude(sample);
    }
  }
  return next;
}

std::optional<plugin::Example> Sweep::ask_next(std::size_t sample) {
  mark(samples_[sample].arm);
  const auto& conversation = under_way_.at(sample);
  auto next = task_.task.next_turn(example_of(sample), turns_of(conversation));
  if (next && conversation.turns.size() == kMostTurns) {
    throw Error(Fault::plugin, fmt::format("task next turn: has not ended the conversation after "
                                           "{} turns",
                                           kMostTurns));
  }
  return next;
}

void Sweep::fail(std::size_t sample, std::string message) {
  const auto turn = under_way_[sample].turns.size();
  under_way_.erase(sample);
  if (turn > 0) message = fmt::format("turn {}: {}", turn + 1, message);
  context_.send({{"event", "sample_failed"},
                 {"trial", trial_of(sample).id},
                 {"example_id", example_of(sample).id},
                 {"message", message}});
}

void Sweep::conclude(std::size_t sample) {
  const auto arm = samples_[sample].arm;
  unscored_[arm].push_back(std::move(under_way_.extract(sample).mapped()));
  if (unscored_[arm].size() >= kScoreBatch) score(arm);
}

const plugin::Example& Sweep::example_of(std::size_t sample) const {
  return task_.examples[samples_[sample].example];
}

TrialJob& Sweep::trial_of(std::size_t sample) const {
  return *trials_[samples_[sample].arm];
}

void Sweep::score(std::size_t arm) {
  const auto conversations = std::exchange(unscored_[arm], {});
  if (conversations.empty()) return;
  const double begin = monotonic_seconds();
  mark(arm);
  auto& trial = *trials_[arm];
  std::vector<plugin::Example> examples;
  std::vector<plugin::Output> outputs;
  for (const auto& conversation : conversations) {
    examples.push_back(example_of(conversation.sample));
    const auto finish = decode::to_string(conversation.turns.back().finish);
    plugin::Output output{transcript(conversation), std::string(finish), {}};
    if (task_.task.has_turns()) output.turns = turns_of(conversation);
    for (const auto& turn : conversation.turns) {
      for (const auto& token : turn.tokens) output.tokens.push_back(token_text(token.token));
    }
    outputs.push_back(std::move(output));
  }
  const auto scores = task_.task.score(examples, outputs);
  for (std::size_t i = 0; i < conversations.size(); ++i) {
    const auto& conversation = conversations[i];
    auto record = record_of(conversation, outputs[i]);
    for (const auto& [name, value] : scores[i].metrics) record.metrics[name] = stored(value);
    record.details = scores[i].details;
    if (task_.task.has_turns()) {
      record.details[plugin::kTurnsDetail] = plugin::turns_to_json(outputs[i].turns);
    }
    const auto found = task_.likelihoods.find(record.example_index);
    if (found != task_.likelihoods.end()) {
      add_likelihood(record, found->second, conversation.turns.front());
    }
    add_acceptance(record, conversation);
    add_expert_use(record, examples[i], conversation.turns.front());
    context_.send({{"event", "sample"}, {"trial", trial.id}, {"sample", sample_to_json(record)}});
    const std::pair made(record.example_index, record.sample_index);
    trial.done.insert(std::lower_bound(trial.done.begin(), trial.done.end(), made), made);
  }
  scoring_seconds_ += monotonic_seconds() - begin;
}

storage::SampleRecord Sweep::record_of(const Conversation& conversation,
                                       const plugin::Output& output) {
  const auto& wanted = samples_[conversation.sample];
  const auto& example = example_of(conversation.sample);
  storage::SampleRecord record;
  record.example_index = wanted.example;
  record.sample_index = wanted.sample;
  record.example_id = example.id;
  record.source = example.source;
  record.prefix = example.prefix;
  record.output = output.text;
  record.references = example.references;
  record.fields = example.fields;
  record.finish = output.finish;
  for (const auto& turn : conversation.turns) {
    record.score += turn.score;
    record.seconds += turn.seconds;
    for (const auto& token : turn.tokens) {
      json alternatives = json::array();
      for (const auto& alternative : token.alternatives) {
        alternatives.push_back({token_text(alternative.token), alternative.log_probability});
      }
      record.tokens.push_back({token.token, output.tokens[record.tokens.size()],
                               token.log_probability, token.entropy, token.rank,
                               std::move(alternatives)});
    }
  }
  return record;
}

// Which experts the output's tokens were made by: the model reads them once more.
void Sweep::add_expert_use(storage::SampleRecord& record, const plugin::Example& example,
                           const decode::Generation& generation) {
  if (!model_.facts().has_experts || generation.tokens.empty()) return;
  auto [encoder, decoder] = model_.encode_prompt(example.source, example.prefix);
  const std::size_t first = decoder.size() - 1;  // what the first token was made from
  for (const auto& token : generation.tokens) decoder.push_back(token.token);
  decoder.pop_back();
  for (const auto& map : model_.attention(encoder, decoder)) {
    if (map.kind != "experts") continue;
    std::vector<double> weights(map.keys);
    for (std::size_t query = first; query < map.queries; ++query) {
      const auto row = map.row(0, query);
      for (std::size_t expert = 0; expert < map.keys; ++expert) weights[expert] += row[expert];
    }
    record.metrics[fmt::format("{}{}", metrics::kExpertsPrefix, map.layer + 1)] =
        stored(metrics::expert_use(weights));
  }
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

void Sweep::send_totals() const {
  for (std::size_t arm = 0; arm < trials_.size(); ++arm) {
    const auto& part = totals_.arms[arm];
    context_.send({{"event", "trial_done"},
                   {"trial", trials_[arm]->id},
                   {"totals", totals_to_json({rounded(part.prompt_tokens), part.delivered_tokens,
                                              rounded(part.computed_tokens), part.seconds})}});
  }
  context_.send({{"event", "sweep"},
                 {"task", trials_.empty() ? 0 : trials_.front()->task},
                 {"totals", sweep_to_json({trials_.size(), samples_.size(), totals_.prompt_tokens,
                                           totals_.prompt_tokens_saved, totals_.delivered_tokens,
                                           totals_.computed_tokens, totals_.computed_tokens_saved,
                                           totals_.peak_states, totals_.seconds,
                                           totals_.peak_state_bytes})}});
}

}  // namespace trellis::experiments
