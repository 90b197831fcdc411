#include "core/decode/token_records.hpp"

#include <cmath>

#include "core/kernels/selection.hpp"

namespace trellis::decode {

RowJudge::RowJudge(std::span<const float> logits, std::size_t alternative_count)
    : logits_(logits),
      alternative_count_(alternative_count),
      distribution_(kernels::describe_distribution(logits)) {}

const char* RowJudge::problem() const {
  if (std::isnan(distribution_.log_sum_exp)) return "logits that are NaN or +infinity";
  if (std::isinf(distribution_.log_sum_exp)) return "logits that are all -infinity";
  return nullptr;
}

TokenRecord RowJudge::judge(std::int32_t token) {
  if (!listed_) list_alternatives();
  const auto index = static_cast<std::size_t>(token);
  TokenRecord record;
  record.token = token;
  record.log_probability = static_cast<double>(logits_[index]) - distribution_.log_sum_exp;
  record.entropy = distribution_.entropy;
  record.rank = kernels::rank_of(logits_, index);
  record.alternatives = alternatives_;
  return record;
}

void RowJudge::list_alternatives() {
  std::vector<std::uint32_t> best;
  kernels::top_k(logits_, alternative_count_, best);
  alternatives_.reserve(best.size());
  for (const auto token : best) {
    alternatives_.push_back({static_cast<std::int32_t>(token),
                             static_cast<double>(logits_[token]) - distribution_.log_sum_exp});
  }
  listed_ = true;
}

}  // namespace trellis::decode
