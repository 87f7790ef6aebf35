// SPDX-License-Identifier: Apache-2.0
// Texts to vectors: of a list, and of an Arrow column.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csrc/arrow_column.h"
#include "csrc/bulk.h"
#include "csrc/calls.h"
#include "csrc/python_api.h"
#include "csrc/session.h"
#include "csrc/texts.h"
#include "csrc/vectors.h"
#include "tasks/embed.h"

namespace minnow::python {
namespace {

struct EncodeArguments {
  PyObject* handle = nullptr;
  PyObject* input = nullptr;
  PromptChoice prompt;
  bool normalize = true;
  size_t truncate_dim = 0;  // 0: all of a vector
  PyObject* progress = nullptr;

  bool Parse(PyObject* module, PyObject* args) {
    int kind = 0, length_one = 0;
    const char* text = nullptr;
    Py_ssize_t bytes = 0, dimensions = 0;
    if (PyArg_ParseTuple(args, "O!Ois#pnO", StateOf(module).handle_type, &handle, &input, &kind,
                         &text, &bytes, &length_one, &dimensions, &progress) == 0)
      return false;
    if (kind < 0 || kind > static_cast<int>(PromptChoice::Kind::kNone) || dimensions < 0) {
      Raise(PyExc_ValueError, "prompt_kind or truncate_dim: not in its range");
      return false;
    }
    prompt = {static_cast<PromptChoice::Kind>(kind), std::string(text, static_cast<size_t>(bytes))};
    normalize = length_one != 0;
    truncate_dim = static_cast<size_t>(dimensions);
    return true;
  }
};

// What is encoded: texts, of which some may be null.
struct Input {
  const std::vector<std::string_view>& texts;
  const ArrowColumn* column = nullptr;  // null: a list

  std::string NameOf(size_t i) const {
    return column != nullptr ? "column[" + std::to_string(i) + "]" : NameOfText(i);
  }
};

// The rows of what is no null, and which rows those are.
std::vector<size_t> MarkNulls(const Input& input, VectorStorage& storage) {
  std::vector<size_t> rows;
  if (input.column == nullptr || input.column->nulls() == 0) return rows;
  storage.nulls = static_cast<int64_t>(input.column->nulls());
  storage.valid.resize((storage.rows + 7) / 8);
  rows.reserve(storage.rows - input.column->nulls());
  for (size_t i = 0; i < storage.rows; ++i) {
    if (input.column->is_null(i)) continue;
    rows.push_back(i);
    storage.valid[i / 8] |= static_cast<uint8_t>(1 << (i % 8));
  }
  return rows;
}

// Without the GIL.
Result<std::shared_ptr<VectorStorage>> Encode(const EncodeArguments& arguments, const Input& input,
                                              Session& session, Pulse& pulse, WithoutGil& gil) {
  MINNOW_ASSIGN_OR_RETURN(const EmbeddingModel* const model, session.model().Embedding());
  const size_t size = model->embedding_size();
  if (arguments.truncate_dim > size) {
    return Error{Code::kInvalidArgument, "truncate_dim: " + std::to_string(arguments.truncate_dim) +
                                             ", limit " + std::to_string(size)};
  }
  MINNOW_ASSIGN_OR_RETURN(const Prompt prompt, model->MakePrompt(arguments.prompt));
  const size_t columns = arguments.truncate_dim > 0 ? arguments.truncate_dim : size;
  auto storage = std::make_shared<VectorStorage>(input.texts.size(), columns);
  const std::vector<size_t> rows = MarkNulls(input, *storage);
  const auto row_of = [&](size_t i) { return storage->nulls == 0 ? i : rows[i]; };
  const BulkWork work = {.count = storage->rows - static_cast<size_t>(storage->nulls),
                         .bytes = [&](size_t i) { return input.texts[row_of(i)].size(); },
                         .read = [&](size_t i) -> Result<TokenizedText> {
                           Result<TokenizedText> tokens =
                               model->Tokenize(input.texts[row_of(i)], LengthPolicy{}, prompt);
                           if (!tokens.ok())
                             return Annotate(std::move(tokens).error(), input.NameOf(row_of(i)));
                           return tokens;
                         },
                         .take =
                             [&](size_t i, const float* vector) {
                               CutVector(vector, columns, columns < size && arguments.normalize,
                                         storage->row(row_of(i)));
                             },
                         .go_on = [&](size_t done) { return pulse.Beat(gil, done); }};
  const auto output =
      arguments.normalize ? TextBatch::Output::kNormalized : TextBatch::Output::kPooled;
  MINNOW_RETURN_IF_ERROR(
      RunBulk(work, output, size, session.Batch(*model), model->max_tokens(), session.Pool()));
  return storage;
}

PyObject* EncodeInput(PyObject* module, const EncodeArguments& arguments, const Input& input) {
  Session session(reinterpret_cast<Handle*>(arguments.handle));
  if (!session.Begin()) return nullptr;
  Pulse pulse(session, arguments.progress);
  const auto storage = [&] {
    WithoutGil gil;
    return Encode(arguments, input, session, pulse, gil);
  }();
  if (pulse.failed()) return nullptr;
  if (!storage.ok()) return Raise(storage.error());
  if (!pulse.Finish(input.texts.size())) return nullptr;
  return NewVectors(StateOf(module).vectors_type, *storage);
}

}  // namespace

PyObject* EncodeCall(PyObject* module, PyObject* args) {
  return Guarded([&]() -> PyObject* {
    EncodeArguments arguments;
    std::vector<std::string_view> texts;
    if (!arguments.Parse(module, args) || !ReadTexts(arguments.input, &texts)) return nullptr;
    return EncodeInput(module, arguments, {.texts = texts});
  });
}

PyObject* EncodeArrowCall(PyObject* module, PyObject* args) {
  return Guarded([&]() -> PyObject* {
    EncodeArguments arguments;
    ArrowColumn column;
    if (!arguments.Parse(module, args) || !column.Read(arguments.input)) return nullptr;
    return EncodeInput(module, arguments, {.texts = column.texts(), .column = &column});
  });
}

}  // namespace minnow::python
