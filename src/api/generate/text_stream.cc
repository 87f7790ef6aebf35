// SPDX-License-Identifier: Apache-2.0
#include "api/generate/text_stream.h"

#include <utility>

#include "api/generate/generate_call.h"
#include "tasks/generate/pieces.h"

namespace minnow::api {

void TextStream::Send() {
  if (out_.empty() || left_) return;
  if (!stream_) stream_.emplace(call_->Stream(query_->writer->stream_type()));
  left_ = !stream_->Write(out_);
  out_.clear();
}

void TextStream::Add(TextPlace place, const GeneratedPiece& piece) {
  has_pieces_ = true;
  query_->writer->WritePiece(served(), place, piece, out_);
  Send();
}

void TextStream::AddTexts(const GenerateAnswer& answer) {
  TextPlace place;
  for (; place.input < answer.inputs.size(); ++place.input) {
    const auto& sequences = answer.inputs[place.input].sequences;
    for (place.sequence = 0; place.sequence < sequences.size(); ++place.sequence, ++place.index) {
      if (!has_pieces_) {
        for (const GeneratedPiece& piece :
             PiecesOf(served().model, query_->request, sequences[place.sequence]))
          query_->writer->WritePiece(served(), place, piece, out_);
      }
      query_->writer->WriteTextEnd(served(), place, answer, out_);
    }
  }
}

void TextStream::Fail(Failure failure) {
  if (!stream_) return call_->Fail(std::move(failure));
  failure = call_->Explain(std::move(failure));
  call_->CountFailure(failure);
  query_->writer->WriteError(call_->family(), failure, out_);
  Send();
  stream_->End();
}

void TextStream::Finish(Result<GenerateAnswer> answer) {
  if (!answer.ok()) return Fail(ToFailure(std::move(answer).error(), *query_));
  AddTexts(*answer);
  query_->writer->WriteEnd(served(), *answer, out_);
  CountGenerated(*call_, *query_, *answer);
  Send();
  if (stream_) stream_->End();
}

}  // namespace minnow::api
