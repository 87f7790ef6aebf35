// SPDX-License-Identifier: Apache-2.0
// minnow inspect on the tiny checkpoints, whole and broken in several places at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/mapped_file.h"
#include "cli/commands.h"
#include "cli/model_report.h"
#include "formats/json.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

std::string Fixture(const std::string& name) {
  return (fs::path(MINNOW_SOURCE_DIR) / "tests" / "fixtures" / name).string();
}

struct Outcome {
  int exit_code = 0;
  std::string text;
};

Outcome Inspect(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"minnow", "inspect"});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  testing::internal::CaptureStdout();
  Outcome outcome;
  outcome.exit_code = RunCommandLine(static_cast<int>(argv.size()), argv.data());
  outcome.text = testing::internal::GetCapturedStdout();
  return outcome;
}

class InspectCommand : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(testing::TempDir()) / (std::string("minnow_inspect_") + info->name());
    fs::remove_all(directory_);
    fs::copy(Fixture("tiny_bert_sharded"), directory_, fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(directory_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name, std::ios::binary) << text;
  }

  fs::path directory_;
};

TEST_F(InspectCommand, SoundModel) {
  const Outcome outcome = Inspect({directory_.string()});
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* line :
       {"  type            bert (BertModel)\n", "  hidden size     40, 5 heads of 8\n",
        "  pooling         max + mean\n", "  dense           80 -> 16, tanh\n",
        "  length limit    24 tokens (sentence_bert_config.json)\n",
        "  vocabulary      109 tokens\n", "  parameters      31,304, 62.6 kB\n", "Served: yes\n"}) {
    EXPECT_THAT(outcome.text, HasSubstr(line));
  }
  EXPECT_THAT(outcome.text, HasSubstr("encoder.layer.*.intermediate.dense.weight"));
  EXPECT_THAT(outcome.text, Not(HasSubstr("encoder.layer.1.")));
  EXPECT_THAT(Inspect({directory_.string(), "--tensors"}).text,
              HasSubstr("encoder.layer.1.intermediate.dense.weight"));
}

TEST_F(InspectCommand, Json) {
  const Outcome outcome = Inspect({"--json", "--tensors", directory_.string()});
  const auto document = JsonDocument::Parse(outcome.text, "");
  ASSERT_TRUE(document.ok()) << document.error().message;
  const JsonView root = document->root();
  EXPECT_TRUE(root.GetBool("served").value());
  EXPECT_EQ(root.Get("weights")->GetInt("parameters", 0, 1 << 30).value(), 31304);
  EXPECT_EQ(root.Get("weights")->Get("list")->size(), 37u);
  EXPECT_EQ(root.Get("sentence_vectors")->GetInt("embedding_size", 0, 1000).value(), 10);
  EXPECT_EQ(root.Get("sentence_vectors")->GetInt("max_tokens", 0, 1000).value(), 24);
}

TEST_F(InspectCommand, AllProblemsAtOnce) {
  Write("config.json", R"({"model_type": "bart"})");
  Write("tokenizer.json", "{");
  Write("model-00001-of-00002.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  fs::remove(directory_ / "model-00002-of-00002.safetensors");
  fs::remove(directory_ / "3_Dense" / "model.safetensors");
  const Outcome outcome = Inspect({directory_.string()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.text, HasSubstr("Served: no, for 5 problems\n"));
  EXPECT_THAT(outcome.text, HasSubstr("model_type: \"bart\" is not supported"));
  EXPECT_THAT(outcome.text, HasSubstr("tokenizer.json"));
  EXPECT_THAT(outcome.text, HasSubstr("is a Git LFS pointer"));
  EXPECT_THAT(outcome.text, HasSubstr("model-00002-of-00002.safetensors: cannot open"));
  EXPECT_THAT(outcome.text, HasSubstr("3_Dense: no model.safetensors"));
}

// Sound files that do not fit each other: only the loader sees it.
TEST_F(InspectCommand, WeightsThatDoNotFitTheConfig) {
  const std::string path = (directory_ / "config.json").string();
  std::string config = ReadSmallFile(path, 1 << 20).value();
  config.replace(config.find("\"intermediate_size\": 72"), 23, "\"intermediate_size\": 73");
  Write("config.json", config);
  const Outcome outcome = Inspect({directory_.string()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.text, HasSubstr("intermediate.dense"));
}

TEST_F(InspectCommand, Notes) {
  Write("tokenizer_config.json", R"({"do_lower_case": false})");
  Write("config_sentence_transformers.json",
        R"({"prompts": {"q": "query: "}, "default_prompt_name": "q"})");
  const Outcome outcome = Inspect({directory_.string()});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.text, HasSubstr("Note: tokenizer: tokenizer_config.json: do_lower_case"));
  EXPECT_THAT(outcome.text, HasSubstr(R"(Note: default_prompt_name: "q": texts get that prompt)"));
}

TEST_F(InspectCommand, HostileTensorNamesDoNotReachTheTerminal) {
  const std::string header =
      "{\"\\u001b[2Jx\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  Write("hostile.safetensors", bytes + header + "\1");
  const Outcome outcome = Inspect({(directory_ / "hostile.safetensors").string()});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.text, HasSubstr("\\u001b[2Jx"));
  EXPECT_THAT(outcome.text, Not(HasSubstr("\x1b")));
}

TEST_F(InspectCommand, PackedFile) {
  const std::string path = Fixture("packed_v1/tiny_bert_sharded_bf16_bf16.minnow");
  const Outcome outcome = Inspect({path, "--verify"});
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* line :
       {"  model           tiny_bert_sharded\n", "  precision       bf16, bf16 embeddings\n",
        "  quality         cosine to fp32 mean 0.99", "  checksum        verified\n",
        "  pooling         max + mean\n", "  vocabulary      109 tokens\n",
        "encoder.layer.*.attention.self.query_key_value.weight", "Served: yes\n"}) {
    EXPECT_THAT(outcome.text, HasSubstr(line));
  }
  EXPECT_THAT(outcome.text, Not(HasSubstr("_pad.")));
  const auto document = JsonDocument::Parse(Inspect({path, "--json"}).text, "");
  ASSERT_TRUE(document.ok()) << document.error().message;
  const JsonView packed = document->root().Get("packed").value();
  EXPECT_EQ(packed.GetString("dtype").value(), "bf16");
  EXPECT_EQ(packed.Get("quality")->GetInt("texts", 0, 1000).value(), 64);
  EXPECT_FALSE(packed.GetBool("verified").value());
}

TEST_F(InspectCommand, DamagedPackedFile) {
  std::string bytes =
      ReadSmallFile(Fixture("packed_v1/tiny_bert_int8_int8.minnow"), 1 << 20).value();
  bytes[bytes.size() - 5000] ^= 1;
  Write("model.minnow", bytes);
  const std::string path = (directory_ / "model.minnow").string();
  EXPECT_EQ(Inspect({path}).exit_code, 0);  // only the checksum sees it
  const Outcome outcome = Inspect({path, "--verify"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.text, HasSubstr("Served: no, for 1 problem\n"));
  EXPECT_THAT(outcome.text, HasSubstr("it is damaged"));
  const Outcome plain = Inspect({"--verify", directory_.string()});
  EXPECT_EQ(plain.exit_code, 0);
  EXPECT_THAT(plain.text, HasSubstr("only packed files have a checksum"));
  EXPECT_THAT(plain.text, HasSubstr("Served: yes"));
  Write("model.minnow", bytes.substr(0, bytes.size() - 64));
  EXPECT_EQ(Inspect({path}).exit_code, 1);
}

TEST_F(InspectCommand, OneFile) {
  const Outcome outcome = Inspect({(directory_ / "model-00001-of-00002.safetensors").string()});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.text, HasSubstr("Readable: yes"));
  EXPECT_EQ(Inspect({(directory_ / "config.json").string()}).exit_code, 1);
  EXPECT_EQ(Inspect({(directory_ / "none").string()}).exit_code, 1);
  EXPECT_EQ(Inspect({}).exit_code, 2);
}

TEST(ModelReport, LengthLimitIsTheSmallerOfBoth) {
  const auto report = ExamineModel(Fixture("tiny_bert_odd"), /*verify=*/false);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->length_limit()->tokens, 40);
  EXPECT_TRUE(report->layout->assumed);
  EXPECT_EQ(report->embedding_size(), 15);
}

}  // namespace
}  // namespace minnow
