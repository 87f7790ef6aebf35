// SPDX-License-Identifier: Apache-2.0
#include "models/blocks/resnet.h"

namespace minnow {

void ListResnet(WeightLister& list, const std::string& name, const ResnetShape& shape,
                ResnetWeights& weights) {
  weights.norm1.groups = weights.norm2.groups = shape.groups;
  weights.norm1.epsilon = weights.norm2.epsilon = shape.epsilon;
  weights.has_shortcut = shape.in != shape.out;
  list.Norm(name + ".norm1", shape.in, weights.norm1);
  list.Conv(name + ".conv1", {shape.in, shape.out}, weights.conv1);
  if (shape.time != 0)
    list.Product(name + ".time_emb_proj", shape.time, shape.out, /*bias=*/true, weights.time);
  list.Norm(name + ".norm2", shape.out, weights.norm2);
  list.Conv(name + ".conv2", {shape.out, shape.out}, weights.conv2);
  if (weights.has_shortcut)
    list.Conv(name + ".conv_shortcut", {shape.in, shape.out, /*kernel=*/1}, weights.shortcut);
}

void RunResnet(ImageOps& ops, const ResnetWeights& weights, const FeatureMap& x,
               const FeatureMap* skip, const float* per_image, FeatureMap& y) {
  const ArenaScope scope(ops.arena());
  const ConvolutionInput first = {
      .first = &x, .second = skip, .norm = &weights.norm1, .activation = Activation::kSilu};
  FeatureMap hidden = ops.NewMapFor(first, weights.conv1);
  ops.Convolve(first, weights.conv1, {.per_image = per_image}, hidden);
  const FeatureMap* residual = &x;
  if (weights.has_shortcut) {
    ops.Convolve({.first = &x, .second = skip}, weights.shortcut, {}, y);
    residual = &y;
  }
  ops.Convolve({.first = &hidden, .norm = &weights.norm2, .activation = Activation::kSilu},
               weights.conv2, {.residual = residual}, y);
}

}  // namespace minnow
