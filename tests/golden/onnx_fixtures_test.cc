// SPDX-License-Identifier: Apache-2.0
// ONNX files as exporters and optimisers leave them give the numbers of onnxruntime, and of the
// checkpoints that they were made of. The files are no part of this repository (MINNOW_DATA).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "formats/json.h"
#include "models/encoder_model.h"
#include "models/heads/classify.h"
#include "models/heads/token_head.h"
#include "models/onnx/naming.h"
#include "models/onnx/onnx_source.h"
#include "models/registry.h"

namespace minnow {
namespace {

constexpr size_t kMaxTokens = 64;
constexpr float kTolerance = 1e-4f;

std::string Folder(const std::string& model) {
  const char* data = std::getenv("MINNOW_DATA");
  return (data != nullptr ? std::string(data) : MINNOW_SOURCE_DIR "/../shared/data") +
         "/onnx_fixtures/" + model;
}

void AddFloats(const JsonView& value, std::vector<float>& floats) {
  if (!value.is_array()) {
    floats.push_back(static_cast<float>(value.Number().value()));
    return;
  }
  for (const JsonView item : value.Items()) AddFloats(item, floats);
}

struct Case {
  std::vector<int32_t> ids;
  std::vector<float> output;  // raw scores, of a token classifier [T, N], or hidden states [T, C]
};

// What onnxruntime gave for that file; empty where the file is not there.
std::vector<Case> ReadCases(const std::string& model, const std::string& form) {
  std::vector<Case> cases;
  const auto document = JsonDocument::ReadFile(Folder(model) + "/" + form + ".expected.json");
  if (!document.ok()) return cases;
  const JsonView root = document->root();
  const std::string output(root.Get("outputs")->at(0).String().value());
  for (const JsonView item : root.Get("cases")->Items()) {
    Case& one = cases.emplace_back();
    for (const JsonView id : item.Get("input_ids")->Items())
      one.ids.push_back(static_cast<int32_t>(id.Int(0, 1 << 20).value()));
    AddFloats(item.Get(output).value(), one.output);
  }
  return cases;
}

// The model's output for each case in fp32: scores of a classifier of texts or tokens, else hidden
// states.
Result<std::vector<std::vector<float>>> Outputs(const std::string& path,
                                                const std::vector<Case>& cases) {
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
  const bool classifier = source.kind() == ModelKind::kClassification;
  SentenceTransformersLayout layout = source.layout();
  if (classifier) {
    MINNOW_ASSIGN_OR_RETURN(ClassifierSpec spec, ReadClassifierSpec(source));
    layout = spec.layout;
  }
  if (source.kind() == ModelKind::kTokenClassification) {
    MINNOW_ASSIGN_OR_RETURN(TokenHeadSpec spec, ReadTokenHeadSpec(source, source.kind()));
    layout = spec.layout;
  }
  MINNOW_ASSIGN_OR_RETURN(const auto model,
                          EncoderModel::Load(source, layout, {.dtype = Dtype::kF32}));
  ThreadPool pool(1);
  const auto workspace = model->NewWorkspace(kMaxTokens, 1, &pool);
  const size_t hidden = model->info().config.hidden_size;
  std::vector<std::vector<float>> outputs;
  for (const Case& one : cases) {
    const int32_t starts[] = {0, static_cast<int32_t>(one.ids.size())};
    const TokenBatch batch = {.ids = one.ids, .starts = starts, .type_ids = {}, .unpooled = {}};
    const size_t scores = static_cast<size_t>(model->info().embedding_size);
    const size_t size =
        classifier ? scores : one.ids.size() * (layout.per_token() ? scores : hidden);
    std::vector<float>& output = outputs.emplace_back(size);
    if (classifier || layout.per_token()) {
      model->Run(batch, /*normalize=*/false, *workspace, output.data());
    } else {
      model->Hidden(batch, *workspace, output.data());
    }
  }
  return outputs;
}

float Distance(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float most = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::fmax(most, std::fabs(a[i] - b[i]));
  return most;
}

double MeanSquare(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double sum = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum / static_cast<double>(a.size());
}

// The best of each `row` numbers.
std::vector<size_t> Best(const std::vector<float>& scores, size_t row) {
  std::vector<size_t> best;
  for (auto at = scores.begin(); at != scores.end(); at += static_cast<ptrdiff_t>(row))
    best.push_back(std::max_element(at, at + static_cast<ptrdiff_t>(row)) - at);
  return best;
}

class OnnxFixture : public testing::TestWithParam<const char*> {};

TEST_P(OnnxFixture, Fp32FormsGiveTheNumbersOfOnnxruntime) {
  for (const std::string form : {"model", "model_optimized"}) {
    const std::vector<Case> cases = ReadCases(GetParam(), form);
    if (cases.empty()) GTEST_SKIP() << "no " << Folder(GetParam()) << " (MINNOW_DATA)";
    const auto outputs = Outputs(Folder(GetParam()) + "/" + form + ".onnx", cases);
    ASSERT_TRUE(outputs.ok()) << outputs.error().message;
    for (size_t i = 0; i < cases.size(); ++i)
      EXPECT_LE(Distance((*outputs)[i], cases[i].output), kTolerance) << form << " case " << i;
  }
}

// The weights' error is in the file, the same for both, and most of all there is; onnxruntime
// rounds activations besides, which now and then falls on the right side. So for one file hardly
// farther from fp32 than it, and for both files of a family together no farther.
TEST_P(OnnxFixture, Int8FormsAreNoFartherFromFp32ThanOnnxruntime) {
  constexpr double kLuck = 1.1;
  double all_ours = 0, all_theirs = 0;
  for (const std::string form : {"model_quantized", "model_optimized_quantized"}) {
    const std::vector<Case> cases = ReadCases(GetParam(), form);
    const std::vector<Case> fp32 = ReadCases(GetParam(), "model");
    if (cases.empty()) GTEST_SKIP() << "no " << Folder(GetParam()) << " (MINNOW_DATA)";
    const auto outputs = Outputs(Folder(GetParam()) + "/" + form + ".onnx", cases);
    ASSERT_TRUE(outputs.ok()) << outputs.error().message;
    double ours = 0, theirs = 0;
    for (size_t i = 0; i < cases.size(); ++i) {
      ours += MeanSquare((*outputs)[i], fp32[i].output);
      theirs += MeanSquare(cases[i].output, fp32[i].output);
      // Where onnxruntime's int8 has lost the label of fp32, either will do.
      const size_t all = cases[i].output.size();
      const size_t row = GetParam() == std::string("xlmr_tok") ? all / cases[i].ids.size() : all;
      const auto best = Best((*outputs)[i], row), theirs_best = Best(cases[i].output, row);
      const auto fp32_best = Best(fp32[i].output, row);
      for (size_t t = 0; t < best.size(); ++t) {
        EXPECT_TRUE(best[t] == theirs_best[t] || best[t] == fp32_best[t])
            << form << " case " << i << " row " << t;
      }
    }
    RecordProperty(form, std::to_string(std::sqrt(ours)) + " onnxruntime's " +
                             std::to_string(std::sqrt(theirs)));
    EXPECT_LE(std::sqrt(ours), kLuck * std::sqrt(theirs)) << form;
    all_ours += ours;
    all_theirs += theirs;
  }
  EXPECT_LE(all_ours, all_theirs);
}

TEST_P(OnnxFixture, CheckpointsGiveTheSame) {
  const std::vector<Case> cases = ReadCases(GetParam(), "model");
  if (cases.empty()) GTEST_SKIP() << "no " << Folder(GetParam()) << " (MINNOW_DATA)";
  const auto outputs = Outputs(Folder(GetParam()) + "/hf", cases);
  ASSERT_TRUE(outputs.ok()) << outputs.error().message;
  for (size_t i = 0; i < cases.size(); ++i)
    EXPECT_LE(Distance((*outputs)[i], cases[i].output), kTolerance) << "case " << i;
}

// What each piece is, told without any name.
TEST_P(OnnxFixture, StructureTellsWhatNamesTell) {
  const auto config = ReadEncoderConfig(Folder(GetParam()) + "/config.json");
  if (!config.ok()) GTEST_SKIP() << "no " << Folder(GetParam()) << " (MINNOW_DATA)";
  const EncoderFamily& family = FamilyOf(config->model_type);
  for (const std::string form :
       {"model", "model_optimized", "model_quantized", "model_optimized_quantized"}) {
    const auto file = OnnxFile::Open(Folder(GetParam()) + "/" + form + ".onnx");
    ASSERT_TRUE(file.ok()) << file.error().message;
    OnnxGraph graph(**file);
    const auto pieces = ReadOnnxPieces(graph);
    ASSERT_TRUE(pieces.ok()) << pieces.error().message;
    const auto by_structure = StemsByStructure(graph, *pieces, *config, family);
    ASSERT_TRUE(by_structure.ok()) << by_structure.error().message;
    EXPECT_EQ(StemsByName(*pieces, *config, family), *by_structure) << form;
  }
}

// A directory without safetensors: the plain export is preferred.
TEST_P(OnnxFixture, DirectoryFindsThePlainExport) {
  const auto source = ModelSource::Open(Folder(GetParam()));
  if (!source.ok()) GTEST_SKIP() << "no " << Folder(GetParam()) << " (MINNOW_DATA)";
  EXPECT_EQ(source->onnx(), Folder(GetParam()) + "/model.onnx");
  EXPECT_TRUE(source->OpenTensors(kTransformer).ok());
}

INSTANTIATE_TEST_SUITE_P(Families, OnnxFixture,
                         testing::Values("bert_cls", "bert_embed", "distilbert_cls", "mpnet_embed",
                                         "xlmr_cls", "xlmr_tok"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace minnow
