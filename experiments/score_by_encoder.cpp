#include "experiments/score_by_encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/decode/embedding.hpp"
#include "core/metrics/bert_score.hpp"
#include "core/metrics/mauve.hpp"
#include "core/text/unicode.hpp"
#include "experiments/trial_metrics.hpp"

namespace trellis::experiments {
namespace {

constexpr std::size_t kTexts = 16;         // that the encoder reads at once
constexpr std::uint64_t kReadAtOnce = 64;  // samples

/// Vectors of texts that were named before; a text that several samples have is read once.
class TextVectors {
 public:
  void add(std::string_view text) {
    auto stripped = std::string(text::strip(text));
    if (places_.try_emplace(stripped, texts_.size()).second) texts_.push_back(std::move(stripped));
  }
  void read(plugin::Model& encoder, const std::function<bool()>& cancelled) {
    vectors_ = decode::embed(encoder, texts_, kTexts, cancelled);
  }
  const decode::TokenVectors& of(std::string_view text) const {
    return vectors_[places_.at(std::string(text::strip(text)))];
  }

 private:
  std::vector<std::string> texts_;
  std::map<std::string, std::size_t> places_;
  std::vector<decode::TokenVectors> vectors_;
};

// Nothing without references.
std::optional<double> best_bert_score(const TextVectors& vectors,
                                      const storage::SampleRecord& sample, std::size_t width) {
  std::optional<double> best;
  for (const auto& reference : sample.references) {
    const double f = metrics::bert_score(vectors.of(sample.output), vectors.of(reference), width).f;
    if (!best || f > *best) best = f;
  }
  return best;
}

// Of a text's tokens the vector that stands for the whole, behind the others.
void append_whole(const decode::TokenVectors& tokens, const plugin::ModelFacts& encoder,
                  std::vector<float>& all) {
  const std::size_t width = encoder.hidden_size;
  const std::size_t count = tokens.size() / width;
  const std::size_t begin = all.size();
  all.resize(begin + width);
  if (count == 0) return;
  if (!encoder.mask) {
    std::copy(tokens.end() - static_cast<std::ptrdiff_t>(width), tokens.end(),
              all.begin() + static_cast<std::ptrdiff_t>(begin));
    return;
  }
  for (std::size_t i = 0; i < width; ++i) {
    double sum = 0;
    for (std::size_t token = 0; token < count; ++token) sum += tokens[token * width + i];
    all[begin + i] = static_cast<float>(sum / static_cast<double>(count));
  }
}

// Both sides of a trial: vectors // [texts, hidden_size].
struct Sides {
  std::vector<float> outputs;
  std::vector<float> references;
  std::uint64_t samples = 0;
};

Sides read_sides(storage::Reader& reader, const std::string& trial, plugin::Model& encoder,
                 const std::function<bool()>& cancelled) {
  Sides sides;
  std::set<std::uint64_t> examples;
  while (true) {
    const auto samples = reader.samples(trial, sides.samples, kReadAtOnce, false);
    if (samples.empty()) return sides;
    sides.samples += samples.size();
    TextVectors vectors;
    std::vector<std::string_view> references;
    for (const auto& sample : samples) {
      if (sample.references.empty()) continue;
      vectors.add(sample.output);
      if (!examples.insert(sample.example_index).second) continue;
      references.push_back(sample.references.front());
      vectors.add(references.back());
    }
    vectors.read(encoder, cancelled);
    for (const auto& sample : samples) {
      if (sample.references.empty()) continue;
      append_whole(vectors.of(sample.output), encoder.facts(), sides.outputs);
    }
    for (const auto reference : references)
      append_whole(vectors.of(reference), encoder.facts(), sides.references);
  }
}

}  // namespace

std::string encoder_metric_name(std::string_view prefix, const std::filesystem::path& encoder) {
  const auto path = std::filesystem::absolute(encoder / "").lexically_normal().parent_path();
  const bool folder = std::filesystem::is_directory(path);
  return fmt::format("{}{}", prefix, (folder ? path.filename() : path.stem()).string());
}

std::uint64_t score_bert(storage::Reader& reader, storage::Store& store, std::int64_t experiment,
                         plugin::Model& encoder, const std::string& name,
                         const std::function<bool()>& cancelled) {
  std::uint64_t scored = 0;
  for (const auto& trial : reader.trials(experiment)) {
    const auto& id = trial.record.id;
    std::uint64_t count = 0;
    while (true) {
      auto samples = reader.samples(id, count, kReadAtOnce, false);
      if (samples.empty()) break;
      count += samples.size();
      TextVectors vectors;
      for (const auto& sample : samples) {
        if (sample.references.empty()) continue;
        vectors.add(sample.output);
        for (const auto& reference : sample.references) vectors.add(reference);
      }
      vectors.read(encoder, cancelled);
      for (auto& sample : samples) {
        sample.metrics = {
            {name, {best_bert_score(vectors, sample, encoder.facts().hidden_size), {}}}};
      }
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

std::uint64_t score_mauve(storage::Reader& reader, storage::Store& store, std::int64_t experiment,
                          plugin::Model& encoder, const std::string& name,
                          const std::function<bool()>& cancelled) {
  const std::size_t width = encoder.facts().hidden_size;
  std::uint64_t scored = 0;
  for (const auto& trial : reader.trials(experiment)) {
    const auto sides = read_sides(reader, trial.record.id, encoder, cancelled);
    if (sides.samples == 0) continue;
    scored += sides.samples;
    auto all = trial.metrics;
    all[name] = {name,
                 metrics::mauve(sides.outputs, sides.references, width),
                 {},
                 {},
                 sides.outputs.size() / width};
    put_trial_metrics(store, trial.record.id, all);
  }
  return scored;
}

}  // namespace trellis::experiments
