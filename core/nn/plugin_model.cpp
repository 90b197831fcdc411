#include "core/nn/plugin_model.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "core/error.hpp"

namespace trellis::nn {
namespace {

struct PluginState final : sdk::State {
  explicit PluginState(std::unique_ptr<NetworkState> network_state)
      : state(std::move(network_state)) {}
  std::unique_ptr<NetworkState> state;
};

std::string_view view_of(trellis_span span) {
  return {span.data, span.size};
}

// `given` may be null.
std::vector<TextExample> examples_of(const trellis_example* examples, std::size_t count,
                                     const std::size_t* given) {
  std::vector<TextExample> all;
  all.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back({view_of(examples[i].source), view_of(examples[i].target),
                   given != nullptr ? std::min(given[i], examples[i].target.size) : 0});
  }
  return all;
}

// LibTorch's own number of threads is one for the whole process; OpenBLAS, which Debian's LibTorch
// may or may not multiply matrices with, has a pool of its own.
void use_host_threads() {
  const int threads = sdk::threads();
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
  using SetThreads = void (*)(int);
  if (const auto set =
          reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads")))
    set(threads);
}

}  // namespace

void check_published_type(const std::string& plugin, const std::vector<std::string>& known,
                          const std::string& type, const std::filesystem::path& folder) {
  if (std::ranges::find(known, type) != known.end()) return;
  const std::string supported =
      known.empty() ? "no published models" : fmt::format("{}", fmt::join(known, ", "));
  throw Error(Fault::usage, fmt::format("{}: holds a model of the type \"{}\", the plugin {} reads "
                                        "{}; `trellis plugins list` names the others",
                                        folder.string(), type, plugin, supported));
}

nlohmann::json settings_of_tuning(const nlohmann::json& descriptions, const LanguageModel& loaded,
                                  nlohmann::json given) {
  for (const nlohmann::json& setting : descriptions) {
    const std::string group = setting.value("group", "");
    if (group != "architecture" && group != "tokenizer") continue;
    const std::string name = setting.at("name");
    given.erase(name);
    if (!loaded.is_published()) given[name] = loaded.settings().at(name);
  }
  return given;
}

SdkModel::SdkModel(LanguageModel model) : model_(std::move(model)) {
  use_host_threads();
}

sdk::PromptTokens SdkModel::encode_prompt(std::string_view source, std::string_view prefix) const {
  auto prompt = model_.encode_prompt(source, prefix);
  return {std::move(prompt.encoder), std::move(prompt.decoder)};
}

std::vector<std::int32_t> SdkModel::encode(std::string_view text) const {
  return model_.encode(text);
}

std::string SdkModel::decode(std::span<const std::int32_t> tokens) const {
  return model_.decode(tokens);
}

std::string SdkModel::token_text(std::int32_t token) const {
  return model_.token_text(token);
}

std::string SdkModel::token_bytes(std::int32_t token) const {
  return model_.token_bytes(token);
}

std::unique_ptr<sdk::State> SdkModel::open_state(std::span<const std::int32_t> encoder_tokens) {
  return std::make_unique<PluginState>(model_.open(encoder_tokens));
}

std::unique_ptr<sdk::State> SdkModel::fork_state(const sdk::State& state) {
  return std::make_unique<PluginState>(static_cast<const PluginState&>(state).state->fork());
}

void SdkModel::feed(std::span<trellis_feed_item> items) {
  std::vector<FeedRequest> requests;
  requests.reserve(items.size());
  for (const auto& item : items) {
    requests.push_back({sdk::state_of<PluginState>(item).state.get(),
                        {item.tokens, item.token_count},
                        item.logits,
                        item.hidden,
                        item.row_count});
  }
  model_.feed(requests);
}

void SdkModel::train(const trellis_train_request& request) {
  const auto begin = std::chrono::steady_clock::now();
  TrainingWorld world;
  world.clock = [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  world.cancelled = sdk::cancelled;
  const auto on_point = [&](const TrainingPoint& point) {
    const auto line = to_json(point).dump();
    return request.on_point(request.context, line.data(), line.size()) == 0;
  };
  // A host of an older ABI has a shorter struct.
  const bool knows_given = request.struct_size >= offsetof(trellis_train_request, valid_given) +
                                                      sizeof request.valid_given;
  model_.train(
      examples_of(request.train, request.train_count, knows_given ? request.train_given : nullptr),
      examples_of(request.valid, request.valid_count, knows_given ? request.valid_given : nullptr),
      request.folder, request.seed, on_point, world);
}

void SdkModel::save(const std::filesystem::path& folder) const {
  model_.save(folder);
}

void SdkModel::attend(std::span<const std::int32_t> encoder_tokens,
                      std::span<const std::int32_t> tokens, trellis_attention_sink& sink) {
  for (const auto& map : model_.attend(encoder_tokens, tokens)) {
    const auto weights = map.weights[0].contiguous();  // of the only row
    sink.write(sink.context, map.kind.c_str(), map.layer, weights.data_ptr<float>(),
               static_cast<std::int32_t>(weights.size(0)),
               static_cast<std::int32_t>(weights.size(1)),
               static_cast<std::int32_t>(weights.size(2)));
  }
}

void SdkModel::count_experts(std::span<const std::int32_t> encoder_tokens,
                             std::span<const std::int32_t> tokens, trellis_expert_use_sink& sink) {
  for (const ExpertUse& use : model_.expert_use(encoder_tokens, tokens))
    sink.write(sink.context, use.layer, use.tokens.data(),
               static_cast<std::int32_t>(use.tokens.size()));
}

}  // namespace trellis::nn
