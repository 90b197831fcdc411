// The walls of the code sandbox, tried from inside. Where this system cannot build them, each test
// asserts the one line that says so instead.
#include "plugins/tasks/code/sandbox.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <thread>

#include "trellis/sdk/failure.hpp"

namespace trellis::tests {
namespace {

using tasks::run_in_sandbox;
using tasks::SandboxLimits;
using tasks::SandboxResult;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr SandboxLimits kLimits{.seconds = 20, .memory_mb = 256, .processes = 8, .output_kb = 16};

// Nothing when the sandbox cannot be built here.
std::optional<SandboxResult> run(const std::string& program, const SandboxLimits& limits = kLimits,
                                 const std::string& argument = "x") {
  try {
    return run_in_sandbox({"/usr/bin/python3", "-I", "-c", program, argument}, "", limits);
  } catch (const sdk::Failure& failure) {
    EXPECT_EQ(failure.status(), TRELLIS_UNSUPPORTED);
    EXPECT_THAT(failure.what(),
                AllOf(HasSubstr("bubblewrap"), HasSubstr(": "), Not(HasSubstr("\n"))));
    return std::nullopt;
  }
}

// Of an orderly program.
void expect_output(const std::string& program, const std::string& expected) {
  const auto result = run(program);
  if (!result) return;
  EXPECT_EQ(result->exit_code, 0);
  EXPECT_EQ(result->output, expected);
}

bool any_process_has(const std::string& argument) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    if (line.find(argument) != std::string::npos) return true;
  }
  return false;
}

std::string fresh_name() {
  return "trellis-sandbox-" + std::to_string(std::random_device{}());
}

TEST(Sandbox, RunsAProgramWithItsInput) {
  try {
    const auto result = run_in_sandbox({"/usr/bin/python3", "-I", "-"}, "print(6 * 7)", kLimits);
    EXPECT_EQ(result.output, "42\n");
    EXPECT_EQ(result.exit_code, 0);
  } catch (const sdk::Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("bubblewrap"));
  }
}

TEST(Sandbox, TakesNoExitCodeOrOutputForItsOwnFailure) {
  for (const int code : {1, 126, 127}) {
    const auto result = run(fmt::format("import sys; print('bwrap: no'); sys.exit({})", code));
    if (!result) return;
    EXPECT_EQ(result->exit_code, code);
    EXPECT_EQ(result->output, "bwrap: no\n");
  }
}

TEST(Sandbox, EndsAnEndlessLoop) {
  auto limits = kLimits;
  limits.seconds = 1;
  for (const auto* program : {"while True: pass", "import time; time.sleep(1000)"}) {
    const auto result = run(program, limits);
    if (!result) return;
    EXPECT_TRUE(result->timed_out || result->exit_code == 128 + SIGXCPU ||
                result->exit_code == 128 + SIGKILL)
        << result->exit_code;
  }
}

TEST(Sandbox, EndsEndlessOutput) {
  const auto result = run("while True: print('x' * 1000)");
  if (!result) return;
  EXPECT_TRUE(result->too_much_output);
  EXPECT_LE(result->output.size(), (kLimits.output_kb << 10) + 4096);  // one more read
}

TEST(Sandbox, LimitsMemory) {
  const auto result = run("x = bytearray(1 << 30)");
  if (!result) return;
  EXPECT_EQ(result->exit_code, 1);
  EXPECT_THAT(result->output, EndsWith("MemoryError\n"));
}

TEST(Sandbox, SurvivesDeepRecursion) {
  const auto plain = run("def f(): f()\nf()");
  if (!plain) return;
  EXPECT_EQ(plain->exit_code, 1);
  EXPECT_THAT(plain->output, HasSubstr("RecursionError"));
  const auto unlimited =
      run("import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): return repr(F())\n"
          "class F:\n  def __repr__(self): return f()\nf()");
  EXPECT_NE(unlimited->exit_code, 0);
  EXPECT_FALSE(unlimited->timed_out);
}

TEST(Sandbox, LimitsProcesses) {
  expect_output(R"(
import os, time
count = 0
try:
    while count < 1000:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
except BlockingIOError:
    print(count)
)",
                fmt::format("{}\n", kLimits.processes - 1));  // itself is one
}

TEST(Sandbox, LeavesNothingOfAForkBomb) {
  auto limits = kLimits;
  limits.seconds = 1;
  const auto name = fresh_name();
  const auto result =
      run("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass", limits, name);
  if (!result) return;
  EXPECT_NE(result->exit_code, 0);
  // The kernel ends a namespace of processes a little after its first process.
  for (int i = 0; i < 500 && any_process_has(name); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_FALSE(any_process_has(name));
}

TEST(Sandbox, CountsOnlyItsOwnProcesses) {
  std::vector<pid_t> sleepers;
  for (std::uint64_t i = 0; i < 3 * kLimits.processes; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      if (geteuid() == 0 && setuid(65534) != 0) _exit(1);  // whom the sandbox becomes
      pause();
      _exit(0);
    }
    sleepers.push_back(child);
  }
  expect_output("print('there')", "there\n");
  for (const auto child : sleepers) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
}

TEST(Sandbox, HasNoNetwork) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  expect_output(fmt::format(R"(
import socket
print([name for _, name in socket.if_nameindex()])
for host, port in (("127.0.0.1", {}), ("192.0.2.1", 80), ("example.org", 80)):
    try:
        socket.create_connection((host, port), 5)
        print("connected to", host)
    except OSError:
        pass
)",
                            ntohs(address.sin_port)),
                "['lo']\n");
  close(listener);
}

TEST(Sandbox, CannotWriteOutsideItsTmp) {
  expect_output(R"(
import os
for folder in ("/", "/usr", "/usr/bin", "/dev", "/dev/shm", "/proc", "/etc", "/home", "/var"):
    try:
        open(os.path.join(folder, "trellis"), "w").close()
        print("wrote below", folder)
    except OSError:
        pass
for call in (lambda: os.remove("/usr/bin/python3"), lambda: os.chmod("/usr", 0o777),
             lambda: os.setuid(0), lambda: os.chroot("/tmp"), lambda: os.mknod("/tmp/disk", 0o60600)):
    try:
        call()
        print("did what it must not")
    except OSError:
        pass
print(sorted(os.listdir("/")))
)",
                "['bin', 'dev', 'lib', 'lib64', 'proc', 'sbin', 'tmp', 'usr']\n");
}

TEST(Sandbox, HasATmpOfItsOwn) {
  const auto name = fresh_name();
  const auto outside = std::filesystem::temp_directory_path() / name;
  std::ofstream(outside) << "secret";
  for (int i = 0; i < 2; ++i) {  // the second finds nothing of the first either
    expect_output("import os; print(os.listdir('/tmp')); open('/tmp/mine', 'w')", "[]\n");
  }
  std::filesystem::remove(outside);
  EXPECT_FALSE(std::filesystem::exists("/tmp/mine"));
}

TEST(Sandbox, LimitsFiles) {
  expect_output(R"(
try:
    with open("/tmp/big", "wb") as out: out.write(bytes(1 << 20))
    print("wrote a megabyte")
except OSError:
    pass
count = 0
try:
    while count < 10000:
        with open(f"/tmp/{count}", "wb") as out: out.write(bytes(1 << 13))
        count += 1
except OSError:
    pass
print(count < (16 << 20 >> 13))
)",
                "True\n");
}

TEST(Sandbox, SeesNeitherEnvironmentNorProcessesNorFiles) {
  setenv("TRELLIS_SECRET", "secret", 1);
  const int secret = open("/etc/passwd", O_RDONLY);  // without O_CLOEXEC
  expect_output(R"(
import os
print(sorted(set(os.environ) - {"LC_CTYPE"}))
print(len([name for name in os.listdir("/proc") if name.isdigit()]) <= 3)
print(len(os.listdir("/proc/self/fd")))
)",
                // Standard input, output, error, and the listed folder itself.
                "['PATH', 'PWD']\nTrue\n4\n");
  close(secret);
  unsetenv("TRELLIS_SECRET");
}

TEST(Sandbox, SaysInOneLineWhyItCannotBeBuilt) {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / fresh_name();
  std::filesystem::create_directory(folder);
  const std::string path = getenv("PATH");
  setenv("PATH", folder.c_str(), 1);
  const auto message = [] {
    try {
      run_in_sandbox({"/usr/bin/python3"}, "", kLimits);
    } catch (const sdk::Failure& failure) {
      EXPECT_EQ(failure.status(), TRELLIS_UNSUPPORTED);
      return std::string(failure.what());
    }
    return std::string();
  };
  EXPECT_THAT(message(), EndsWith("install Debian's package bubblewrap"));
  std::ofstream(folder / "bwrap")
      << "#!/bin/sh\necho 'bwrap: No permissions to create new namespace'"
         "\nexit 1\n";
  std::filesystem::permissions(folder / "bwrap", std::filesystem::perms(0755));
  EXPECT_THAT(message(),
              AllOf(StartsWith("bubblewrap cannot build its walls here (bwrap: No permissions to "
                               "create new namespace): allow user namespaces"),
                    Not(HasSubstr("\n"))));
  setenv("PATH", path.c_str(), 1);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace trellis::tests
