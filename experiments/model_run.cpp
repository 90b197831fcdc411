#include "experiments/model_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <utility>

#include "experiments/environment.hpp"
#include "experiments/trial_metrics.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;

constexpr std::size_t kSampleBatch = 64;
constexpr std::size_t kPointBatch = 16;

std::optional<double> optional_number(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::string ending_text(const Ending& ending) {
  if (ending.signal) {
    return fmt::format("the worker was killed by signal {} ({})", *ending.signal,
                       strsignal(*ending.signal));
  }
  return fmt::format("the worker ended with exit code {} before its work was done",
                     ending.exit_code);
}

// What a sweep delivered, what it cost, and what was shared.
std::string sweep_text(const storage::SweepTotals& totals) {
  const auto computed = totals.prompt_tokens + totals.computed_tokens;
  const auto saved = totals.prompt_tokens_saved + totals.computed_tokens_saved;
  const double shared =
      saved == 0 ? 0 : 100 * static_cast<double>(saved) / static_cast<double>(computed + saved);
  const auto memory = totals.peak_state_bytes
                          ? fmt::format(", {} of state", size_text(*totals.peak_state_bytes))
                          : std::string();
  return fmt::format(
      "{} trial{} in {}: {} tokens delivered, {} computed and {} saved ({:.0f} % shared: {} of "
      "prompts, {} after them), at most {} states{}",
      totals.trials, totals.trials == 1 ? "" : "s", duration_text(totals.seconds),
      count_text(totals.delivered_tokens), count_text(computed), count_text(saved), shared,
      count_text(totals.prompt_tokens_saved), count_text(totals.computed_tokens_saved),
      count_text(totals.peak_states), memory);
}

}  // namespace

bool is_trained(const RunContext& context, std::size_t model) {
  const auto& planned = context.plan.models[model];
  return context.store.model_is_ready(planned.record.id) && std::filesystem::exists(planned.folder);
}

ModelRun::ModelRun(RunContext& context, std::size_t model,
                   const std::vector<std::size_t>& open_trials, int place)
    : context_(context), model_(model), place_(place), only_trains_(open_trials.empty()) {
  for (const auto index : open_trials) {
    const auto& id = context_.plan.trials[index].record.id;
    order_.push_back(id);
    open_[id] = {index, context_.store.stored_samples(id).size(), false, {}};
  }
}

std::string ModelRun::name_of(std::size_t trial) const {
  const auto& planned = context_.plan.trials[trial];
  return fmt::format("{} × {} · {}", model().record.label, planned.record.strategy_label,
                     context_.plan.tasks[planned.task].label);
}

ModelRun::OpenTrial& ModelRun::open_trial(const std::string& id) {
  const auto found = open_.find(id);
  if (found == open_.end()) {
    throw Error(Fault::plugin,
                fmt::format("the worker spoke of trial {}, which it was not given", id));
  }
  return found->second;
}

std::vector<std::size_t> ModelRun::needs() const {
  std::vector<std::size_t> models = {model_};
  if (model().base) models.push_back(*model().base);
  for (const auto& [id, trial] : open_) {
    const auto& draft = context_.plan.trials[trial.index].draft_model;
    if (draft) models.push_back(*draft);
  }
  return models;
}

bool ModelRun::start() {
  if (order_.empty() && (!only_trains_ || std::exchange(begun_to_train_, true))) return false;
  stage_.clear();
  running_.clear();
  job_trials_ = order_;
  failure_message_.clear();
  sent_nonsense_ = false;
  failure_is_cancellation_ = false;
  ended_ = false;
  process_ = std::make_unique<WorkerProcess>(context_.options.program, to_line(make_job()),
                                             context_.options.memory_bytes);
  last_sign_of_life_ = monotonic_seconds();
  polls_ = 0;
  return true;
}

Job ModelRun::make_job() {
  const auto& options = context_.config.options;
  Job job;
  job.kind = "model";
  job.plugin_folders = context_.options.plugin_folders;
  job.threads = context_.options.threads;
  auto& work = job.model;
  work.model = {model().record.plugin, model().record.settings};
  work.folder = model().folder.string();
  work.train = !model().given && !is_trained(context_, model_);
  work.training_task = model().training_task;
  work.seed = model().record.seed;
  for (std::size_t task = 0; task < context_.plan.tasks.size(); ++task) {
    work.tasks.push_back(context_.plan.task_for(model(), task));
  }
  work.together = together_;
  work.limit = static_cast<std::uint64_t>(options.limit);
  work.max_new_tokens = static_cast<std::uint64_t>(options.max_new_tokens);
  work.batch_size = static_cast<std::uint64_t>(options.batch_size);
  work.state_memory = context_.options.state_memory;
  work.top_alternatives = static_cast<std::uint64_t>(options.top_alternatives);
  for (const auto& id : order_) {
    const auto& planned = context_.plan.trials[open_trial(id).index];
    TrialJob trial{id,
                   planned.task,
                   planned.strategy,
                   planned.processors,
                   planned.draft,
                   planned.record.seed,
                   planned.stream,
                   planned.samples,
                   context_.store.stored_samples(id)};
    open_trial(id).stored = trial.done.size();
    work.trials.push_back(std::move(trial));
  }
  return job;
}

void ModelRun::read(double now) {
  process_->read_errors();
  if (const auto polls = process_->polls(); polls != polls_) {
    polls_ = polls;
    last_sign_of_life_ = now;
  }
  for (const auto& line : process_->read_events()) {
    last_sign_of_life_ = now;
    try {
      handle(event_from(line));
    } catch (const json::exception& exception) {
      sent_nonsense_ = true;
      throw Error(Fault::plugin,
                  fmt::format("the worker sent a malformed event: {}", exception.what()));
    } catch (const Error& error) {
      sent_nonsense_ = error.fault() == Fault::plugin;
      throw;
    }
  }
}

void ModelRun::handle(const json& event) {
  const auto& kind = event.at("event").get_ref<const std::string&>();
  if (kind == "stage") on_stage(event);
  if (kind == "training_point") on_training_point(event.at("point"));
  if (kind == "model") on_model(event);
  if (kind == "sample") on_sample(event);
  if (kind == "sample_failed") on_sample_failed(event);
  if (kind == "progress") show_trials(event.at("tokens").get<double>());
  if (kind == "trial_done") on_trial_done(event);
  if (kind == "sweep") on_sweep(event);
  if (kind == "trial_failed") {
    flush();
    fail_trial(event.at("trial"), event.at("stage"), event.at("message"), std::nullopt);
  }
  if (kind == "failed") {
    failure_message_ = event.at("message").get<std::string>();
    failure_is_cancellation_ = event.at("fault") == static_cast<int>(Fault::cancelled);
  }
  if (kind == "end") ended_ = true;
}

void ModelRun::on_stage(const json& event) {
  stage_ = event.at("stage").get<std::string>();
  if (stage_ == "train") {
    training_run_ = context_.store.begin_training(model().record.id);
    context_.progress.begin(
        place_, fmt::format("{} · {}: training", model().record.label, model().record.task_label),
        std::nullopt, 0);
  } else if (stage_ == "load") {
    context_.progress.begin(place_, fmt::format("{}: loading", model().record.label), std::nullopt,
                            0);
  } else {
    begin_trials(event.at("trials").get<std::vector<std::string>>());
  }
}

void ModelRun::begin_trials(std::vector<std::string> ids) {
  flush();
  double expected = 0;
  for (const auto& id : ids) {
    const auto& planned = context_.plan.trials[open_trial(id).index];
    context_.store.set_status(id, storage::TrialStatus::running);
    expected += static_cast<double>(planned.record.expected_samples);
  }
  running_ = std::move(ids);
  begun_ = monotonic_seconds();
  context_.progress.begin(place_, name_of_running(), expected,
                          static_cast<double>(stored_of_running()));
}

// One trial by its name, several by what they have in common.
std::string ModelRun::name_of_running() {
  const auto first = open_trial(running_.front()).index;
  if (running_.size() == 1) return name_of(first);
  return fmt::format("{} · {}: {} trials", model().record.label,
                     context_.plan.tasks[context_.plan.trials[first].task].label, running_.size());
}

std::uint64_t ModelRun::stored_of_running() {
  std::uint64_t stored = 0;
  for (const auto& id : running_) stored += open_trial(id).stored;
  return stored;
}

void ModelRun::on_training_point(const json& point) {
  storage::TrainingPoint stored;
  stored.step = point.at("step").get<std::uint64_t>();
  stored.split = point.at("split").get<std::string>();
  stored.tokens = point.value("tokens", std::uint64_t{0});
  stored.seconds = point.value("seconds", 0.0);
  stored.loss = optional_number(point, "loss").value_or(std::nan(""));
  stored.learning_rate = optional_number(point, "learning_rate");
  stored.gradient_norm = optional_number(point, "gradient_norm");
  stored.expert_use = point.value("expert_use", json());
  training_seconds_ = stored.seconds;
  const double speed = stored.seconds > 0 ? static_cast<double>(stored.tokens) / stored.seconds : 0;
  context_.progress.update(place_, static_cast<double>(stored.step),
                           optional_number(point, "steps"),
                           fmt::format("{} loss {:.3f}  {} tokens/s", stored.split, stored.loss,
                                       count_text(static_cast<std::uint64_t>(speed))));
  points_.push_back(std::move(stored));
  if (points_.size() >= kPointBatch) flush();
}

void ModelRun::on_model(const json& event) {
  flush();
  end_training("done");
  const auto& description = event.at("description");
  context_.store.put_model_result(model().record.id,
                                  {description.value("parameters", std::uint64_t{0}),
                                   description.value("weights_hash", ""), description});
  if (event.at("trained").get<bool>()) {
    context_.progress.say(
        fmt::format("{} · {}: trained in {}, {} parameters", model().record.label,
                    model().record.task_label, duration_text(event.at("seconds").get<double>()),
                    count_text(description.value("parameters", std::uint64_t{0}))));
  }
}

void ModelRun::on_sample(const json& event) {
  const auto id = event.at("trial").get<std::string>();
  auto& trial = open_trial(id);
  auto& waiting = samples_[id];
  waiting.push_back(sample_from_json(event.at("sample")));
  ++trial.stored;
  if (waiting.size() >= kSampleBatch) flush();
}

void ModelRun::on_sample_failed(const json& event) {
  const auto id = event.at("trial").get<std::string>();
  open_trial(id).had_failures = true;
  context_.store.put_failure({id, std::nullopt, "generate", event.at("message"), std::nullopt,
                              event.at("example_id").get<std::string>(), ""});
}

void ModelRun::show_trials(double tokens) {
  if (running_.empty()) return;
  const double seconds = monotonic_seconds() - begun_;
  context_.progress.update(
      place_, static_cast<double>(stored_of_running()), std::nullopt,
      fmt::format("samples  {} tokens/s",
                  count_text(static_cast<std::uint64_t>(seconds > 0 ? tokens / seconds : 0))));
}

void ModelRun::on_trial_done(const json& event) {
  flush();
  const auto id = event.at("trial").get<std::string>();
  auto& trial = open_trial(id);
  const auto& planned = context_.plan.trials[trial.index];
  auto totals = totals_from_json(event.at("totals"));
  // What an interrupted run had made already counts too.
  const auto before = context_.reader.trial_totals(id);
  totals.prompt_tokens += before.prompt_tokens;
  totals.delivered_tokens += before.delivered_tokens;
  totals.computed_tokens += before.computed_tokens;
  totals.seconds += before.seconds;
  context_.store.put_trial_totals(id, totals);
  context_.store.put_trial_metrics(
      id, trial_metrics(context_.reader, id, context_.plan.tasks[planned.task].metrics, totals,
                        trial.stored));
  const bool complete = trial.stored == planned.record.expected_samples && !trial.had_failures;
  if (!complete && !trial.had_failures) {
    context_.store.put_failure(
        {id, std::nullopt, "generate",
         fmt::format("{} of {} samples were made", trial.stored, planned.record.expected_samples),
         std::nullopt, std::nullopt, process_->standard_error()});
  }
  context_.progress.say(fmt::format("{}: {} samples in {}{}", name_of(trial.index),
                                    count_text(trial.stored), duration_text(totals.seconds),
                                    complete ? "" : ", some failed"));
  close_trial(id, complete);
}

void ModelRun::on_sweep(const json& event) {
  const auto totals = sweep_from_json(event.at("totals"));
  const auto& task = context_.plan.tasks.at(event.at("task").get<std::size_t>());
  context_.store.put_sweep(model().record.id, task.id, totals);
  context_.progress.say(
      fmt::format("{} · {}: {}", model().record.label, task.label, sweep_text(totals)));
}

// By value: the caller may name it by what is erased here.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
void ModelRun::close_trial(std::string id, bool good) {
  context_.store.set_status(id, good ? storage::TrialStatus::done : storage::TrialStatus::failed);
  ++(good ? context_.summary.done : context_.summary.failed);
  std::erase(order_, id);
  open_.erase(id);
  std::erase(running_, id);
}

void ModelRun::fail_trial(const std::string& id, const std::string& stage,
                          const std::string& message, std::optional<int> signal) {
  const auto name = name_of(open_trial(id).index);
  context_.store.put_failure(
      {id, std::nullopt, stage, message, signal, std::nullopt, process_->standard_error()});
  context_.progress.say(fmt::format("{}: failed: {}", name, message));
  close_trial(id, false);
}

// Without a model none of its trials can go on.
void ModelRun::fail_rest(std::string message, std::optional<int> signal) {
  if (stage_ == "load" && !model().given) {
    message += fmt::format("; to train it anew, delete {}", model().folder.string());
  }
  context_.store.put_failure({std::nullopt, model().record.id, stage_.empty() ? "load" : stage_,
                              message, signal, std::nullopt, process_->standard_error()});
  context_.progress.say(fmt::format("{}: failed to {}: {}", model().record.label,
                                    stage_.empty() ? "start" : stage_, message));
  while (!order_.empty()) close_trial(order_.front(), false);
}

void ModelRun::end_training(const char* status) {
  if (training_run_) context_.store.end_training(*training_run_, status, training_seconds_);
  training_run_.reset();
}

void ModelRun::flush() {
  if (!points_.empty() && training_run_) {
    context_.store.put_training_points(*training_run_, points_);
  }
  points_.clear();
  for (const auto& [id, samples] : samples_) context_.store.put_samples(id, samples);
  samples_.clear();
}

// The trial whose plugins ran last: a worker at work on one trial has no other to blame. Of a
// worker that went on after it sent nonsense the mark says nothing.
std::optional<std::string> ModelRun::find_culprit() const {
  const auto mark = sent_nonsense_ ? 0 : process_->mark();
  if (mark > 0 && mark <= job_trials_.size()) {
    const auto& id = job_trials_[mark - 1];
    if (std::find(running_.begin(), running_.end(), id) != running_.end()) return id;
  }
  if (running_.size() == 1) return running_.front();
  return std::nullopt;
}

void ModelRun::conclude(const std::string& killed_because, bool cancelled) {
  const auto ending = process_->wait();
  flush();
  end_training(cancelled ? "cancelled" : "failed");
  if (!(ended_ && ending.exit_code == 0 && !ending.signal) && !cancelled &&
      !failure_is_cancellation_) {
    const auto message = !killed_because.empty()     ? killed_because
                         : !failure_message_.empty() ? failure_message_
                                                     : ending_text(ending);
    if (running_.empty()) {
      fail_rest(message, ending.signal);
    } else if (const auto culprit = find_culprit()) {
      fail_trial(*culprit, stage_, message, ending.signal);
    } else {
      context_.progress.say(
          fmt::format("{}: {}; they go on one by one", name_of_running(), message));
      together_ = false;
    }
  } else if (ended_) {
    // A worker that says it is done has spoken of every trial.
    while (!order_.empty()) {
      fail_trial(order_.front(), "generate", "the worker never came to it", std::nullopt);
    }
  }
  context_.progress.end(place_);
  process_.reset();
}

}  // namespace trellis::experiments
