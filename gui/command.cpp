#include "gui/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.hpp"

extern char** environ;

namespace trellis::gui {
namespace {

constexpr std::size_t most_output = std::size_t{256} << 20U;
constexpr int look_every = 100;  // milliseconds

/// A pipe whose ends are closed with it.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) {
      throw Error(Fault::environment, "no pipe can be made; close some programs");
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_write() { close_end(1); }

 private:
  void close_end(std::size_t end) {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }
  std::array<int, 2> ends_ = {-1, -1};
};

/// How a program is started: its three standard files, and whether it leaves this session.
class Start {
 public:
  Start() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  Start(const Start&) = delete;
  Start& operator=(const Start&) = delete;
  ~Start() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  void output_to(int out, int error) {
    posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, error, STDERR_FILENO);
  }
  void in_new_session() { posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID); }

  pid_t operator()(const std::vector<std::string>& words) const {
    std::vector<char*> pointers;
    for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    pid_t child = 0;
    const int code =
        posix_spawn(&child, words[0].c_str(), &actions_, &attributes_, pointers.data(), environ);
    if (code != 0) {
      throw Error(Fault::missing, words[0] + ": cannot be started (" + std::strerror(code) +
                                      "); build the target trellis");
    }
    return child;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// Reads what is there; false at the end.
bool read_some(int file, std::string& text) {
  std::array<char, 65536> buffer;
  const auto size = ::read(file, buffer.data(), buffer.size());
  if (size <= 0) return false;
  text.append(buffer.data(), static_cast<std::size_t>(size));
  return text.size() < most_output;
}

}  // namespace

CommandOutput run_command(const std::vector<std::string>& words,
                          const std::function<bool()>& cancelled) {
  Pipe out;
  Pipe error;
  Start start;
  start.output_to(out.write_end(), error.write_end());
  const pid_t child = start(words);
  out.close_write();
  error.close_write();
  CommandOutput output;
  std::array<pollfd, 2> files = {pollfd{out.read_end(), POLLIN, 0},
                                 pollfd{error.read_end(), POLLIN, 0}};
  while (files[0].fd >= 0 || files[1].fd >= 0) {
    if (cancelled()) {
      ::kill(child, SIGKILL);
      break;
    }
    if (::poll(files.data(), files.size(), look_every) <= 0) continue;
    if (files[0].revents != 0 && !read_some(files[0].fd, output.out)) files[0].fd = -1;
    if (files[1].revents != 0 && !read_some(files[1].fd, output.error)) files[1].fd = -1;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) output.exit_code = WEXITSTATUS(status);
  return output;
}

pid_t start_command(const std::vector<std::string>& words, const std::filesystem::path& log) {
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) {
    throw Error(Fault::environment, log.string() + ": cannot be written (" + std::strerror(errno) +
                                        "); give write permission");
  }
  try {
    Start start;
    start.output_to(file, file);
    start.in_new_session();
    const pid_t child = start(words);
    ::close(file);
    return child;
  } catch (...) {
    ::close(file);
    throw;
  }
}

std::string_view last_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const auto at = text.rfind('\n');
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

}  // namespace trellis::gui
