/// Marks a function for which the compiler makes a copy for each width of the CPU's vectors; the
/// right one is chosen when the library is loaded. Built without contraction, all copies give the
/// same bits.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TRELLIS_VECTOR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TRELLIS_VECTOR_CLONES
#endif
