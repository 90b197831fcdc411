#include "experiments/worker.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <limits>

#include "core/kernels/targets.hpp"
#include "core/plugin/task.hpp"
#include "core/text/json.hpp"
#include "experiments/task_data.hpp"

namespace trellis::experiments {
namespace {

using nlohmann::json;

// A signal handler can reach nothing but a global.
std::atomic<bool> stop_requested{false};

struct HostFacts {
  int threads = 1;
  SharedWords* shared = nullptr;
};

trellis_host host_services(HostFacts& facts) {
  return {sizeof(trellis_host),
          TRELLIS_ABI_MAJOR,
          TRELLIS_ABI_MINOR,
          &facts,
          [](void*, std::int32_t level, const char* message, std::size_t size) {
            static constexpr std::array kNames = {"debug", "information", "warning", "error"};
            std::cerr << kNames.at(static_cast<std::size_t>(std::clamp(level, 0, 3))) << ": "
                      << std::string_view(message, size) << std::endl;
          },
          [](void* context) -> std::int32_t {
            ++static_cast<HostFacts*>(context)->shared->polls;
            return stop_requested ? 1 : 0;
          },
          [](void* context) -> std::int32_t { return static_cast<HostFacts*>(context)->threads; }};
}

void send_line(const json& event) {
  const auto line = write_json(event) + '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const auto count = write(kEventDescriptor, line.data() + sent, line.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) _exit(1);  // the host is gone: nobody is left to work for
    sent += static_cast<std::size_t>(count);
  }
}

// A model takes and gives back the same large tensors at every step. By default each of them is
// new memory from the kernel, which clears it page by page.
void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

// The kernels' instructions are chosen once for the process, plugins included.
void use_named_vectors() {
  const char* name = std::getenv(kVectorTargetVariable);
  if (name == nullptr) return;
  try {
    kernels::use_vector_target(name);
  } catch (const Error& error) {
    throw Error(error.fault(), fmt::format("{}: {}", kVectorTargetVariable, error.what()));
  }
}

// Words that nobody reads where the host shares no memory, as when a person starts the worker.
SharedWords& shared_words() {
  static SharedWords unread{};
  void* memory =
      mmap(nullptr, sizeof(SharedWords), PROT_READ | PROT_WRITE, MAP_SHARED, kSharedDescriptor, 0);
  return memory == MAP_FAILED ? unread : *static_cast<SharedWords*>(memory);
}

}  // namespace

int worker_main() {
  std::signal(SIGPIPE, SIG_IGN);
  // Threads that wait by spinning take the processors from those that work, as soon as there are
  // more threads than processors. Read when a plugin loads its OpenMP library.
  setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
  keep_freed_memory();
  std::signal(SIGTERM, [](int) { stop_requested = true; });
  HostFacts facts;
  facts.shared = &shared_words();
  const auto host = host_services(facts);
  try {
    std::string line;
    std::getline(std::cin, line);
    const auto job = job_from(line);
    facts.threads = job.threads;
    use_named_vectors();
    plugin::Registry registry(job.plugin_folders, host);
    const WorkerContext context{registry, send_line, [] { return stop_requested.load(); },
                                [&facts](std::uint32_t value) { facts.shared->mark = value; },
                                static_cast<std::size_t>(std::max(job.threads, 1))};
    if (job.kind == "survey") run_survey(context, job.survey);
    if (job.kind == "model") run_model(context, job.model);
    if (job.kind == "score") run_score(context, job.score);
    send_line({{"event", "end"}});
    return 0;
  } catch (const Error& error) {
    send_line({{"event", "failed"},
               {"fault", static_cast<int>(error.fault())},
               {"message", error.what()}});
  } catch (const std::exception& exception) {
    send_line({{"event", "failed"},
               {"fault", static_cast<int>(Fault::environment)},
               {"message", exception.what()}});
  }
  return 1;
}

void run_survey(const WorkerContext& context, const SurveyJob& job) {
  for (std::size_t i = 0; i < job.tasks.size(); ++i) {
    try {
      auto task =
          plugin::Task::create(context.registry, job.tasks[i].plugin, job.tasks[i].settings);
      context.send({{"event", "task"}, {"index", i}, {"facts", facts_to_json(survey(task, job))}});
    } catch (const Error& error) {
      context.send({{"event", "problem"}, {"index", i}, {"message", error.what()}});
    }
  }
}

}  // namespace trellis::experiments
