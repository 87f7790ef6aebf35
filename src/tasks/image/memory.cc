// SPDX-License-Identifier: Apache-2.0
// What requests for pictures hold: before, while and after they run.
#include <algorithm>

#include "tasks/image/input_files.h"
#include "tasks/image/job.h"

namespace minnow {
namespace {

// A pixel of an answer, at its highest: RGB, a file that is no smaller, that in base64, and the
// same in the body.
constexpr size_t kAnswerBytesOfPixel = 3 + 3 + 4 + 4;

size_t PixelBytes(const std::optional<Image>& image) { return image ? image->pixels.size() : 0; }

}  // namespace

size_t AnswerBytes(size_t pixels) { return pixels * kAnswerBytesOfPixel; }

ImageMemory EstimateMemory(const ImageJobRequest& request) {
  ImageMemory memory;
  memory.waiting = request.image_file.size() + request.mask_file.size() + InputFileBytes(request) +
                   request.caller.adjusting + request.request.prompt.size() +
                   request.request.negative_prompt.size();
  return memory;
}

ImageMemory EstimateMemory(const Picture& picture, const CallerMemory& caller) {
  const ImageSettings& settings = picture.settings();
  const size_t inputs = PixelBytes(settings.image) + PixelBytes(settings.mask);
  const size_t rest = settings.prompt.size() + settings.negative_prompt.size() + caller.kept;
  ImageMemory memory;
  memory.waiting = inputs + rest;
  memory.answered = rest + caller.finishing +
                    AnswerBytes(settings.images * settings.width * size_t{settings.height});
  memory.running = std::max({picture.memory_bytes() + rest, memory.answered, memory.waiting});
  return memory;
}

}  // namespace minnow
