#include "gui/explanation.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text/parse_json.hpp"

extern char** environ;

namespace trellis::gui {
namespace {

constexpr std::size_t most_output = std::size_t{256} << 20U;

struct Output {
  std::string out;
  std::string error;
  bool done = false;  ///< ended by itself with code 0
};

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
    close_read();
    close_write();
  }
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_read() { close_end(0); }
  void close_write() { close_end(1); }

 private:
  void close_end(std::size_t end) {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }
  std::array<int, 2> ends_ = {-1, -1};
};

/// Reads what is there; false at the end.
bool read_some(int file, std::string& text) {
  std::array<char, 65536> buffer;
  const auto size = ::read(file, buffer.data(), buffer.size());
  if (size <= 0) return false;
  text.append(buffer.data(), static_cast<std::size_t>(size));
  return text.size() < most_output;
}

Output run(const std::vector<std::string>& arguments, const std::function<bool()>& cancelled) {
  Pipe out;
  Pipe error;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write_end(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error.write_end(), STDERR_FILENO);
  std::vector<char*> pointers;
  for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  pid_t child = 0;
  const int code =
      posix_spawn(&child, arguments[0].c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    throw Error(Fault::missing, arguments[0] + ": cannot be started; build the target trellis");
  }
  out.close_write();
  error.close_write();
  Output output;
  std::array<pollfd, 2> files = {pollfd{out.read_end(), POLLIN, 0},
                                 pollfd{error.read_end(), POLLIN, 0}};
  while (files[0].fd >= 0 || files[1].fd >= 0) {
    if (cancelled()) {
      ::kill(child, SIGKILL);
      break;
    }
    if (::poll(files.data(), files.size(), 100) <= 0) continue;
    if (files[0].revents != 0 && !read_some(files[0].fd, output.out)) files[0].fd = -1;
    if (files[1].revents != 0 && !read_some(files[1].fd, output.error)) files[1].fd = -1;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  output.done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return output;
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto at = text.rfind('\n');
  return at == std::string::npos ? text : text.substr(at + 1);
}

/// One head, [queries, keys].
AttentionMap map_of(const nlohmann::json& rows) {
  AttentionMap map;
  map.queries = rows.size();
  map.keys = rows.empty() ? 0 : rows[0].size();
  for (const auto& row : rows) {
    const auto values = row.get<std::vector<float>>();
    if (values.size() != map.keys) throw Error(Fault::bad_data, "explain: attention rows differ");
    map.weights.insert(map.weights.end(), values.begin(), values.end());
  }
  return map;
}

std::vector<std::string> texts_of(const nlohmann::json& tokens) {
  std::vector<std::string> texts;
  for (const auto& token : tokens) texts.push_back(token.at("text").get<std::string>());
  return texts;
}

}  // namespace

Attention attention_from(const nlohmann::json& json) {
  Attention attention;
  try {
    attention.source_tokens = texts_of(json.at("encoder"));
    attention.tokens = texts_of(json.at("decoder"));
    // What is fed is the prompt and all that is judged but its last.
    const auto judged = json.at("judged").size();
    if (judged == 0 || judged > attention.tokens.size() + 1) {
      throw Error(Fault::bad_data, "explain: judges other tokens than it was fed");
    }
    attention.prompt = attention.tokens.size() + 1 - judged;
    for (const auto& entry : json.at("attention")) {
      std::int32_t head = 0;
      for (const auto& weights : entry.at("weights")) {
        attention.maps.push_back(map_of(weights));
        attention.maps.back().kind = entry.at("kind").get<std::string>();
        attention.maps.back().layer = entry.at("layer").get<std::int32_t>();
        attention.maps.back().head = head++;
      }
    }
    if (attention.maps.empty()) attention.problem = "This model shows no attention.";
  } catch (const nlohmann::json::exception& error) {
    throw Error(Fault::bad_data, std::string("explain: unexpected answer: ") + error.what());
  }
  return attention;
}

AttentionSource explain_with(std::filesystem::path program, std::filesystem::path database) {
  return [program = std::move(program), database = std::move(database)](
             const Wish& wish, const std::function<bool()>& cancelled) {
    Attention attention;
    try {
      std::vector<std::string> words = {program.string(), "explain", database.string(), "--json"};
      const auto pass = [&](const char* flag, std::string value) {
        words.emplace_back(flag);
        words.push_back(std::move(value));
      };
      if (!wish.experiment.empty()) pass("--experiment", wish.experiment);
      pass("--trial", wish.attention_of);
      pass("--example", std::to_string(wish.example_index));
      pass("--sample", std::to_string(wish.sample_index));
      const auto output = run(words, cancelled);
      if (output.done) return attention_from(parse_json(output.out));
      attention.problem =
          output.error.empty() ? "the model's process died" : last_line(output.error);
    } catch (const std::exception& error) {
      attention.problem = error.what();
    }
    return attention;
  };
}

}  // namespace trellis::gui
