// SPDX-License-Identifier: Apache-2.0
// Texts to tokens.
#include <algorithm>
#include <string_view>
#include <vector>

#include "csrc/calls.h"
#include "csrc/python_api.h"
#include "csrc/session.h"
#include "csrc/texts.h"

namespace minnow::python {
namespace {

// Made without the GIL, then told with it.
constexpr size_t kTextsATurn = 64;

template <class Items, class Make>
Ref ListOf(const Items& items, const Make& make) {
  Ref list(PyList_New(static_cast<Py_ssize_t>(items.size())));
  for (size_t i = 0; list && i < items.size(); ++i) {
    PyObject* const item = make(items[i]);
    if (item == nullptr || PyList_SetItem(list.get(), static_cast<Py_ssize_t>(i), item) != 0)
      return {};
  }
  return list;
}

// {"ids": [...], "tokens": [...], "offsets": [(begin, end), ...]}
Ref EncodingDict(const Tokenizer& tokenizer, const Encoding& encoding) {
  const Ref ids = ListOf(encoding.ids, [](TokenId id) { return PyLong_FromLong(id); });
  const Ref tokens = ListOf(encoding.ids, [&](TokenId id) {
    return ToStr(tokenizer.IdToToken(id).value_or("")).release();
  });
  const Ref offsets = ListOf(encoding.offsets, [](const TokenOffset& offset) {
    return Py_BuildValue("II", offset.begin, offset.end);
  });
  Ref dict(PyDict_New());
  if (!dict || !ids || !tokens || !offsets ||
      PyDict_SetItemString(dict.get(), "ids", ids.get()) != 0 ||
      PyDict_SetItemString(dict.get(), "tokens", tokens.get()) != 0 ||
      PyDict_SetItemString(dict.get(), "offsets", offsets.get()) != 0)
    return {};
  return dict;
}

PyObject* Tokenize(const Tokenizer& tokenizer, const EncodeOptions& options,
                   const std::vector<std::string_view>& texts) {
  Ref list(PyList_New(0));
  std::vector<Encoding> encodings;
  for (size_t begin = 0; list && begin < texts.size(); begin += kTextsATurn) {
    const size_t end = std::min(texts.size(), begin + kTextsATurn);
    {
      const WithoutGil gil;
      encodings.clear();
      for (size_t i = begin; i < end; ++i) encodings.push_back(tokenizer.Encode(texts[i], options));
    }
    for (const Encoding& encoding : encodings) {
      const Ref dict = EncodingDict(tokenizer, encoding);
      if (!dict || PyList_Append(list.get(), dict.get()) != 0) return nullptr;
    }
    if (PyErr_CheckSignals() != 0) return nullptr;
  }
  return list.release();
}

}  // namespace

PyObject* TokenizeCall(PyObject* module, PyObject* args) {
  return Guarded([&]() -> PyObject* {
    PyObject *handle = nullptr, *tuple = nullptr;
    int special = 1, truncate = 0;
    std::vector<std::string_view> texts;
    if (PyArg_ParseTuple(args, "O!O!pp", StateOf(module).handle_type, &handle, &PyTuple_Type,
                         &tuple, &special, &truncate) == 0 ||
        !ReadTexts(tuple, &texts))
      return nullptr;
    Session session(reinterpret_cast<Handle*>(handle));
    if (!session.Begin()) return nullptr;
    const auto tokenizer = session.model().FindTokenizer();
    if (!tokenizer.ok()) return Raise(tokenizer.error());
    EncodeOptions options;
    options.add_special_tokens = special != 0;
    options.want_offsets = true;
    options.max_tokens = truncate != 0 ? session.model().max_tokens() : 0;
    return Tokenize(**tokenizer, options, texts);
  });
}

}  // namespace minnow::python
