#include "core/text/lines.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "core/text/json.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// "path:line:column: what", the column counted in characters from 1.
[[noreturn]] void fail(const std::filesystem::path& path, std::size_t line, std::size_t column,
                       const std::string& what) {
  throw Error(Fault::bad_data, path.string() + ":" + std::to_string(line) + ":" +
                                   std::to_string(column) + ": " + what);
}

/// Column of a byte of a line whose bytes before it are valid UTF-8.
std::size_t column_of(std::string_view line, std::size_t byte) {
  return split_code_points(line.substr(0, byte)).size() + 1;
}

std::string hexadecimal(unsigned char byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  return {'0', 'x', digits[byte >> 4], digits[byte & 15]};
}

void check_utf8(const std::filesystem::path& path, std::size_t number, std::string_view line) {
  const auto invalid = find_invalid_utf8(line);
  if (!invalid) return;
  fail(path, number, column_of(line, *invalid),
       "invalid UTF-8 (byte " + hexadecimal(static_cast<unsigned char>(line[*invalid])) +
           "); convert the file to UTF-8");
}

/// Pieces of a plain or compressed file, in order.
class Source {
 public:
  explicit Source(const std::filesystem::path& path) : path_(path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
      throw Error(Fault::missing, path.string() + ": is a folder; name a file in it");
    }
    errno = 0;
    file_.reset(gzopen(path.c_str(), "rb"));
    if (!file_) {
      throw Error(Fault::missing, path.string() + ": cannot be opened: " +
                                      (errno != 0 ? std::strerror(errno) : "out of memory"));
    }
    gzbuffer(file_.get(), 1 << 17);
  }

  /// The next piece; empty at the end. `line` is where a fault is reported.
  std::string_view next(std::size_t line) {
    const int size = gzread(file_.get(), buffer_.data(), static_cast<unsigned>(buffer_.size()));
    if (first_ && path_.extension() == ".gz" && gzdirect(file_.get()) != 0) {
      fail(path_, 1, 1, "is named .gz but holds no gzip data; fetch it again or rename it");
    }
    first_ = false;
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    // A file cut off in the middle reads as a short last piece and Z_BUF_ERROR.
    if (code == Z_ERRNO) {
      throw Error(Fault::environment, path_.string() + ": cannot be read: " + std::strerror(errno));
    }
    if (size < 0 || code < 0) {
      const std::string reason = code == Z_BUF_ERROR ? "ends too early" : message;
      fail(path_, line, 1, "damaged gzip data (" + reason + "); fetch the file again");
    }
    return {buffer_.data(), static_cast<std::size_t>(size)};
  }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<gzFile_s, Close> file_;
  std::array<char, 1 << 16> buffer_{};
  bool first_ = true;
};

/// Cuts pieces into lines.
class LineCutter {
 public:
  LineCutter(const std::filesystem::path& path,
             const std::function<void(std::size_t, std::string_view)>& visit)
      : path_(path), visit_(visit) {}

  std::size_t number() const { return number_; }

  void add(std::string_view piece) {
    while (!piece.empty()) {
      const std::size_t end = piece.find('\n');
      if (end == std::string_view::npos) {
        keep(piece);
        return;
      }
      if (rest_.empty()) {
        emit(piece.substr(0, end));
      } else {
        keep(piece.substr(0, end));
        emit(rest_);
        rest_.clear();
      }
      piece.remove_prefix(end + 1);
    }
  }

  void finish() {
    if (!rest_.empty()) emit(rest_);
  }

 private:
  void keep(std::string_view part) {
    rest_.append(part);
    // Checked as it grows: a file without line feeds must not be held in memory.
    check_length(rest_);
  }

  void check_length(std::string_view line) const {
    if (line.size() <= kLongestLine + kByteOrderMark.size() + 1) return;
    refuse_length();
  }

  [[noreturn]] void refuse_length() const {
    fail(path_, number_, 1,
         "line longer than " + std::to_string(kLongestLine) +
             " bytes; are the file's line ends missing?");
  }

  void emit(std::string_view line) {
    if (number_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > kLongestLine) refuse_length();
    check_utf8(path_, number_, line);
    visit_(number_, line);
    ++number_;
  }

  const std::filesystem::path& path_;
  const std::function<void(std::size_t, std::string_view)>& visit_;
  std::string rest_;
  std::size_t number_ = 1;
};

/// nlohmann's "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error ..."
/// without its own idea of where.
std::string reason_of(const nlohmann::json::parse_error& error) {
  std::string_view text = error.what();
  const std::size_t at = text.find(": ");
  if (at != std::string_view::npos) text.remove_prefix(at + 2);
  // It quotes what was read last, which may be all of the line; cut before a character.
  constexpr std::size_t kLongest = 200;
  if (text.size() <= kLongest) return std::string(text);
  std::size_t size = kLongest;
  while (size > 0 && (text[size] & 0xC0) == 0x80) --size;
  return std::string(text.substr(0, size)) + "...";
}

nlohmann::json parse_object(const std::filesystem::path& path, std::size_t number,
                            std::string_view line) {
  nlohmann::json json;
  try {
    json = parse_json(line);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t byte = std::min(error.byte > 0 ? error.byte - 1 : 0, line.size());
    fail(path, number, column_of(line, byte), "malformed JSON: " + reason_of(error));
  } catch (const nlohmann::json::exception& error) {
    fail(path, number, 1, std::string("malformed JSON: ") + error.what());
  } catch (const Error& error) {
    fail(path, number, 1, error.what());
  }
  if (!json.is_object()) {
    fail(path, number, 1,
         std::string("expected one JSON object a line, found ") + json.type_name());
  }
  return json;
}

}  // namespace

void for_each_line(const std::filesystem::path& path,
                   const std::function<void(std::size_t, std::string_view)>& visit) {
  Source source(path);
  LineCutter cutter(path, visit);
  for (auto piece = source.next(1); !piece.empty(); piece = source.next(cutter.number())) {
    cutter.add(piece);
  }
  cutter.finish();
}

void for_each_json_line(const std::filesystem::path& path,
                        const std::function<void(std::size_t, const nlohmann::json&)>& visit) {
  for_each_line(path, [&](std::size_t number, std::string_view line) {
    if (!strip(line).empty()) visit(number, parse_object(path, number, line));
  });
}

std::string read_bytes(const std::filesystem::path& path) {
  Source source(path);
  std::string bytes;
  for (auto piece = source.next(1); !piece.empty(); piece = source.next(1)) bytes.append(piece);
  return bytes;
}

std::string read_text(const std::filesystem::path& path) {
  std::string text = read_bytes(path);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  if (const auto invalid = find_invalid_utf8(text)) {
    const std::string_view before(text.data(), *invalid);
    const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
    const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0: the first line
    check_utf8(path, line, std::string_view(text).substr(start));
  }
  return text;
}

}  // namespace trellis::text
