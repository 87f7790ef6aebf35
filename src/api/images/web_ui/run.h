// SPDX-License-Identifier: Apache-2.0
// WebUiRun: a request of txt2img or img2img on its way: its rounds, one after the other, and the
// answer. Shared by the functions that carry it along.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/call.h"
#include "api/images/web_ui/request.h"
#include "api/images/web_ui/state.h"

namespace minnow::api {

class WebUiRun : public std::enable_shared_from_this<WebUiRun> {
 public:
  // Answers the call. job: "scripts_txt2img".
  static void Start(Call& call, WebUiQuery query, const std::shared_ptr<WebUiState>& state,
                    const char* job);

 private:
  WebUiRun(std::shared_ptr<Call> call, WebUiQuery query)
      : call_(std::move(call)),
        query_(std::move(query)),
        from_image_(query_.from_image()),
        made_(call_->context().memory) {}

  void BeginRound();
  // The job of the round that begins; the last one's takes the files along.
  ImageJobRequest MakeJob();
  void EndRound(Result<ImageAnswer> result);
  // Off the engine's threads: pictures become files.
  void Keep(ImageAnswer& answer);
  void Answer();
  void Fail(Error error);
  void WriteInfo(JsonWriter& json) const;
  void WriteLists(JsonWriter& json) const;

  const std::shared_ptr<Call> call_;
  WebUiQuery query_;
  const bool from_image_;
  std::shared_ptr<WebUiState::Work> work_;
  // What has come of the rounds so far; one round's thread at a time.
  size_t round_ = 0;
  std::shared_ptr<Inpainting> inpainting_;  // of the round under way
  std::vector<std::string> files_, texts_;  // of each picture
  MemoryShare made_;                        // counted for those of earlier rounds
  std::vector<uint64_t> seeds_;             // likewise
  std::optional<ImageSettings> settings_;   // of the first round
  size_t steps_ = 0, dropped_ = 0, dropped_negative_ = 0;
};

}  // namespace minnow::api
