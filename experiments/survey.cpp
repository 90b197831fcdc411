#include "experiments/survey.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <cstring>

#include "experiments/config_document.hpp"
#include "experiments/environment.hpp"
#include "experiments/worker_process.hpp"

namespace trellis::experiments {
namespace {

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of('\n');
  if (end == std::string::npos) return {};
  const auto begin = text.find_last_of('\n', end);
  return text.substr(begin + 1, end - begin);
}

/// Where in the config the setting stands that a message begins with ("task qa: prompt = ...").
Position place_of_setting(const TaskSpec& task, const std::string& message) {
  const auto told = message.find(": ");
  const auto begin = told == std::string::npos ? 0 : told + 2;
  for (const auto& [name, position] : task.places) {
    const auto rest = std::string_view(message).substr(begin);
    if (!rest.starts_with(name)) continue;
    const auto behind = rest.substr(name.size());
    if (behind.starts_with(" = ") || behind.starts_with(": ")) return position;
  }
  return task.position;
}

}  // namespace

std::string run_worker(const Job& job, const WorkerOptions& options,
                       const StopRequests& stop_requests,
                       const std::function<void(const nlohmann::json&)>& on_event) {
  WorkerProcess process(options.program, to_line(job), options.memory_bytes);
  double last_sign_of_life = monotonic_seconds();
  std::uint32_t polls = 0;
  std::string failure;
  bool ended = false;
  constexpr int poll_milliseconds = 50;
  while (process.open()) {
    pollfd descriptors[] = {{process.event_descriptor(), POLLIN, 0},
                            {process.error_descriptor(), POLLIN, 0}};
    poll(descriptors, 2, poll_milliseconds);
    if (stop_requests() > 0) throw Error(Fault::cancelled, "stopped");
    process.read_errors();
    try {
      const auto lines = process.read_events();
      const auto polls_now = process.polls();
      if (!lines.empty() || polls_now != polls) last_sign_of_life = monotonic_seconds();
      polls = polls_now;
      for (const auto& line : lines) {
        const auto event = event_from(line);
        if (event.at("event") == "end") ended = true;
        if (event.at("event") == "failed") failure = event.at("message").get<std::string>();
        on_event(event);
      }
    } catch (const nlohmann::json::exception& exception) {
      return fmt::format("the worker sent a malformed event: {}", exception.what());
    } catch (const Error& error) {
      if (error.fault() != Fault::plugin) throw;
      return error.what();
    }
    if (monotonic_seconds() - last_sign_of_life > options.timeout_seconds) {
      return fmt::format("gave no sign of life for {:g} s and was killed", options.timeout_seconds);
    }
  }
  const auto ending = process.wait();
  if (ended) return {};
  if (failure.empty()) {
    failure = ending.signal ? fmt::format("was killed by signal {} ({})", *ending.signal,
                                          strsignal(*ending.signal))
                            : fmt::format("ended with exit code {}", ending.exit_code);
    if (const auto line = last_line(process.standard_error()); !line.empty()) {
      failure += ": " + line;
    }
  }
  return failure;
}

std::vector<TaskFacts> survey_tasks(const Config& config, const WorkerOptions& options,
                                    const StopRequests& stop_requests) {
  std::vector<TaskFacts> all;
  Problems problems(config.path);
  for (const auto& task : config.tasks) {
    Job job;
    job.kind = "survey";
    job.plugin_folders = options.plugin_folders;
    job.survey.tasks.push_back({task.plugin, task.settings});
    job.survey.groups = config.words;
    job.survey.overlap_words = static_cast<std::uint64_t>(config.options.contamination_words);
    TaskFacts facts;
    const auto failure = run_worker(job, options, stop_requests, [&](const auto& event) {
      if (event.at("event") == "task") facts = facts_from_json(event.at("facts"));
      if (event.at("event") == "problem") {
        const auto message = event.at("message").template get<std::string>();
        problems.add(place_of_setting(task, message), message);
      }
    });
    if (!failure.empty()) facts.failure = fmt::format("task {}: {}", task.label, failure);
    if (failure.empty() && facts.test == 0 && problems.count() == 0) {
      problems.add(task.position, fmt::format("task {}: has no test data", task.label));
    }
    all.push_back(std::move(facts));
  }
  problems.throw_if_any();
  return all;
}

}  // namespace trellis::experiments
