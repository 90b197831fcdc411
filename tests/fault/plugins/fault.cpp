// A model and a strategy that work until a moment which their settings name, and then do what their
// name says: segfault, hang, wait for a file, poll for long, eat memory, throw across the ABI,
// answer garbage, chatter on every open descriptor, flood the standard error, go mute by closing
// all of them, or waver: let the logits depend on the size of the batch. For tests of whatever runs
// plugins. The model reads and writes bytes and answers every prompt with "aaaa" and its end.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <list>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "trellis/sdk/model.hpp"
#include "trellis/sdk/strategy.hpp"

namespace trellis::tests {
extern const char* const fault_name;
}

namespace {

namespace sdk = trellis::sdk;
namespace tests = trellis::tests;

const std::string_view kFault = tests::fault_name;
constexpr std::int32_t kBos = 0, kEos = 1, kFirstByte = 2, kVocabSize = kFirstByte + 256;
constexpr std::size_t kAnswerLength = 4;
constexpr std::size_t kChunk = std::size_t{64} << 20U;
constexpr int kPolls = 2000;  // 20 s
constexpr std::int32_t kGarbageToken = 1 << 30;

struct Options {
  std::string at;
  std::int64_t after = 0;
  std::int64_t megabytes = 1 << 20;
  std::string until;
};

bool throw_now = false;

// Not for UndefinedBehaviorSanitizer, which would end the process in its own way.
__attribute__((no_sanitize("undefined"))) void write_to_nowhere() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

// The caller's frames are the SDK's, which catch: pass_on() throws once they are left.
void strike(const Options& options) {
  if (kFault == "segfault") {
    write_to_nowhere();
  } else if (kFault == "hang") {
    while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
  } else if (kFault == "wait") {
    while (!std::filesystem::exists(options.until)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  } else if (kFault == "poll") {
    for (int i = 0; i < kPolls; ++i) {
      sdk::cancelled();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  } else if (kFault == "memory") {
    static std::list<std::vector<char>> eaten;
    while (static_cast<std::int64_t>(eaten.size() * (kChunk >> 20U)) < options.megabytes) {
      eaten.emplace_back(kChunk, 'x');
    }
    throw std::bad_alloc();
  } else if (kFault == "chatter") {
    constexpr std::string_view kNonsense = "{\"event\": [certainly not\n";
    for (int descriptor = 1; descriptor < 16; ++descriptor) {
      [[maybe_unused]] const auto written = write(descriptor, kNonsense.data(), kNonsense.size());
    }
  } else if (kFault == "mute") {
    for (int descriptor = 0; descriptor < 16; ++descriptor) close(descriptor);
    while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
  } else if (kFault == "flood") {
    while (write(STDERR_FILENO, "endless ", 8) > 0) {
    }
  } else if (kFault == "throw") {
    throw_now = true;
  }
}

trellis_status pass_on(trellis_status status) {
  if (std::exchange(throw_now, false)) throw std::runtime_error("thrown on purpose");
  return status;
}

sdk::Settings<Options> common_settings(std::vector<std::string> places, const char* after) {
  sdk::Settings<Options> settings;
  settings.choice("at", &Options::at, std::move(places), "Where the fault strikes.").required();
  settings.integer("after", &Options::after, {.at_least = 0}, after);
  settings.integer("megabytes", &Options::megabytes, {.at_least = 1},
                   "Where fault_memory stops eating and reports that memory is out.");
  settings.string("until", &Options::until, "Where fault_wait goes on once this file exists.");
  return settings;
}

const auto model_schema = common_settings({"never", "create", "load", "train", "feed"},
                                          "How many calls of feed go well before.");
const auto strategy_schema =
    common_settings({"never", "create", "advance"}, "How many choices go well before.");

sdk::Json describe(const char* kind, const sdk::Settings<Options>& settings) {
  sdk::Json all = settings.description();
  for (auto& setting : all) {
    if (setting["name"] == "at") setting["default"] = setting["choices"].back();
  }
  return {{"id", "fault_" + std::string(kFault)},
          {"kind", kind},
          {"version", "1.0.0"},
          {"summary", "For tests: works until it strikes."},
          {"settings", all}};
}

struct Count final : sdk::State {
  std::size_t after_prompt = 0;
  bool prompted = false;
};

class FaultyModel final : public sdk::Model, public sdk::Trainable {
 public:
  static sdk::Json description() { return ::describe("model", model_schema); }

  static std::unique_ptr<sdk::Model> create(const sdk::Json& settings) {
    auto model = std::make_unique<FaultyModel>(settings);
    if (model->options_.at == "create") strike(model->options_);
    return model;
  }

  static std::unique_ptr<sdk::Model> load(const std::filesystem::path& folder) {
    std::ifstream stream(folder / "model.json");
    if (!stream) throw sdk::Failure(TRELLIS_NOT_FOUND, folder.string() + ": no model.json");
    auto model = std::make_unique<FaultyModel>(sdk::Json::parse(stream));
    if (model->options_.at == "load") strike(model->options_);
    return model;
  }

  explicit FaultyModel(sdk::Json settings)
      : settings_(std::move(settings)), options_(model_schema.read(settings_)) {}

  sdk::Json describe() const override {
    return {{"vocab_size", kVocabSize},
            {"hidden_size", 0},
            {"parameters", 0},
            {"max_context", nullptr},
            {"bos", kBos},
            {"eos", {kEos}},
            {"encoder_decoder", false},
            {"tokenizer", {{"kind", "byte"}}},
            {"weights_hash", "fa"},
            {"specification", settings_}};
  }
  sdk::PromptTokens encode_prompt(std::string_view source, std::string_view prefix) const override {
    sdk::PromptTokens tokens{{}, encode(std::string(source) + std::string(prefix))};
    tokens.decoder.insert(tokens.decoder.begin(), kBos);
    return tokens;
  }
  std::vector<std::int32_t> encode(std::string_view text) const override {
    std::vector<std::int32_t> tokens;
    for (const char c : text) tokens.push_back(kFirstByte + static_cast<unsigned char>(c));
    return tokens;
  }
  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::string text;
    for (const auto token : tokens) {
      if (token >= kFirstByte) text += static_cast<char>(token - kFirstByte);
    }
    return text;
  }
  std::string token_text(std::int32_t token) const override {
    if (token < kFirstByte) return token == kBos ? "<bos>" : "<eos>";
    return decode({&token, 1});
  }

  std::unique_ptr<sdk::State> open_state(std::span<const std::int32_t>) override {
    return std::make_unique<Count>();
  }
  std::unique_ptr<sdk::State> fork_state(const sdk::State& state) override {
    return std::make_unique<Count>(static_cast<const Count&>(state));
  }
  void feed(std::span<trellis_feed_item> items) override {
    const bool struck = options_.at == "feed" && fed_++ >= options_.after;
    if (struck) strike(options_);
    for (auto& item : items) {
      auto& state = sdk::state_of<Count>(item);
      if (std::exchange(state.prompted, true)) state.after_prompt += item.token_count;
      if (item.logits == nullptr) continue;
      std::fill_n(item.logits, item.row_count * kVocabSize, 0.0F);
      const auto best = state.after_prompt < kAnswerLength ? kFirstByte + 'a' : kEos;
      float height = struck && kFault == "garbage" ? NAN : 5;
      if (struck && kFault == "waver") height += 0x1p-20F * static_cast<float>(items.size());
      for (std::size_t r = 0; r < item.row_count; ++r) item.logits[r * kVocabSize + best] = height;
    }
  }

  void train(const trellis_train_request& request) override {
    if (options_.at == "train") strike(options_);
    save(request.folder);
  }
  void save(const std::filesystem::path& folder) const override {
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "model.json") << settings_;
  }

 private:
  sdk::Json settings_;
  Options options_;
  std::int64_t fed_ = 0;
};

class FaultyStrategy {
 public:
  static sdk::Json description() { return ::describe("strategy", strategy_schema); }
  explicit FaultyStrategy(const sdk::Json& settings) : options_(strategy_schema.read(settings)) {
    if (options_.at == "create") strike(options_);
  }
  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<sdk::SingleTokenSearch<FaultyStrategy>>(*this);
  }
  std::int32_t choose(const trellis_view&, std::span<const float> scores) const {
    if (options_.at == "advance" && chosen_++ >= options_.after) {
      strike(options_);
      if (kFault == "garbage") return kGarbageToken;
    }
    return static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) -
                                     scores.begin());
  }

 private:
  Options options_;
  mutable std::int64_t chosen_ = 0;
};

// ---- the SDK's structs, with functions that let an exception through --------------------------

const auto& kSoundModels =
    *static_cast<const trellis_model_factory*>(sdk::model_factory<FaultyModel>().factory);
const auto& kSoundStrategies =
    *static_cast<const trellis_strategy_factory*>(sdk::strategy_factory<FaultyStrategy>().factory);

trellis_status leaky_feed(trellis_model* model, trellis_feed_item* items, std::size_t count,
                          trellis_error* error) {
  return pass_on(sdk::guard(error, [&] { sdk::detail::model_of(model).feed({items, count}); }));
}

const void* leaky_ability(const trellis_model* model, const char* id) {
  static const trellis_model_train* sound = nullptr;
  static const trellis_model_train leaky = {
      sizeof leaky,
      [](trellis_model* self, const trellis_train_request* request, trellis_error* error) {
        return pass_on(sound->train(self, request, error));
      },
      [](const trellis_model* self, const char* folder, trellis_error* error) {
        return sound->save(self, folder, error);
      }};
  if (std::string_view(id) != TRELLIS_MODEL_TRAIN_ABILITY) return nullptr;
  sound = static_cast<const trellis_model_train*>(sdk::detail::ability(model, id));
  return &leaky;
}

trellis_status leaky_model(trellis_status status, trellis_model** model) {
  if (status != TRELLIS_OK) return status;
  if (throw_now) (*model)->destroy(*model);
  pass_on(status);
  (*model)->feed = leaky_feed;
  (*model)->get_ability = leaky_ability;
  return status;
}

const trellis_model_factory models = {
    sizeof(trellis_model_factory), kSoundModels.describe,
    [](const char* settings, trellis_model** model, trellis_error* error) {
      return leaky_model(kSoundModels.create(settings, model, error), model);
    },
    [](const char* folder, trellis_model** model, trellis_error* error) {
      return leaky_model(kSoundModels.load(folder, model, error), model);
    }};

trellis_status (*sound_open)(const trellis_strategy*, trellis_search**, trellis_error*);
trellis_status (*sound_advance)(trellis_search*, const trellis_view*, trellis_answer*,
                                trellis_error*);

trellis_status leaky_open(const trellis_strategy* strategy, trellis_search** search,
                          trellis_error* error) {
  const auto status = sound_open(strategy, search, error);
  if (status != TRELLIS_OK) return status;
  sound_advance = (*search)->advance;
  (*search)->advance = [](trellis_search* self, const trellis_view* view, trellis_answer* answer,
                          trellis_error* failure) {
    return pass_on(sound_advance(self, view, answer, failure));
  };
  return status;
}

const trellis_strategy_factory strategies = {
    sizeof(trellis_strategy_factory), kSoundStrategies.describe,
    [](const char* settings, trellis_strategy** strategy, trellis_error* error) {
      const auto status = kSoundStrategies.create(settings, strategy, error);
      if (status != TRELLIS_OK) return status;
      if (throw_now) (*strategy)->destroy(*strategy);
      pass_on(status);
      sound_open = (*strategy)->open_search;
      (*strategy)->open_search = leaky_open;
      return status;
    }};

}  // namespace

TRELLIS_PLUGIN(sdk::Offer{TRELLIS_MODEL_FACTORY, &models},
               sdk::Offer{TRELLIS_STRATEGY_FACTORY, &strategies});
