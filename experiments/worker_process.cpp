#include "experiments/worker_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/error.hpp"
#include "experiments/protocol.hpp"

namespace trellis::experiments {
namespace {

constexpr std::size_t kErrorTail = 8192;  // bytes of standard error that are kept
constexpr std::size_t kMostAtOnce = std::size_t{1} << 20U;
constexpr std::size_t kLongestEvent = std::size_t{256} << 20U;
constexpr int kEndingMilliseconds = 10'000;  // that a worker may take after its last event

// Sanitizers reserve terabytes of addresses at the start: under a limit no worker could begin.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsMemory = false;
#else
constexpr bool kLimitsMemory = true;
#endif

[[noreturn]] void fail(const char* what) {
  throw Error(Fault::environment,
              fmt::format("cannot start a worker: {}: {}", what, std::strerror(errno)));
}

// The job as a file in memory: a pipe could fill up before the worker reads it.
int descriptor_with(const std::string& content) {
  const int descriptor = memfd_create("trellis-job", MFD_CLOEXEC);
  if (descriptor < 0) fail("memfd_create");
  for (std::size_t written = 0; written < content.size();) {
    const auto count = write(descriptor, content.data() + written, content.size() - written);
    if (count <= 0) fail("write");
    written += static_cast<std::size_t>(count);
  }
  lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

int shared_words(SharedWords*& words) {
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
  const int descriptor = memfd_create("trellis-shared", MFD_CLOEXEC);
  if (descriptor < 0 || ftruncate(descriptor, sizeof *words) != 0) fail("memfd_create");
  void* memory = mmap(nullptr, sizeof *words, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) fail("mmap");
  words = static_cast<SharedWords*>(memory);
  return descriptor;
}

// Everything here runs between fork and exec: only calls that are safe after a fork.
[[noreturn]] void become_worker(const char* program, int job, int events, int errors, int shared,
                                std::uint64_t memory_bytes, pid_t host) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != host) _exit(1);
  // A worker that takes all memory goes before the host does.
  const int adjust = open("/proc/self/oom_score_adj", O_WRONLY);
  if (adjust >= 0 && write(adjust, "500", 3) < 0) _exit(1);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (kLimitsMemory && memory_bytes > 0) {
    const rlimit memory{memory_bytes, memory_bytes};
    setrlimit(RLIMIT_AS, &memory);
  }
  // Move all out of the way first: a source may lie where another one must go.
  const int job_copy = fcntl(job, F_DUPFD, 10);
  const int events_copy = fcntl(events, F_DUPFD, 10);
  const int errors_copy = fcntl(errors, F_DUPFD, 10);
  const int shared_copy = fcntl(shared, F_DUPFD, 10);
  dup2(job_copy, STDIN_FILENO);
  dup2(errors_copy, STDOUT_FILENO);
  dup2(errors_copy, STDERR_FILENO);
  dup2(events_copy, kEventDescriptor);
  dup2(shared_copy, kSharedDescriptor);
  for (int descriptor = kSharedDescriptor + 1; descriptor < 256; ++descriptor) close(descriptor);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execl(program, program, "worker", static_cast<char*>(nullptr));
  _exit(127);
}

// Reads all there is, but no more than a part of what a plugin may write without end; false at the
// end.
template <typename Use>
bool drain(int descriptor, Use&& use) {
  std::array<char, 65536> buffer;
  for (std::size_t total = 0; total < kMostAtOnce;) {
    const auto count = read(descriptor, buffer.data(), buffer.size());
    if (count > 0) {
      use(buffer.data(), static_cast<std::size_t>(count));
      total += static_cast<std::size_t>(count);
    } else if (count == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN || errno == EWOULDBLOCK;
    }
  }
  return true;
}

}  // namespace

WorkerProcess::WorkerProcess(const std::filesystem::path& program, const std::string& job,
                             std::uint64_t memory_bytes) {
  const int job_descriptor = descriptor_with(job);
  int events[2];
  int errors[2];
  if (pipe2(events, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0) fail("pipe2");
  const int shared = shared_words(shared_);
  const pid_t host = getpid();
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    become_worker(program.c_str(), job_descriptor, events[1], errors[1], shared, memory_bytes,
                  host);
  }
  setpgid(pid_, pid_);  // whoever comes first, so that kill() always finds the group
  close(job_descriptor);
  close(shared);
  close(events[1]);
  close(errors[1]);
  events_ = events[0];
  errors_ = errors[0];
  fcntl(events_, F_SETFL, O_NONBLOCK);
  fcntl(errors_, F_SETFL, O_NONBLOCK);
}

WorkerProcess::~WorkerProcess() {
  if (pid_ > 0) {
    kill();
    wait();
  }
  close(events_);
  close(errors_);
  munmap(shared_, sizeof *shared_);
}

std::vector<std::string> WorkerProcess::read_events() {
  open_ =
      drain(events_, [&](const char* data, std::size_t size) { event_buffer_.append(data, size); });
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = event_buffer_.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    lines.push_back(event_buffer_.substr(begin, end - begin));
  }
  event_buffer_.erase(0, begin);
  if (event_buffer_.size() > kLongestEvent) {
    throw Error(Fault::plugin, "the worker sent an event without end");
  }
  return lines;
}

void WorkerProcess::read_errors() {
  drain(errors_, [&](const char* data, std::size_t size) {
    error_tail_.append(data, size);
    if (error_tail_.size() > 2 * kErrorTail) {
      error_tail_.erase(0, error_tail_.size() - kErrorTail);
      const auto line = error_tail_.find('\n');
      if (line != std::string::npos) error_tail_.erase(0, line + 1);
    }
  });
}

void WorkerProcess::ask_to_stop() {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
}

void WorkerProcess::kill() {
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

Ending WorkerProcess::wait() {
  constexpr int kStep = 5;
  int status = 0;
  for (int waited = 0; pid_ > 0; waited += kStep) {
    const auto ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno != EINTR)) break;
    // A plugin may have closed the events and go on, or hang while it is destroyed.
    if (waited > kEndingMilliseconds) kill();
    poll(nullptr, 0, kStep);
  }
  pid_ = -1;
  read_errors();
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), std::nullopt};
}

}  // namespace trellis::experiments
