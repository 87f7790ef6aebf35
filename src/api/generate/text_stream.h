// SPDX-License-Identifier: Apache-2.0
// TextStream: the answer to one request in pieces, as they come from a model's thread.
//
// Nothing is sent before the first piece: what fails until then gets an ordinary answer with its
// status. What fails later is the stream's last event. A client that leaves ends the job by its
// ClientWatch.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/call.h"
#include "api/generate/answer_writer.h"
#include "http/responder.h"

namespace minnow::api {

class TextStream {
 public:
  // `query` has a writer of a route that streams.
  TextStream(std::shared_ptr<Call> call, std::shared_ptr<GenerateQuery> query)
      : call_(std::move(call)), query_(std::move(query)) {}

  // One after the other, on any thread.
  void Add(TextPlace place, const GeneratedPiece& piece);
  // Last, once: of texts that had no pieces yet, all of them too.
  void Finish(Result<GenerateAnswer> answer);

 private:
  Served served() const { return {*call_->model().generator(), call_->facts(), query_->request}; }
  void AddTexts(const GenerateAnswer& answer);
  void Fail(Failure failure);
  void Send();

  const std::shared_ptr<Call> call_;
  const std::shared_ptr<GenerateQuery> query_;
  std::optional<http::ResponseStream> stream_;  // once it has begun
  bool has_pieces_ = false;
  bool left_ = false;  // nobody reads any more
  std::string out_;    // events not sent yet
};

}  // namespace minnow::api
