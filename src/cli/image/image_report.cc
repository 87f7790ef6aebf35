// SPDX-License-Identifier: Apache-2.0
#include "cli/image/image_report.h"

#include <utility>

#include "tasks/image/picture.h"

namespace minnow {

Result<ImageReport> ExamineImageModel(const ModelSource& source) {
  MINNOW_ASSIGN_OR_RETURN(const auto model,
                          ImageModel::Load(source, {.dtype = std::nullopt, .tiny_vae = ""}));
  const DiffusionModel& parts = model->parts();
  ImageReport report = {.dtype = parts.dtype(),
                        .parameters = parts.parameters(),
                        .weight_bytes = parts.weight_bytes(),
                        .winograd_unet = parts.unet().info().winograd,
                        .winograd_vae = parts.vae().info().part.winograd};
  ImageRequest request;
  request.seeds = {0};
  auto settings = CheckImageRequest(*model, std::move(request));
  if (!settings.ok()) return report;  // it needs an image, whose size it takes
  report.width = settings->width;
  report.height = settings->height;
  MINNOW_ASSIGN_OR_RETURN(const auto picture,
                          Picture::Make(*model, std::move(settings).value(), nullptr, nullptr));
  report.picture_bytes = picture->memory_bytes();
  return report;
}

}  // namespace minnow
