// SPDX-License-Identifier: Apache-2.0
// A model that makes pictures, with a queue of the server's scheduler.
#pragma once

#include <memory>

#include "engine/scheduler.h"
#include "models/source.h"
#include "models/weights/precision.h"
#include "serving/engine_model.h"
#include "serving/loaded_model.h"
#include "serving/metrics.h"

namespace minnow {

// As LoadModel, which calls it. REQUIRES: source.kind() is kTextToImage.
Result<std::unique_ptr<LoadedModel>> LoadImageMaker(const ModelSource& source,
                                                    const EncoderPrecision& precision,
                                                    const ModelOptions& options,
                                                    const ComputeOptions& compute,
                                                    Scheduler* scheduler, Metrics* metrics);

}  // namespace minnow
