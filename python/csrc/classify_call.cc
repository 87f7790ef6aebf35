// SPDX-License-Identifier: Apache-2.0
// Texts to the scores of a classifier: labels, and ranks.
#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csrc/bulk.h"
#include "csrc/calls.h"
#include "csrc/python_api.h"
#include "csrc/session.h"
#include "csrc/texts.h"
#include "tasks/classify.h"

namespace minnow::python {
namespace {

// Python objects are made for so many texts before signals are looked at again.
constexpr size_t kObjectsABeat = 4096;

struct Scores {
  const ClassifyModel* model = nullptr;
  std::vector<float> raw;  // [texts, N], as the head gives them
};

using Read = std::function<Result<TokenizedText>(const ClassifyModel& model, size_t text)>;

// Without the GIL.
Result<Scores> Score(const std::vector<std::string_view>& texts, const ClassifyModel& model,
                     const Read& read, Session& session, Pulse& pulse, WithoutGil& gil) {
  const size_t labels = model.labels().size();
  Scores scores{&model, std::vector<float>(texts.size() * labels)};
  const BulkWork work = {.count = texts.size(),
                         .bytes = [&](size_t i) { return texts[i].size(); },
                         .read = [&](size_t i) -> Result<TokenizedText> {
                           Result<TokenizedText> tokens = read(model, i);
                           if (!tokens.ok())
                             return Annotate(std::move(tokens).error(), NameOfText(i));
                           return tokens;
                         },
                         .take =
                             [&](size_t i, const float* row) {
                               std::copy_n(row, labels,
                                           scores.raw.begin() + static_cast<ptrdiff_t>(i * labels));
                             },
                         .go_on = [&](size_t done) { return pulse.Beat(gil, done); }};
  MINNOW_RETURN_IF_ERROR(RunBulk(work, TextBatch::Output::kPooled, labels, session.Batch(model),
                                 model.max_tokens(), session.Pool()));
  return scores;
}

bool Put(PyObject* dict, const char* name, Ref value) {
  return value && PyDict_SetItemString(dict, name, value.get()) == 0;
}

Ref LabelList(std::span<const LabelScore> best, const std::vector<Ref>& labels) {
  Ref list(PyList_New(0));
  for (const LabelScore& one : best) {
    if (!list) break;
    Ref dict(PyDict_New());
    const bool made = dict &&
                      PyDict_SetItemString(dict.get(), "label", labels[one.label].get()) == 0 &&
                      Put(dict.get(), "score", Ref(PyFloat_FromDouble(one.score))) &&
                      PyList_Append(list.get(), dict.get()) == 0;
    if (!made) return {};
  }
  return list;
}

// A list for each text.
PyObject* LabelLists(const Scores& scores, size_t top_k) {
  std::vector<Ref> labels;
  for (const std::string& label : scores.model->labels()) {
    labels.push_back(ToStr(label));
    if (!labels.back()) return nullptr;
  }
  const std::span<const float> all = scores.raw;
  Ref lists(PyList_New(0));
  for (size_t at = 0; lists && at < all.size(); at += labels.size()) {
    const Ref list = LabelList(BestFirst(all.subspan(at, labels.size()), top_k), labels);
    if (!list || PyList_Append(lists.get(), list.get()) != 0) return nullptr;
    if (at / labels.size() % kObjectsABeat == 0 && PyErr_CheckSignals() != 0) return nullptr;
  }
  return lists.release();
}

// Best first, equal ones in their own order, by the raw scores; told by their sigmoid.
PyObject* RankedList(const Scores& scores, size_t top_k) {
  Ref list(PyList_New(0));
  for (LabelScore& one : BestFirst(scores.raw, top_k)) {
    ApplyScoreFunction(ScoreFunction::kSigmoid, {&one.score, 1});
    const Ref pair(
        Py_BuildValue("nd", static_cast<Py_ssize_t>(one.label), static_cast<double>(one.score)));
    if (!list || !pair || PyList_Append(list.get(), pair.get()) != 0) return nullptr;
  }
  return list.release();
}

}  // namespace

PyObject* ClassifyCall(PyObject* module, PyObject* args) {
  return Guarded([&]() -> PyObject* {
    PyObject *handle = nullptr, *tuple = nullptr, *progress = nullptr;
    Py_ssize_t top_k = 0;
    std::vector<std::string_view> texts;
    if (PyArg_ParseTuple(args, "O!O!nO", StateOf(module).handle_type, &handle, &PyTuple_Type,
                         &tuple, &top_k, &progress) == 0 ||
        !ReadTexts(tuple, &texts))
      return nullptr;
    Session session(reinterpret_cast<Handle*>(handle));
    if (!session.Begin()) return nullptr;
    Pulse pulse(session, progress);
    Result<Scores> scores = [&]() -> Result<Scores> {
      WithoutGil gil;
      MINNOW_ASSIGN_OR_RETURN(const ClassifyModel* const model, session.model().Classifier());
      const auto read = [&](const ClassifyModel& of, size_t i) {
        return of.Tokenize(texts[i], LengthPolicy{});
      };
      return Score(texts, *model, read, session, pulse, gil);
    }();
    if (pulse.failed()) return nullptr;
    if (!scores.ok()) return Raise(scores.error());
    scores->model->ApplyScores(scores->raw);
    if (!pulse.Finish(texts.size())) return nullptr;
    return LabelLists(*scores, static_cast<size_t>(std::max<Py_ssize_t>(top_k, 0)));
  });
}

PyObject* RerankCall(PyObject* module, PyObject* args) {
  return Guarded([&]() -> PyObject* {
    PyObject *handle = nullptr, *query_object = nullptr, *tuple = nullptr, *progress = nullptr;
    Py_ssize_t top_k = 0;
    std::string_view query;
    std::vector<std::string_view> texts;
    if (PyArg_ParseTuple(args, "O!OO!nO", StateOf(module).handle_type, &handle, &query_object,
                         &PyTuple_Type, &tuple, &top_k, &progress) == 0 ||
        !ReadText(query_object, "query", &query) || !ReadTexts(tuple, &texts))
      return nullptr;
    Session session(reinterpret_cast<Handle*>(handle));
    if (!session.Begin()) return nullptr;
    Pulse pulse(session, progress);
    const Result<Scores> scores = [&]() -> Result<Scores> {
      WithoutGil gil;
      MINNOW_ASSIGN_OR_RETURN(const ClassifyModel* const model, session.model().Classifier());
      MINNOW_RETURN_IF_ERROR(CheckReranker(*model, session.model().source().name()));
      const auto read = [&](const ClassifyModel& of, size_t i) {
        return of.TokenizePair(query, texts[i], LengthPolicy{});
      };
      return Score(texts, *model, read, session, pulse, gil);
    }();
    if (pulse.failed()) return nullptr;
    if (!scores.ok()) return Raise(scores.error());
    if (!pulse.Finish(texts.size())) return nullptr;
    return RankedList(*scores, static_cast<size_t>(std::max<Py_ssize_t>(top_k, 0)));
  });
}

}  // namespace minnow::python
