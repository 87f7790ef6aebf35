// SPDX-License-Identifier: Apache-2.0
// Rows of floats, as tokens are held outside of maps, to a map and back.
#pragma once

#include "nn/feature_map.h"

namespace minnow {

// rows: [pixels, channels] f32. Nothing for a map without data. One thread.
void RowsToMap(const float* rows, FeatureMap& map);
void MapToRows(const FeatureMap& map, float* rows);

}  // namespace minnow
