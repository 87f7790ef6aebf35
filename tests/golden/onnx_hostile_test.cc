// SPDX-License-Identifier: Apache-2.0
// A real ONNX file with one byte changed, or cut short: it is refused or read, in little time and
// memory. The file is no part of this repository (MINNOW_DATA).
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include "base/mapped_file.h"
#include "models/encoder_model.h"
#include "models/heads/classify.h"
#include "models/onnx/onnx_source.h"
#include "models/registry.h"
#include "tests/cpu_time.h"

namespace minnow {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr int kFlips = 10000;
constexpr int kRunEvery = 20;  // flips that are also loaded and run
// The graph's nodes come first: half of the changes fall on them, not on weights.
constexpr size_t kNodeBytes = 40000;

size_t PeakBytes() {
  struct rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

class HostileOnnx : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("MINNOW_DATA");
    const std::string folder =
        (data != nullptr ? std::string(data) : MINNOW_SOURCE_DIR "/../shared/data") +
        "/onnx_fixtures/distilbert_cls/";
    const auto bytes = ReadSmallFile(folder + "model_optimized_quantized.onnx", kMaxFileBytes);
    if (!bytes.ok()) GTEST_SKIP() << bytes.error().message << " (MINNOW_DATA)";
    bytes_ = *bytes;
    folder_ = testing::TempDir() + "minnow_hostile_onnx_" + std::to_string(::getpid());
    ASSERT_EQ(std::system(("mkdir -p " + folder_).c_str()), 0);
    std::ofstream(folder_ + "/config.json")
        << ReadSmallFile(folder + "config.json", kMaxFileBytes).value();
    config_ = ReadEncoderConfig(folder_ + "/config.json").value();
    std::ofstream(path(), std::ios::binary) << bytes_;
  }
  void TearDown() override {
    if (!folder_.empty()) std::system(("rm -r " + folder_).c_str());
  }
  std::string path() const { return folder_ + "/model.onnx"; }

  bool Understand() const {
    auto file = OnnxFile::Open(path());
    if (!file.ok()) return false;
    return OnnxSource::Make(std::move(*file), config_, FamilyOf(config_.model_type)).ok();
  }
  // Scores that are numbers, or an error.
  void Run() const {
    const auto source = ModelSource::Open(path());
    ASSERT_TRUE(source.ok());
    const auto spec = ReadClassifierSpec(*source);
    if (!spec.ok()) return;
    const auto model = EncoderModel::Load(*source, spec->layout, {.dtype = Dtype::kF32});
    if (!model.ok()) return;
    ThreadPool pool(1);
    const auto workspace = (*model)->NewWorkspace(3, 1, &pool);
    const int32_t ids[] = {812, 90, 183}, starts[] = {0, 3};
    std::vector<float> scores((*model)->info().embedding_size);
    (*model)->Run({.ids = ids, .starts = starts, .type_ids = {}, .unpooled = {}},
                  /*normalize=*/false, *workspace, scores.data());
  }

  std::string bytes_;
  std::string folder_;
  EncoderConfig config_;
};

TEST_F(HostileOnnx, OneByteChanged) {
  std::mt19937 random(20260101);
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  const auto write = [&](size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
    file.flush();
  };
  Run();
  const size_t before = PeakBytes();
  std::chrono::nanoseconds longest{};
  int understood = 0;
  for (int i = 0; i < kFlips; ++i) {
    const size_t at = random() % (i % 2 == 0 ? std::min(kNodeBytes, bytes_.size()) : bytes_.size());
    write(at, static_cast<char>(bytes_[at] ^ (1 + random() % 255)));
    const auto start = ThreadCpuTime();
    understood += Understand() ? 1 : 0;
    if (i % kRunEvery == 0) Run();
    longest = std::max(longest, ThreadCpuTime() - start);
    write(at, bytes_[at]);
  }
  EXPECT_LT(longest, std::chrono::seconds(1));
  EXPECT_GT(understood, 0);
  EXPECT_LT(understood, kFlips);
  EXPECT_TRUE(Understand());
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LE(PeakBytes() - before, 2 * bytes_.size() + (size_t{64} << 20));
#endif
}

TEST_F(HostileOnnx, CutShort) {
  for (size_t size = 0; size < bytes_.size(); size += size < 2000 ? 1 : 499) {
    ASSERT_EQ(::truncate(path().c_str(), static_cast<off_t>(size)), 0);
    EXPECT_FALSE(Understand()) << size;
    std::ofstream(path(), std::ios::binary) << bytes_;
  }
}

}  // namespace
}  // namespace minnow
