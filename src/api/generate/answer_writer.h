// SPDX-License-Identifier: Apache-2.0
// GenerateQuery: what a route that generates text was asked, in the terms that all share.
// AnswerWriter: how its answer looks, at once or in pieces.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "api/errors.h"
#include "formats/json.h"
#include "serving/loaded_model.h"
#include "tasks/generate/generate.h"
#include "tasks/generate/model.h"

namespace minnow::api {

// What a writer may look at.
struct Served {
  const GenerateModel& model;
  const ModelFacts& facts;
  const GenerateRequest& request;  // without its inputs
};

// One of the texts of an answer.
struct TextPlace {
  size_t input = 0;
  size_t sequence = 0;  // of that input
  size_t index = 0;     // of all texts
};

// Of one request, on one thread at a time.
class AnswerWriter {
 public:
  AnswerWriter() = default;
  AnswerWriter(const AnswerWriter&) = delete;
  AnswerWriter& operator=(const AnswerWriter&) = delete;
  virtual ~AnswerWriter() = default;

  // The body of an answer at once.
  virtual void WriteWhole(const Served& served, const GenerateAnswer& answer, JsonWriter& json) = 0;

  // A stream: all append events to `out`. For each text its pieces, then its end; then the end of
  // all, or an error in its place. REQUIRES, all: the route streams.
  virtual std::string_view stream_type() const { return "text/event-stream"; }
  virtual void WritePiece(const Served&, TextPlace, const GeneratedPiece&, std::string&) {}
  virtual void WriteTextEnd(const Served&, TextPlace, const GenerateAnswer&, std::string&) {}
  virtual void WriteEnd(const Served&, const GenerateAnswer&, std::string&) {}
  virtual void WriteError(Family family, const Failure& failure, std::string& out) {
    out += "data: " + ErrorBody(family, failure) + "\n\n";
  }
};

// The names that the shared settings have on a wire, for messages: {"max_new_tokens",
// "max_tokens"}.
using FieldNames = std::span<const std::pair<std::string_view, std::string_view>>;

struct GenerateQuery {
  GenerateRequest request;
  size_t keep_best = 0;  // of each input's texts those of the greatest mean logprob; 0: all
  std::string model;     // empty: the first that generates
  bool batch = false;    // a list was sent
  bool stream = false;   // the answer comes in pieces
  FieldNames names = {};
  std::string_view prefix = {};  // of the settings' names in messages: "parameters."
  std::unique_ptr<AnswerWriter> writer;
};

}  // namespace minnow::api
