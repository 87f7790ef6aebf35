// SPDX-License-Identifier: Apache-2.0
// How jobs for pictures are told: as stable-diffusion.cpp's server does it, and in events. Pure;
// thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "formats/json.h"
#include "serving/image_jobs.h"

namespace minnow::api {

inline constexpr std::string_view kImageJobsPath = "/sdcpp/v1/jobs/";

// {"id", "kind", "status", "created", "poll_url"}
void WriteAccepted(const ImageJobStatus& status, JsonWriter& json);
// {"id", "kind", "status", "created", "started", "completed", "queue_position", "progress",
// "result", "error"}; `files`: the result has its pictures.
void WriteJob(const ImageJobStatus& status, bool files, JsonWriter& json);
// Of a stream: "queued" {queue_position}, "progress" {step, steps, elapsed_ms, eta_ms, preview},
// and at the end "completed", "failed" or "cancelled", with the job without its files.
void AppendJobEvent(const ImageJobStatus& status, std::string_view preview, std::string& out);

}  // namespace minnow::api
