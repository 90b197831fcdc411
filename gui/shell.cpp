#include "gui/shell.hpp"

// GLFW and OpenGL before anything that includes them in another way.
#define GLFW_INCLUDE_NONE
#include <GL/gl.h>
#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_opengl3.h>
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "gui/fonts.hpp"
#include "gui/image.hpp"

namespace trellis::gui {
namespace {

constexpr float base_font_size = 16;
/// Frames after something happened: ImGui lays out what is new over a few.
constexpr int frames_after_event = 3;
/// While a text is edited its cursor blinks; otherwise the window may sleep this long.
constexpr double longest_sleep = 1.0;

[[noreturn]] void no_window(const std::string& why) {
  throw Error(
      Fault::environment,
      "gui: no window can be opened (" + why +
          "); `trellis report DATABASE` writes the same as a page, and `--png FILE` a view");
}

/// GLFW's own messages, of the last call that failed.
std::string glfw_problem() {
  const char* text = nullptr;
  return glfwGetError(&text) != GLFW_NO_ERROR && text != nullptr ? text : "no reason given";
}

class Window {
 public:
  Window() {
    if (glfwInit() == GLFW_FALSE) no_window(glfw_problem());
    glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 0);
    glfwWindowHint(GLFW_SCALE_TO_MONITOR, GLFW_TRUE);
    window_ = glfwCreateWindow(1400, 880, "Trellis", nullptr, nullptr);
    if (window_ == nullptr) {
      const auto why = glfw_problem();
      glfwTerminate();
      no_window(why);
    }
    glfwMakeContextCurrent(window_);
    glfwSwapInterval(1);
    IMGUI_CHECKVERSION();
    ImGui::CreateContext();
    ImGui::GetIO().IniFilename = nullptr;
    ImGui::GetIO().LogFilename = nullptr;
    ImGui_ImplGlfw_InitForOpenGL(window_, true);
    ImGui_ImplOpenGL3_Init("#version 130");
  }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  ~Window() {
    ImGui_ImplOpenGL3_Shutdown();
    ImGui_ImplGlfw_Shutdown();
    ImGui::DestroyContext();
    glfwDestroyWindow(window_);
    glfwTerminate();
  }
  GLFWwindow* get() const { return window_; }

  float scale() const {
    float x = 1;
    float y = 1;
    glfwGetWindowContentScale(window_, &x, &y);
    return std::clamp(x, 0.5F, 4.0F);
  }

 private:
  GLFWwindow* window_ = nullptr;
};

/// What happened to the window since the last frame. ImGui sees a key only if it is down while a
/// frame begins: one that went down and up in between is let go only after that frame.
class Events {
 public:
  /// ImGui's backend has put its callbacks in place, where it has any; they are called by these.
  explicit Events(GLFWwindow* window) : window_(window) {
    glfwSetWindowUserPointer(window, this);
    cursor_ = glfwSetCursorPosCallback(window, [](GLFWwindow* w, double x, double y) {
      if (of(w).cursor_ != nullptr) of(w).cursor_(w, x, y);
      of(w).wake();
    });
    button_ =
        glfwSetMouseButtonCallback(window, [](GLFWwindow* w, int which, int action, int mods) {
          if (of(w).button_ != nullptr) of(w).button_(w, which, action, mods);
          of(w).wake();
        });
    scroll_ = glfwSetScrollCallback(window, [](GLFWwindow* w, double x, double y) {
      if (of(w).scroll_ != nullptr) of(w).scroll_(w, x, y);
      of(w).wake();
    });
    key_ = glfwSetKeyCallback(window, [](GLFWwindow* w, int code, int scan, int action, int mods) {
      of(w).take({code, scan, action, mods});
      of(w).wake();
    });
    character_ = glfwSetCharCallback(window, [](GLFWwindow* w, unsigned int code) {
      if (of(w).character_ != nullptr) of(w).character_(w, code);
      of(w).wake();
    });
    glfwSetFramebufferSizeCallback(window, [](GLFWwindow* w, int, int) { of(w).wake(); });
    glfwSetWindowRefreshCallback(window, [](GLFWwindow* w) { of(w).wake(); });
  }

  /// Frames are to be drawn.
  void wake() { frames_left_ = frames_after_event; }
  bool due() const { return frames_left_ > 0; }

  /// Before each frame, after the backend: it asks for the modifiers as they are now.
  void hold_modifiers() const {
    auto& io = ImGui::GetIO();
    for (const auto& key : late_) {
      io.KeyCtrl |= key.code == GLFW_KEY_LEFT_CONTROL || key.code == GLFW_KEY_RIGHT_CONTROL;
      io.KeyShift |= key.code == GLFW_KEY_LEFT_SHIFT || key.code == GLFW_KEY_RIGHT_SHIFT;
      io.KeyAlt |= key.code == GLFW_KEY_LEFT_ALT || key.code == GLFW_KEY_RIGHT_ALT;
    }
  }

  /// After each frame.
  void end_frame() {
    --frames_left_;
    pressed_.clear();
    for (const auto& key : std::exchange(late_, {})) {
      pass_on(key);
      wake();
    }
  }

 private:
  struct Key {
    int code, scan, action, mods;
  };

  static Events& of(GLFWwindow* window) {
    return *static_cast<Events*>(glfwGetWindowUserPointer(window));
  }

  void take(const Key& key) {
    if (key.action == GLFW_PRESS) pressed_.push_back(key.code);
    const bool just_pressed = std::ranges::find(pressed_, key.code) != pressed_.end();
    // In their order: the key that Ctrl or Alt was held for is still down when they are let go.
    if (key.action == GLFW_RELEASE && (just_pressed || !late_.empty())) {
      late_.push_back(key);
    } else {
      pass_on(key);
    }
  }

  void pass_on(const Key& key) const {
    if (key_ != nullptr) key_(window_, key.code, key.scan, key.action, key.mods);
  }

  GLFWwindow* window_;
  int frames_left_ = frames_after_event;
  std::vector<int> pressed_;
  std::vector<Key> late_;
  GLFWcursorposfun cursor_ = nullptr;
  GLFWmousebuttonfun button_ = nullptr;
  GLFWscrollfun scroll_ = nullptr;
  GLFWkeyfun key_ = nullptr;
  GLFWcharfun character_ = nullptr;
};

/// A name that is not taken: DATABASE.leaderboard.png, DATABASE.leaderboard-2.png …
std::filesystem::path free_name(const std::filesystem::path& database, Screen screen,
                                const std::string& extension) {
  for (int number = 1;; ++number) {
    auto path = database;
    path.replace_extension(number > 1 ? fmt::format("{}-{}{}", to_string(screen), number, extension)
                                      : fmt::format("{}{}", to_string(screen), extension));
    if (!std::filesystem::exists(path)) return path;
  }
}

void fulfil(const Request& request, const std::filesystem::path& database, const Snapshot& snapshot,
            Dashboard& dashboard, RunControl& runs, GLFWwindow* window) {
  try {
    if (request.kind == Request::Kind::start_run) {
      runs.start(request.text);
      dashboard.tell("started; what it prints is in " + log_of(database).string());
      return;
    }
    if (request.kind == Request::Kind::resume_run) {
      if (snapshot.overview) runs.resume(snapshot.overview->experiment);
      dashboard.tell("resumed; what it prints is in " + log_of(database).string());
      return;
    }
    if (request.kind == Request::Kind::stop_run) {
      runs.stop();
      dashboard.tell("asked to stop; what is done is kept");
      return;
    }
    if (request.kind == Request::Kind::copy) {
      glfwSetClipboardString(window, request.text.c_str());
    } else if (request.kind == Request::Kind::quit) {
      glfwSetWindowShouldClose(window, GLFW_TRUE);
    } else if (request.kind == Request::Kind::save_png) {
      const auto path = free_name(database, dashboard.state().screen, ".png");
      write_png(rasterize(*ImGui::GetDrawData(), *ImGui::GetIO().Fonts,
                          ImGui::GetColorU32(ImGuiCol_WindowBg)),
                path);
      dashboard.tell("saved " + path.string());
    } else {
      const auto path = free_name(database, dashboard.state().screen, ".csv");
      std::ofstream file(path, std::ios::binary);
      file << request.text;
      if (!file.flush()) throw Error(Fault::environment, path.string() + ": cannot be written");
      dashboard.tell("saved " + path.string());
    }
  } catch (const Error& error) {
    dashboard.tell(error.what());
  }
}

void render(const Window& window) {
  ImGui::Render();
  int width = 0;
  int height = 0;
  glfwGetFramebufferSize(window.get(), &width, &height);
  glViewport(0, 0, width, height);
  const auto ground = ImGui::GetStyleColorVec4(ImGuiCol_WindowBg);
  glClearColor(ground.x, ground.y, ground.z, 1);
  glClear(GL_COLOR_BUFFER_BIT);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  glfwSwapBuffers(window.get());
}

}  // namespace

void run_window(const std::filesystem::path& database, Dashboard& dashboard,
                const TrellisCommands& commands, RunControl& runs) {
  const Window window;
  // Before the worker ends, no callback may reach GLFW any more: it is destroyed first.
  SnapshotWorker worker(database, commands, [] { glfwPostEmptyEvent(); });
  Events events(window.get());
  Fonts fonts;
  float font_size = 0;
  std::shared_ptr<const CharacterSet> characters;
  std::shared_ptr<const Snapshot> shown;
  while (glfwWindowShouldClose(window.get()) == GLFW_FALSE) {
    if (events.due()) {
      glfwPollEvents();
    } else {
      glfwWaitEventsTimeout(longest_sleep);
      if (ImGui::GetIO().WantTextInput) events.wake();
    }
    auto snapshot = worker.snapshot();
    if (const auto ending = runs.take_ending(); !ending.empty()) {
      dashboard.tell(ending);
      events.wake();
    }
    if (snapshot != shown) events.wake();
    if (!events.due()) continue;
    shown = snapshot;
    const float wanted = base_font_size * window.scale();
    if (wanted != font_size || snapshot->characters != characters) {
      font_size = wanted;
      characters = snapshot->characters;
      fonts.build(*ImGui::GetIO().Fonts, font_size, characters ? *characters : CharacterSet());
      dashboard.set_font_size(font_size);
      ImGui_ImplOpenGL3_DestroyFontsTexture();
      ImGui_ImplOpenGL3_CreateFontsTexture();
      if (!fonts.problem().empty()) dashboard.tell(fonts.problem());
    }
    ImGui_ImplOpenGL3_NewFrame();
    ImGui_ImplGlfw_NewFrame();
    events.hold_modifiers();
    ImGui::NewFrame();
    dashboard.draw(*snapshot);
    render(window);
    worker.set_wish(dashboard.wish(*snapshot));
    for (auto& annotation : dashboard.take_annotations()) worker.annotate(std::move(annotation));
    for (const auto& request : dashboard.take_requests()) {
      fulfil(request, database, *snapshot, dashboard, runs, window.get());
      events.wake();
    }
    events.end_frame();
  }
}

}  // namespace trellis::gui
