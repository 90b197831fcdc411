// A model: bytes by how often they occur in the training data, whatever came before.
#include <cmath>
#include <fstream>
#include <trellis/sdk/model.hpp>

namespace {

namespace sdk = trellis::sdk;
using Tokens = std::vector<std::int32_t>;
constexpr std::int32_t kBos = 256, kEos = 257, kVocabSize = 258;  // below them, the bytes

struct Unigram : sdk::Model, sdk::Trainable {
  std::vector<double> counts = std::vector<double>(kVocabSize, 1.0);

  static sdk::Json description() {
    const auto summary = "Bytes by their frequency.";
    return {{"id", "unigram"}, {"kind", "model"}, {"version", "1.0.0"}, {"summary", summary}};
  }
  static std::unique_ptr<sdk::Model> create(const sdk::Json&) {
    return std::make_unique<Unigram>();
  }
  static std::unique_ptr<sdk::Model> load(const std::filesystem::path& folder) {
    std::ifstream file(folder / "counts.json");
    if (!file) throw sdk::Failure(TRELLIS_NOT_FOUND, folder.string() + ": has no counts.json");
    auto model = std::make_unique<Unigram>();
    model->counts = sdk::Json::parse(file).get<std::vector<double>>();
    return model;
  }

  sdk::Json describe() const override {
    const auto hash = std::to_string(std::hash<std::string>()(sdk::Json(counts).dump()));
    return {{"vocab_size", kVocabSize}, {"bos", kBos}, {"eos", {kEos}}, {"weights_hash", hash}};
  }
  sdk::PromptTokens encode_prompt(std::string_view, std::string_view prefix) const override {
    sdk::PromptTokens prompt{{}, encode(prefix)};
    prompt.decoder.insert(prompt.decoder.begin(), kBos);
    return prompt;
  }
  Tokens encode(std::string_view text) const override {
    Tokens tokens;
    for (const unsigned char byte : text) tokens.push_back(byte);
    return tokens;
  }
  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::string text;
    for (const auto token : tokens) text += token < kBos ? std::string(1, char(token)) : "";
    return text;
  }
  std::string token_text(std::int32_t token) const override {
    return token == kBos ? "<bos>" : token == kEos ? "<eos>" : decode({&token, 1});
  }

  // A state holds what a model remembers of one sequence: here, nothing.
  std::unique_ptr<sdk::State> open_state(std::span<const std::int32_t>) override {
    return std::make_unique<sdk::State>();
  }
  std::unique_ptr<sdk::State> fork_state(const sdk::State&) override { return open_state({}); }
  void feed(std::span<trellis_feed_item> items) override {
    for (auto& item : items)  // logits: [row_count, kVocabSize], or null when nobody wants them
      for (std::size_t i = 0; item.logits != nullptr && i < item.row_count * kVocabSize; ++i)
        item.logits[i] = static_cast<float>(std::log(counts[i % kVocabSize]));
  }

  void train(const trellis_train_request& request) override {
    for (std::size_t i = 0; i < request.train_count; ++i, ++counts[kEos]) {
      const auto& target = request.train[i].target;
      for (const auto token : encode({target.data, target.size})) ++counts[token];
    }
    save(request.folder);
  }
  void save(const std::filesystem::path& folder) const override {
    std::ofstream(folder / "counts.json.new") << sdk::Json(counts);
    std::filesystem::rename(folder / "counts.json.new", folder / "counts.json");  // all or nothing
  }
};

}  // namespace

TRELLIS_PLUGIN(sdk::model_factory<Unigram>());
