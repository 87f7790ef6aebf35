// SPDX-License-Identifier: Apache-2.0
// How the A1111 web UI brings an image and a mask to the size of the picture, and puts what was
// painted back into the image.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "image/image.h"
#include "tasks/image/input_files.h"
#include "tasks/image/request.h"

namespace minnow {

enum class FitMode {
  kStretch,
  kCrop,  // the middle of it, as large as the size allows
  kPad    // all of it, in the middle; beside it go on the pixels at its edges
};

// By Lanczos. REQUIRES: no side is zero.
Image FitImage(const Image& image, uint32_t width, uint32_t height, FitMode mode);
// What it takes at its highest beside the image, its result included.
size_t FitBytes(ImageSize from, uint32_t channels, ImageSize to, FitMode mode);

struct InpaintOptions {
  FitMode fit = FitMode::kStretch;
  bool invert_mask = false;       // black is painted anew
  double blur_x = 4, blur_y = 4;  // of the mask, standard deviations in pixels
  // What is painted anew begins with the colours around it, not with what was there.
  bool fill = true;
  // The part of the image around the mask is painted in the size of the picture, and then shrunk
  // back into the image.
  bool only_masked = false;
  uint32_t padding = 0;  // pixels around that part
};

// What Inpainting takes for a request, by the headers of its files. REQUIRES: width and height are
// set.
CallerMemory InpaintMemory(const ImageJobRequest& request, const InpaintOptions& options);

// Of one request: Begin before it runs, then Finish of each picture. One thread at a time.
class Inpainting {
 public:
  explicit Inpainting(const InpaintOptions& options) : options_(options) {}

  // The request's image, and its mask where it has one, become what the picture is made of.
  // kInvalidArgument: the mask leaves nothing to paint. REQUIRES: width, height and image are set.
  Status Begin(ImageRequest& request);
  // Outside of the mask the picture becomes the image. Without a mask it stays as it is.
  Image Finish(Image picture) const;

 private:
  struct Region {
    int64_t left = 0, top = 0, right = 0, bottom = 0;
    int64_t width() const { return right - left; }
    int64_t height() const { return bottom - top; }
  };

  static Result<Region> RegionOf(const Image& mask, uint32_t padding, double ratio);
  static Image Cut(const Image& image, const Region& region);

  const InpaintOptions options_;
  bool masked_ = false;
  Image original_;  // RGB
  Image mask_;      // grey, of the same size: how much of the picture is seen
  Region region_;   // of the original where the picture goes; all of it unless only_masked
};

}  // namespace minnow
