/// The one place where LibTorch's headers are included; precompiled, because they cost seconds.
///
/// ATen alone is enough: its operations record their gradients, and training needs nothing of
/// torch::nn or torch::optim. That is less than half of the compile time of <torch/torch.h>.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
