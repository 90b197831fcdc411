/// What to make of tests: exact pass/fail tests, many tests at once, groups that none of them
/// separates, and how many samples a test needs.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace trellis::metrics {

/// McNemar's test, exact and two-sided (McNemar 1947): among the pairs of which only one passes,
/// either side is as likely. `only_first`, `only_second`: pairs that only one of both passes.
double mcnemar_p_value(std::size_t only_first, std::size_t only_second);

/// Holm's step-down correction (Holm 1979) of a family of p-values: the chance of one or more false
/// findings among all that are below a level stays below that level. As many as given, same order.
std::vector<double> holm_adjusted(std::span<const double> p_values);

/// Pairs with which a two-sided test at `level` finds an effect of this size with probability
/// `power`, by the normal approximation: ((z(1 - level / 2) + z(power)) / effect_size)^2, rounded
/// up. Nothing for an effect of 0. `power` and `level` lie in (0, 1).
std::optional<double> pairs_for_power(double effect_size, double power, double level);

/// Letters for `count` arms, best first, such as "a", "ab", "b": arms that share a letter were not
/// told apart (compact letter display by insertion and absorption, Piepho 2004).
/// `differ(i, j)` says whether arms i < j do.
std::vector<std::string> letter_groups(std::size_t count,
                                       const std::function<bool(std::size_t, std::size_t)>& differ);

}  // namespace trellis::metrics
