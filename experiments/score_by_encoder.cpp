#include "experiments/score_by_encoder.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <vector>

#include "core/decode/embedding.hpp"
#include "core/metrics/bert_score.hpp"
#include "core/text/unicode.hpp"
#include "experiments/trial_metrics.hpp"

namespace trellis::experiments {
namespace {

constexpr std::size_t kTexts = 16;  // that the encoder reads at once

/// Vectors of the texts of some samples; a text that several have is read once.
class Vectors {
 public:
  Vectors(plugin::Model& encoder, const std::vector<storage::SampleRecord>& samples,
          const std::function<bool()>& cancelled)
      : width_(encoder.facts().hidden_size) {
    std::vector<std::string> texts;
    const auto add = [&](const std::string& text) {
      const auto stripped = std::string(text::strip(text));
      if (places_.try_emplace(stripped, texts.size()).second) texts.push_back(stripped);
    };
    for (const auto& sample : samples) {
      if (sample.references.empty()) continue;
      add(sample.output);
      for (const auto& reference : sample.references) add(reference);
    }
    vectors_ = decode::embed(encoder, texts, kTexts, cancelled);
  }

  /// Nothing without references.
  std::optional<double> score(const storage::SampleRecord& sample) const {
    std::optional<double> best;
    for (const auto& reference : sample.references) {
      const double f = metrics::bert_score(of(sample.output), of(reference), width_).f;
      if (!best || f > *best) best = f;
    }
    return best;
  }

 private:
  const decode::TokenVectors& of(const std::string& text) const {
    return vectors_[places_.at(std::string(text::strip(text)))];
  }

  std::size_t width_;
  std::map<std::string, std::size_t> places_;
  std::vector<decode::TokenVectors> vectors_;
};

}  // namespace

std::string bert_score_name(const std::filesystem::path& encoder) {
  const auto path = std::filesystem::absolute(encoder / "").lexically_normal().parent_path();
  const bool folder = std::filesystem::is_directory(path);
  return fmt::format("{}{}", metrics::kBertScorePrefix,
                     (folder ? path.filename() : path.stem()).string());
}

std::uint64_t score_by_encoder(storage::Reader& reader, storage::Store& store,
                               std::int64_t experiment, plugin::Model& encoder,
                               const std::string& name, const std::function<bool()>& cancelled) {
  constexpr std::uint64_t read_at_once = 64;  // samples
  std::uint64_t scored = 0;
  for (const auto& trial : reader.trials(experiment)) {
    const auto& id = trial.record.id;
    std::uint64_t count = 0;
    while (true) {
      auto samples = reader.samples(id, count, read_at_once, false);
      if (samples.empty()) break;
      count += samples.size();
      const Vectors vectors(encoder, samples, cancelled);
      for (auto& sample : samples) sample.metrics = {{name, {vectors.score(sample), {}}}};
      store.add_sample_metrics(id, samples);
    }
    if (count == 0) continue;
    scored += count;
    auto all = trial.metrics;
    all[name] = trial_metric(reader, id, name);
    put_trial_metrics(store, id, all);
  }
  return scored;
}

}  // namespace trellis::experiments
