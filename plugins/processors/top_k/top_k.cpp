/// Top-k: only the k most probable tokens stay.
#include <algorithm>
#include <vector>

#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t k = 50;
  std::int64_t min_tokens_to_keep = 1;
};

const auto schema = sdk::Settings<Options>()
                        .integer("k", &Options::k, {.at_least = 1},
                                 "How many tokens stay; more when the last are equals.")
                        .integer("min_tokens_to_keep", &Options::min_tokens_to_keep,
                                 {.at_least = 1}, "Never fewer than this many, whatever k says.");

class TopK {
 public:
  static sdk::Json description() {
    return {{"id", "top_k"},
            {"kind", "logits_processor"},
            {"version", "1.0.0"},
            {"summary", "Keeps the k most probable tokens."},
            {"formula", "v stays if s(v) >= the k-th greatest logit"},
            {"reference", "Fan, Lewis, Dauphin 2018"},
            {"rank", 610},
            {"primary", "k"},
            {"settings", schema.description()}};
  }

  explicit TopK(const sdk::Json& settings) {
    const auto options = schema.read(settings);
    k_ = static_cast<std::size_t>(std::max(options.k, options.min_tokens_to_keep));
  }

  void apply(const trellis_sequence&, std::span<float> logits) const {
    if (k_ >= logits.size()) return;
    static thread_local std::vector<float> scratch;  // only memory: nothing of it is read before
    const float least = trellis::kernels::kth_greatest(logits, k_, scratch);
    trellis::kernels::forbid_less(logits, least);
  }

 private:
  std::size_t k_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::logits_processor_factory<TopK>());
