#include "plugins/tasks/code/sandbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <iterator>
#include <sstream>

#include "trellis/sdk/failure.hpp"

namespace trellis::tasks {
namespace {

constexpr uid_t kNobody = 65534;
constexpr int kNoBubblewrap = 126;  // our child's exit code when it could not start bwrap
constexpr int kStatus = 3;          // where bwrap tells of the program's end; closed inside

constexpr const char* kWalls =
    "bwrap --unshare-all --die-with-parent --new-session --clearenv --cap-drop ALL "
    "--json-status-fd 3 "
    "--ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 "
    "--symlink usr/bin /bin --symlink usr/sbin /sbin "
    "--proc /proc --dev /dev --remount-ro /dev "
    "--size 16777216 --tmpfs /tmp --remount-ro / "
    "--chdir /tmp --setenv PATH /usr/bin --";

// The limit of processes is set inside: outside it would count all that the user runs.
std::vector<std::string> wrap(const std::vector<std::string>& command,
                              const SandboxLimits& limits) {
  if (!limits.walls) return command;
  std::istringstream walls(kWalls);
  std::vector<std::string> all{std::istream_iterator<std::string>(walls), {}};
  const auto processes = limits.processes + 1;  // and bwrap's own
  all.insert(all.end(), {"/usr/bin/prlimit", fmt::format("--nproc={}", processes), "--"});
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

void limit(__rlimit_resource resource, std::uint64_t value) {
  const rlimit both{value, value};
  setrlimit(resource, &both);
}

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become_sandbox(char* const* arguments, int input, int output, int status,
                                 const SandboxLimits& limits) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, static_cast<std::uint64_t>(std::ceil(limits.seconds)));
  limit(RLIMIT_AS, limits.memory_mb << 20);
  limit(RLIMIT_FSIZE, limits.output_kb << 10);
  if (geteuid() == 0) {
    // Root has no limit of processes, and more rights than a program should find.
    if (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) {
      _exit(kNoBubblewrap);
    }
  }
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  if (status == kStatus) {
    fcntl(kStatus, F_SETFD, 0);
  } else {
    dup2(status, kStatus);
  }
  close_range(kStatus + 1, ~0U, 0);
  execvp(arguments[0], arguments);
  _exit(kNoBubblewrap);
}

int input_descriptor(const std::string& input) {
  const int descriptor = memfd_create("trellis-input", MFD_CLOEXEC);
  std::size_t written = 0;
  while (descriptor >= 0 && written < input.size()) {
    const auto count = write(descriptor, input.data() + written, input.size() - written);
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  if (descriptor < 0 || written < input.size()) {
    throw sdk::Failure(TRELLIS_INTERNAL, "cannot hand a program to the sandbox");
  }
  lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

// Reads until the program ends, speaks too much, or its time is over.
void read_output(int descriptor, const SandboxLimits& limits, SandboxResult& result) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration<double>(limits.seconds);
  std::array<char, 4096> buffer;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      result.timed_out = true;
      return;
    }
    pollfd waiting{descriptor, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;
    const auto count = read(descriptor, buffer.data(), buffer.size());
    if (count == 0 || (count < 0 && errno != EINTR)) return;
    if (count > 0) result.output.append(buffer.data(), static_cast<std::size_t>(count));
    if (result.output.size() > limits.output_kb << 10) {
      result.too_much_output = true;
      return;
    }
  }
}

// What is in the pipe already: its writers are dead.
std::string read_rest(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer;
  while (true) {
    const auto count = read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

// A program cannot feign this: bwrap itself tells of the program's end, on a pipe of its own.
void check_walls(const SandboxResult& result, bool was_killed, const std::string& status) {
  if (was_killed || status.find("\"exit-code\"") != std::string::npos) return;
  if (result.exit_code == kNoBubblewrap) {
    throw sdk::Failure(TRELLIS_UNSUPPORTED,
                       "programs are only run inside bubblewrap, which cannot be started: install "
                       "Debian's package bubblewrap");
  }
  throw sdk::Failure(TRELLIS_UNSUPPORTED,
                     fmt::format("bubblewrap cannot build its walls here ({}): allow user "
                                 "namespaces (sysctl kernel.unprivileged_userns_clone=1, or a "
                                 "container's seccomp profile)",
                                 result.output.substr(0, result.output.find('\n'))));
}

// Its ends are closed with it.
struct Pipe {
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0) {
      throw sdk::Failure(TRELLIS_INTERNAL, "cannot open a pipe to the sandbox");
    }
  }
  ~Pipe() {
    close(ends[0]);
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends[0]; }
  int writer() const { return ends[1]; }
  void close_writer() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }

  int ends[2];
};

}  // namespace

SandboxResult run_in_sandbox(const std::vector<std::string>& command, const std::string& input,
                             const SandboxLimits& limits) {
  auto words = wrap(command, limits);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  Pipe output;
  Pipe status;
  const int input_file = input_descriptor(input);
  const pid_t child = fork();
  if (child == 0) {
    become_sandbox(arguments.data(), input_file, output.writer(), status.writer(), limits);
  }
  close(input_file);
  output.close_writer();
  status.close_writer();
  if (child < 0) {
    throw sdk::Failure(TRELLIS_INTERNAL, "cannot start a process for the sandbox");
  }
  SandboxResult result;
  read_output(output.reader(), limits, result);
  // Its init dies with it, and with the init everything inside.
  kill(-child, SIGKILL);
  kill(child, SIGKILL);
  int ending = 0;
  while (waitpid(child, &ending, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFSIGNALED(ending) ? 128 + WTERMSIG(ending) : WEXITSTATUS(ending);
  if (limits.walls) check_walls(result, WIFSIGNALED(ending), read_rest(status.reader()));
  return result;
}

}  // namespace trellis::tasks
