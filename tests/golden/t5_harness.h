// SPDX-License-Identifier: Apache-2.0
// What tests of T5 share: models from directories, and answers by the best id.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "formats/json.h"
#include "models/source.h"
#include "models/t5/t5_model.h"

namespace minnow {

inline constexpr T5Limits kT5Limits = {.max_input_tokens = 200, .max_output_tokens = 40};

std::string T5Golden(const std::string& name);  // a directory of tests/golden/t5
std::string T5Shared();                         // of the shared test data; may not be there

inline Result<std::unique_ptr<T5Model>> LoadT5(const std::string& path,
                                               const EncoderPrecision& precision = {},
                                               const T5Limits& limits = kT5Limits) {
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
  return T5Model::Load(source, {.precision = precision, .limits = limits});
}

inline std::unique_ptr<T5Model> MustLoadT5(const std::string& path,
                                           const EncoderPrecision& precision = {}) {
  auto model = LoadT5(path, precision);
  EXPECT_TRUE(model.ok()) << model.error().message;
  return model.ok() ? std::move(model).value() : nullptr;
}

struct T5Case {
  std::vector<int32_t> ids;
  std::vector<float> encoder_mean;
  std::vector<float> encoder_first;
  std::vector<float> first_logits;
  std::vector<int32_t> greedy;  // the start token first
};

inline std::vector<T5Case> ReadT5Cases(const JsonView& list, const char* ids_name) {
  const auto ids = [](const JsonView& array) {
    std::vector<int32_t> out;
    for (const JsonView item : array.Items())
      out.push_back(static_cast<int32_t>(item.Int(0, 1 << 20).value()));
    return out;
  };
  const auto floats = [](const JsonView& array) {
    std::vector<float> out;
    for (const JsonView item : array.Items())
      out.push_back(static_cast<float>(item.Number().value()));
    return out;
  };
  std::vector<T5Case> cases;
  for (const JsonView item : list.Items()) {
    cases.push_back({ids(item.Get(ids_name).value()), floats(item.Get("encoder_mean").value()),
                     floats(item.Get("encoder_first").value()),
                     floats(item.Get("first_logits").value()), ids(item.Get("greedy").value())});
  }
  return cases;
}

inline float LargestT5Difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::fmax(largest, std::fabs(a[i] - b[i]));
  return largest;
}

// A model with a workspace, and what requests it serves.
class T5Runner {
 public:
  T5Runner(const T5Model& model, int threads, size_t max_tokens = 600, size_t max_rows = 24)
      : model_(model),
        pool_(threads),
        workspace_(model.NewWorkspace(max_tokens, max_rows, &pool_)) {}

  std::vector<float> Hidden(std::span<const std::vector<int32_t>> texts) {
    const Packed packed(texts);
    std::vector<float> out(packed.ids.size() * model_.config().d_model);
    model_.Hidden(packed.batch(), *workspace_, out.data());
    return out;
  }

  // Caches of texts that were encoded as one batch.
  std::vector<std::unique_ptr<T5Cache>> Encode(std::span<const std::vector<int32_t>> texts,
                                               size_t beams = 1) {
    const Packed packed(texts);
    std::vector<std::unique_ptr<T5Cache>> caches;
    std::vector<T5Cache*> pointers;
    for (const auto& text : texts) {
      caches.push_back(std::make_unique<T5Cache>(model_.config(), text.size(),
                                                 kT5Limits.max_output_tokens, beams));
      pointers.push_back(caches.back().get());
    }
    model_.Encode(packed.batch(), pointers, *workspace_);
    return caches;
  }
  std::unique_ptr<T5Cache> EncodeOne(const std::vector<int32_t>& text, size_t beams = 1) {
    return std::move(Encode({&text, 1}, beams)[0]);
  }

  // Scores of each row, without the padding.
  std::vector<std::vector<float>> Step(std::span<const T5Row> rows) {
    std::vector<float> logits(rows.size() * model_.logits_stride());
    model_.Step(rows, *workspace_, logits.data());
    std::vector<std::vector<float>> out;
    for (size_t r = 0; r < rows.size(); ++r) {
      const float* row = logits.data() + r * model_.logits_stride();
      out.emplace_back(row, row + model_.config().vocab_size);
    }
    return out;
  }
  std::vector<float> StepOne(T5Cache& cache, int32_t token) {
    const T5Row row = {&cache, 0, token};
    return Step({&row, 1})[0];
  }

  static int32_t Best(std::span<const float> scores) {
    return static_cast<int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  }

  // The start token and then the best `steps` ids.
  std::vector<int32_t> Greedy(const std::vector<int32_t>& text, size_t steps) {
    const auto cache = EncodeOne(text);
    std::vector<int32_t> ids = {0};
    for (size_t i = 0; i < steps; ++i) ids.push_back(Best(StepOne(*cache, ids.back())));
    return ids;
  }

  T5Workspace& workspace() { return *workspace_; }

 private:
  struct Packed {
    explicit Packed(std::span<const std::vector<int32_t>> texts) {
      for (const auto& text : texts) {
        ids.insert(ids.end(), text.begin(), text.end());
        starts.push_back(static_cast<int32_t>(ids.size()));
      }
    }
    TokenBatch batch() const {
      return {.ids = ids, .starts = starts, .type_ids = {}, .unpooled = {}};
    }
    std::vector<int32_t> ids;
    std::vector<int32_t> starts = {0};
  };

  const T5Model& model_;
  ThreadPool pool_;
  std::unique_ptr<T5Workspace> workspace_;
};

}  // namespace minnow
