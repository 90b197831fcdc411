#include "core/kernels/targets.hpp"

#include <cstdint>
#include <string>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/targets.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "core/error.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

std::int64_t target() {
  return HWY_TARGET;
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {

HWY_EXPORT(target);

std::string_view name_of(std::int64_t target) {
  switch (target) {
#if HWY_ARCH_X86
    case HWY_AVX3:
      return "avx512";
    case HWY_AVX2:
      return "avx2";
    case HWY_SSE4:
      return "sse4";
#endif
#if HWY_ARCH_ARM
    case HWY_NEON:
      return "neon";
#endif
    default:
      return "scalar";
  }
}

// A lower bit is a better target.
std::vector<std::int64_t> usable_targets() {
  std::vector<std::int64_t> found;
  std::int64_t rest = (hwy::SupportedTargets() & HWY_TARGETS) | HWY_STATIC_TARGET;
  for (; rest != 0; rest &= rest - 1) found.push_back(rest & -rest);
  return found;
}

}  // namespace

std::vector<std::string_view> vector_targets() {
  std::vector<std::string_view> names;
  for (const std::int64_t usable : usable_targets()) names.push_back(name_of(usable));
  return names;
}

std::string_view vector_target() {
  return name_of(HWY_DYNAMIC_DISPATCH(target)());
}

void use_vector_target(std::string_view name) {
  std::string known;
  for (const std::int64_t usable : usable_targets()) {
    if (name.empty() || name == name_of(usable)) {
      hwy::GetChosenTarget().Update(usable);
      return;
    }
    known += (known.empty() ? "" : ", ") + std::string(name_of(usable));
  }
  throw Error(Fault::usage, "vector target '" + std::string(name) +
                                "' is not among those of this machine: " + known);
}

bool fused_multiply_add() {
  const std::int64_t current = HWY_DYNAMIC_DISPATCH(target)();
#if HWY_ARCH_X86
  return current != HWY_SSE4;
#else
  return current != HWY_EMU128;
#endif
}

}  // namespace trellis::kernels
#endif
