/// Showing on this machine that results do not depend on how they are computed: everything is
/// generated again under other settings, each in a worker process of its own, and compared bit for
/// bit with what one sample at a time on one thread gives.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "experiments/plan.hpp"
#include "experiments/runner.hpp"

namespace trellis::experiments {

/// One way to compute the same results.
struct Variation {
  std::string name;
  std::uint64_t batch_size = 32;
  int threads = 1;
  bool share = true;
  std::uint64_t shuffle = 0;  ///< seed of the order; 0: as they come
  bool alone = false;         ///< every trial in a worker of its own
  bool interrupted = false;   ///< killed in the middle and started again for the rest
  std::string target = {};    ///< vector instructions; empty: the best
};

/// The first is what the others are compared with. `targets`: vector instructions to try.
std::vector<Variation> variations(const std::vector<std::string>& targets);

/// The vector instructions of this machine that round a * b + c once, without those in use.
std::vector<std::string> other_fused_targets();

/// What one variation came to.
struct VerifiedVariation {
  std::string name;
  std::size_t samples = 0;  ///< that were compared
  std::string difference;   ///< the first one, in a line; empty when all is equal
};

/// Says what is being done; may be empty.
using Say = std::function<void(const std::string&)>;

/// Trains or loads the model and tries all variations of what its trials make; models that it
/// begins at or that are lent to its strategies are trained before. The first row is the reference,
/// whose difference is what went wrong in it; then there are no others. Throws Error(cancelled).
std::vector<VerifiedVariation> verify_model(const Plan& plan, const Config& config,
                                            std::size_t model, const WorkerOptions& options,
                                            const std::vector<Variation>& variations,
                                            const StopRequests& stop_requests, const Say& say);

}  // namespace trellis::experiments
