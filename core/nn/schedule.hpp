/// Learning-rate schedules.
#pragma once

#include <cstdint>

namespace trellis::nn {

enum class ScheduleKind { constant, linear, cosine, inverse_sqrt, polynomial, noam };

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::constant;
  double base = 1e-3;           ///< the highest rate; noam: a factor
  std::uint64_t warmup = 0;     ///< updates of linear growth from 0
  std::uint64_t total = 1;      ///< updates of the whole run; linear, cosine, polynomial
  std::uint64_t timescale = 0;  ///< inverse_sqrt; 0: the warm-up, or 10000 without one
  double final_rate = 1e-7;     ///< polynomial
  double power = 2.0;           ///< polynomial
  double width = 512;           ///< noam: d_model
};

/// The rate of update `step`, counted from 0: so a run with warm-up begins at rate 0.
///   linear        base (total - s) / (total - warmup), not below 0
///   cosine        base (1 + cos(pi p)) / 2 with p = (s - warmup) / (total - warmup)
///   inverse_sqrt  base / sqrt((s + timescale - warmup) / timescale)
///   polynomial    (base - final) (1 - p)^power + final
///   noam          base width^-1/2 min(n^-1/2, n warmup^-3/2), n = s + 1 (Vaswani et al. 2017)
double learning_rate(const ScheduleOptions& options, std::uint64_t step);

}  // namespace trellis::nn
