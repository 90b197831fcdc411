#include "core/plugin/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "core/plugin/boundary.hpp"
#include "core/plugin/library.hpp"

namespace trellis::plugin {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kManifestFormat = 1;

json parse_manifest(const fs::path& path) {
  std::ifstream stream(path);
  if (!stream) throw Error(Fault::environment, "cannot be read: check its permissions");
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const json manifest = parse_json(text);
  if (!manifest.is_object() || !manifest.contains("manifest")) {
    throw Error(Fault::plugin, "no manifest of a plugin: remove it, or rebuild the plugin");
  }
  return manifest;
}

void read_manifest(PluginFile& file) {
  const json manifest = parse_manifest(file.manifest);
  if (manifest.at("manifest").get<int>() != kManifestFormat) {
    throw Error(Fault::plugin, "manifest of another format: rebuild the plugin");
  }
  file.abi_major = manifest.at("abi").at(0).get<int>();
  file.abi_minor = manifest.at("abi").at(1).get<int>();
  if (auto problem = abi_problem(file.abi_major, file.abi_minor); !problem.empty()) {
    throw Error(Fault::plugin, problem);
  }
  const fs::path name = manifest.at("library").get<std::string>();
  if (name.empty() || name != name.filename()) {
    throw Error(Fault::plugin, fmt::format("library \"{}\" is not a file name: rebuild the plugin",
                                           one_line(name.string())));
  }
  file.library = file.manifest.parent_path() / name;
  if (!fs::exists(file.library)) {
    throw Error(Fault::missing,
                fmt::format("its library {} is missing: rebuild the plugin", name.string()));
  }
  if (fs::file_size(file.library) != manifest.at("size").get<std::uintmax_t>()) {
    throw Error(Fault::plugin, "it belongs to another build of the library: rebuild the plugin");
  }
  for (const auto& offer : manifest.at("offers")) file.offers.push_back(parse_description(offer));
}

std::vector<PluginFile> scan(const std::vector<fs::path>& folders) {
  std::vector<PluginFile> files;
  for (const auto& folder : folders) {
    std::error_code none;
    std::vector<fs::path> paths;
    for (const auto& item : fs::directory_iterator(folder, none)) paths.push_back(item.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      PluginFile file;
      if (path.extension() == ".json") {
        file.manifest = path;
        try {
          read_manifest(file);
        } catch (const json::exception& exception) {
          file.problem = fmt::format("malformed manifest ({}): rebuild the plugin",
                                     one_line(exception.what()));
        } catch (const std::exception& exception) {
          file.problem = one_line(exception.what());
        }
      } else if (path.extension() == ".so" &&
                 !fs::exists(fs::path(path).replace_extension(".json"))) {
        file.library = path;
        file.problem = "has no manifest beside it: make one with trellis-manifest";
      } else {
        continue;
      }
      files.push_back(std::move(file));
    }
  }
  return files;
}

bool same_description(const Description& a, const Description& b) {
  return a.json == b.json;
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::model:
      return "model";
    case Kind::strategy:
      return "strategy";
    case Kind::logits_processor:
      return "logits_processor";
    case Kind::task:
      return "task";
  }
  return "";
}

std::string one_line(std::string_view text) {
  std::size_t size = std::min<std::size_t>(text.size(), 1000);
  while (size < text.size() && size > 0 && (text[size] & 0xC0) == 0x80) --size;
  std::string line(text.substr(0, size));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return line;
}

std::vector<fs::path> search_path(const std::vector<fs::path>& from_flags, const char* environment,
                                  const fs::path& installed) {
  std::vector<fs::path> folders = from_flags;
  std::istringstream parts(environment != nullptr ? environment : "");
  for (std::string part; std::getline(parts, part, ':');) {
    if (!part.empty()) folders.emplace_back(part);
  }
  folders.push_back(installed);
  return folders;
}

void throw_on_failure(trellis_status status, const trellis_error& error, std::string_view what) {
  if (status == TRELLIS_OK) return;
  const std::string_view buffer(error.message, sizeof error.message);
  std::string message = one_line(buffer.substr(0, buffer.find('\0')));
  if (message.empty()) message = fmt::format("failed with status {}", status);
  switch (status) {
    case TRELLIS_INVALID_ARGUMENT:
    case TRELLIS_UNSUPPORTED:
      throw Error(Fault::usage, fmt::format("{}: {}", what, message));
    case TRELLIS_NOT_FOUND:
      throw Error(Fault::missing, fmt::format("{}: {}", what, message));
    case TRELLIS_BAD_DATA:
      throw Error(Fault::bad_data, fmt::format("{}: {}", what, message));
    case TRELLIS_OUT_OF_MEMORY:
      throw Error(Fault::environment, fmt::format("{}: {}", what, message));
    case TRELLIS_CANCELLED:
      throw Error(Fault::cancelled, fmt::format("{}: {}", what, message));
    default:
      throw Error(Fault::plugin, fmt::format("{}: {}", what, message));
  }
}

struct Registry::Implementation {
  const trellis_host& host;
  std::vector<fs::path> folders;
  std::vector<PluginFile> files;
  std::map<fs::path, Library> open;

  const PluginFile* file_of(Kind kind, std::string_view id) const {
    for (const auto& file : files) {
      if (!file.problem.empty()) continue;
      for (const auto& offer : file.offers) {
        if (offer.kind == kind && offer.id == id) return &file;
      }
    }
    return nullptr;
  }

  Library& library(const fs::path& path) {
    auto found = open.find(path);
    if (found == open.end()) found = open.emplace(path, Library::open(path, host)).first;
    return found->second;
  }
};

Registry::Registry(const std::vector<fs::path>& folders, const trellis_host& host)
    : implementation_(new Implementation{host, folders, scan(folders), {}}) {}
Registry::~Registry() = default;

const std::vector<PluginFile>& Registry::files() const {
  return implementation_->files;
}

const Description* Registry::find(Kind kind, std::string_view id) const {
  const auto* file = implementation_->file_of(kind, id);
  if (file == nullptr) return nullptr;
  return &*std::find_if(file->offers.begin(), file->offers.end(),
                        [&](const auto& offer) { return offer.kind == kind && offer.id == id; });
}

const Description& Registry::get(Kind kind, std::string_view id) const {
  if (const auto* found = find(kind, id)) return *found;
  const auto known = ids(kind);
  const auto near = nearest_name(id, known);
  std::string message = fmt::format("no {} plugin \"{}\"", to_string(kind), id);
  if (near) {
    message += fmt::format("; did you mean \"{}\"?", *near);
  } else if (!known.empty()) {
    message += fmt::format("; there are: {}", fmt::join(known, ", "));
  } else {
    std::vector<std::string> folders;
    for (const auto& folder : implementation_->folders) folders.push_back(folder.string());
    message += fmt::format("; searched {}", fmt::join(folders, ":"));
  }
  for (const auto& file : implementation_->files) {
    if (file.problem.empty() || file.manifest.stem() != id) continue;
    message += fmt::format("; {}: {}", file.manifest.string(), file.problem);
  }
  throw Error(Fault::missing, message);
}

std::vector<std::string> Registry::ids(Kind kind) const {
  std::vector<std::string> all;
  for (const auto& file : implementation_->files) {
    if (!file.problem.empty()) continue;
    for (const auto& offer : file.offers) {
      if (offer.kind == kind) all.push_back(offer.id);
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

const void* Registry::factory(Kind kind, std::string_view id) {
  const auto& description = get(kind, id);
  const auto* file = implementation_->file_of(kind, id);
  auto& library = implementation_->library(file->library);
  const auto offers = library.descriptions();
  const bool same = std::any_of(offers.begin(), offers.end(), [&](const Description& offer) {
    return same_description(offer, description);
  });
  if (!same) {
    throw Error(Fault::plugin, fmt::format("{}: does not offer {} {} as its manifest says: rebuild "
                                           "the plugin",
                                           file->library.string(), to_string(kind), id));
  }
  return library.factory(kind);
}

std::vector<std::string> Registry::check(const PluginFile& file) {
  if (!file.problem.empty()) return {file.problem};
  std::vector<std::string> problems;
  try {
    auto& library = implementation_->library(file.library);
    if (library.entry().abi_major != file.abi_major ||
        library.entry().abi_minor != file.abi_minor) {
      problems.emplace_back("the library's ABI is not the one its manifest names");
    }
    const auto offers = library.descriptions();
    if (!std::equal(offers.begin(), offers.end(), file.offers.begin(), file.offers.end(),
                    same_description)) {
      problems.emplace_back("the library's descriptions differ from its manifest: rebuild it");
    }
    for (const auto& offer : offers) {
      if (offer.summary.empty()) problems.push_back(fmt::format("{}: has no summary", offer.id));
      for (const auto& setting : offer.settings) {
        if (setting.summary.empty()) {
          problems.push_back(fmt::format("{}: setting {} has no summary", offer.id, setting.name));
        }
      }
    }
  } catch (const Error& error) {
    problems.emplace_back(error.what());
  }
  return problems;
}

json make_manifest(const fs::path& library, const trellis_host& host) {
  const auto opened = Library::open(library, host);
  json offers = json::array();
  for (const auto& description : opened.descriptions()) offers.push_back(description.json);
  return {{"manifest", kManifestFormat},
          {"abi", {opened.entry().abi_major, opened.entry().abi_minor}},
          {"library", library.filename().string()},
          {"size", fs::file_size(library)},
          {"offers", offers}};
}

}  // namespace trellis::plugin
