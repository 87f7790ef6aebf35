// SPDX-License-Identifier: Apache-2.0
// A model that generates text, with a queue of the server's scheduler.
#pragma once

#include <memory>

#include "engine/scheduler.h"
#include "models/source.h"
#include "models/weights/precision.h"
#include "serving/engine_model.h"
#include "serving/loaded_model.h"
#include "serving/metrics.h"

namespace minnow {

// As LoadModel, which calls it. REQUIRES: source.kind() is kTextToText.
Result<std::unique_ptr<LoadedModel>> LoadGenerator(const ModelSource& source,
                                                   const EncoderPrecision& precision,
                                                   const ModelOptions& options,
                                                   const ComputeOptions& compute,
                                                   Scheduler* scheduler, Metrics* metrics);

}  // namespace minnow
