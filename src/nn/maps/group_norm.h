// SPDX-License-Identifier: Apache-2.0
// GroupNorm as a factor and a summand for each channel of each image.
#pragma once

#include "nn/image_ops.h"

namespace minnow {

// y = x * scale + shift; [images][channels] each, null while planning.
struct GroupNormLines {
  float* scale = nullptr;
  float* shift = nullptr;
};

// Of the channels of `first`, followed by those of `second` (null: none). Memory is taken of the
// arena of `ops`. Sums run over fixed blocks of pixels that are joined in order: the same bits on
// any number of threads.
GroupNormLines MeasureGroupNorm(ImageOps& ops, OpThreads& threads, const FeatureMap& first,
                                const FeatureMap* second, const GroupNorm& norm);

}  // namespace minnow
