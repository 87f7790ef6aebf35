// SPDX-License-Identifier: Apache-2.0
// Packed files: the same vectors and tokens as the directory, every kind of damage, and fixtures of
// each version of the format that must stay readable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/mapped_file.h"
#include "formats/json.h"
#include "formats/packed.h"
#include "tasks/classify.h"
#include "tasks/embedding_model.h"
#include "tasks/pack.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kTexts[] = {"a small fish", "the sea is deep and the fish are many", "x", "",
                                  "unaffable fish! [MASK] Ça va"};

std::string Fixture(const std::string& name) {
  return (fs::path(MINNOW_SOURCE_DIR) / "tests" / "fixtures" / name).string();
}

class PackedModel : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(testing::TempDir()) /
                 (std::string("minnow_packed_") + std::to_string(::getpid()) + info->name());
    fs::create_directories(directory_);
    path_ = (directory_ / "model.minnow").string();
  }
  void TearDown() override { fs::remove_all(directory_); }

  void Pack(const std::string& fixture, Dtype dtype, TableType embedding) {
    const auto result =
        PackModel(Fixture(fixture), {.dtype = dtype, .embedding = embedding, .packed_by = "test"},
                  path_, &pool_, [](const std::string&) {});
    ASSERT_TRUE(result.ok()) << result.error().message;
    ASSERT_TRUE(result->quality.has_value());
    EXPECT_EQ(result->quality->texts, 64);
    EXPECT_GT(result->quality->cosine_mean, 0.9);
    EXPECT_LE(result->quality->cosine_min, result->quality->cosine_mean);
    EXPECT_EQ(result->bytes, fs::file_size(path_));
  }

  Result<std::vector<float>> Embed(const std::string& path, const EncoderPrecision& precision) {
    MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
    MINNOW_ASSIGN_OR_RETURN(const auto model, EmbeddingModel::Load(source, precision));
    EmbeddingBatch batch(*model, std::max<size_t>(512, model->max_tokens()), std::size(kTexts),
                         &pool_);
    for (const char* text : kTexts) {
      auto tokens = model->Tokenize(text, LengthPolicy{});
      if (tokens.ok() && batch.Fits(*tokens)) batch.Add(*tokens);
    }
    const auto vectors = batch.Run(/*normalize=*/true);
    return std::vector<float>(vectors.begin(), vectors.end());
  }

  std::string Contents() const { return ReadSmallFile(path_, size_t{1} << 26).value(); }
  void Write(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }
  Error LoadError() {
    auto vectors = Embed(path_, {});
    return vectors.ok() ? Error{Code::kInternal, "(loaded)"} : vectors.error();
  }

  ThreadPool pool_{1};
  fs::path directory_;
  std::string path_;
};

TEST_F(PackedModel, GivesTheSameBitsAsTheDirectory) {
  const std::pair<Dtype, TableType> precisions[] = {{Dtype::kF32, TableType::kF32},
                                                    {Dtype::kBF16, TableType::kBF16},
                                                    {Dtype::kInt8, TableType::kInt8},
                                                    {Dtype::kInt8, TableType::kInt4}};
  for (const char* fixture :
       {"tiny_bert", "tiny_bert_prefixed", "tiny_bert_sharded", "tiny_roberta", "tiny_bert_odd"}) {
    for (const auto& [dtype, embedding] : precisions) {
      Pack(fixture, dtype, embedding);
      const auto expected = Embed(Fixture(fixture), {.dtype = dtype, .embedding = embedding});
      const auto found = Embed(path_, {});
      ASSERT_TRUE(expected.ok() && found.ok()) << LoadError().message;
      ASSERT_GT(expected->size(), 0u);
      ASSERT_EQ(expected->size(), found->size());
      EXPECT_EQ(0, std::memcmp(expected->data(), found->data(), found->size() * sizeof(float)))
          << fixture << " " << DtypeName(dtype);
    }
  }
}

// RoBERTa's layers with its own kind of tokenizer, from vocab.json and merges.txt.
TEST_F(PackedModel, GivesTheSameBitsWithBytePairs) {
  const fs::path model = directory_ / "bytes";
  fs::copy(Fixture("tiny_roberta"), model, fs::copy_options::recursive);
  fs::remove(model / "tokenizer.json");
  std::string vocabulary = R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4)";
  int next = 5;
  const auto add = [&](const std::string& token) {
    vocabulary += ", \"" + token + "\": " + std::to_string(next++);
  };
  for (char c = 'a'; c <= 'z'; ++c) add(std::string(1, c));
  for (const char* token : {"\u0120", "\u0120t", "\u0120th", "\u0120the", "is", "sh", "!"})
    add(token);
  std::ofstream(model / "vocab.json") << vocabulary << "}";
  std::ofstream(model / "merges.txt")
      << "#version: 0.2\n\u0120 t\n\u0120t h\n\u0120th e\ns h\ni s\n";
  std::ofstream(model / "tokenizer_config.json") << R"({"tokenizer_class": "RobertaTokenizer"})";

  const EncoderPrecision precision = {.dtype = Dtype::kF32, .embedding = TableType::kF32};
  const auto packed =
      PackModel(model.string(),
                {.dtype = *precision.dtype, .embedding = *precision.embedding, .packed_by = "test"},
                path_, &pool_, [](const std::string&) {});
  ASSERT_TRUE(packed.ok()) << packed.error().message;
  const auto expected = Embed(model.string(), precision);
  const auto found = Embed(path_, {});
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_GT(expected->size(), 0u);
  EXPECT_EQ(*expected, *found);
  const auto tokenizer =
      Tokenizer::FromPacked(PackedFile::Open(path_).value()).value()->Encode("a the fish!", {});
  EXPECT_EQ(tokenizer.ids, (std::vector<TokenId>{0, 5, 34, 31, 10, 13, 36, 37, 2}));
}

TEST_F(PackedModel, Int8IsCalibrated) {
  Pack("tiny_bert", Dtype::kInt8, TableType::kInt8);
  const auto packed = PackedFile::Open(path_).value();
  const std::array<int64_t, 1> shape = {32};
  const auto tensor = packed->Get("transformer.encoder.layer.0.intermediate.dense.input_multiplier",
                                  TensorType::kF32, shape);
  ASSERT_TRUE(tensor.ok()) << tensor.error().message;
  float multipliers[32];
  std::memcpy(multipliers, (*tensor)->data.data(), sizeof multipliers);
  // Of an input that takes part less than others, and of one that takes part more.
  EXPECT_LT(*std::min_element(std::begin(multipliers), std::end(multipliers)), 0.9f);
  EXPECT_GT(*std::max_element(std::begin(multipliers), std::end(multipliers)), 1.1f);
}

TEST_F(PackedModel, GivesTheSameTokensAsTheDirectory) {
  for (const char* fixture : {"tiny_bert", "tiny_bert_odd", "tiny_roberta"}) {
    Pack(fixture, Dtype::kInt8, TableType::kInt8);
    const auto expected = Tokenizer::LoadDirectory(Fixture(fixture));
    const auto found = Tokenizer::FromPacked(PackedFile::Open(path_).value());
    ASSERT_TRUE(expected.ok() && found.ok());
    EXPECT_EQ((*expected)->vocab_size(), (*found)->vocab_size());
    for (const char* text : kTexts) {
      const Encoding a = (*expected)->Encode(text, {.want_offsets = true});
      const Encoding b = (*found)->Encode(text, {.want_offsets = true});
      EXPECT_EQ(a.ids, b.ids);
      EXPECT_EQ(a.offsets, b.offsets);
      EXPECT_EQ((*expected)->Decode(a.ids, false), (*found)->Decode(a.ids, false));
    }
  }
}

// BERT's layers with a Unigram tokenizer, as paraphrase-multilingual-MiniLM has them.
TEST_F(PackedModel, UnigramGivesTheSameVectorsAsTheDirectory) {
  const fs::path model = directory_ / "unigram";
  fs::copy(Fixture("tiny_bert"), model, fs::copy_options::recursive);
  fs::remove(model / "tokenizer.json");
  fs::remove(model / "tokenizer_config.json");
  std::ofstream(model / "tokenizer.json") << R"({
    "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"},
    "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["\u2581", -2], ["\u2581the", -3.3],
      ["\u2581fish", -4], ["s", -3], ["e", -3], ["a", -3], ["\u2581a", -3.5], ["de", -5.1]]}})";
  const EncoderPrecision precision = {.dtype = Dtype::kInt8, .embedding = TableType::kInt8};
  const auto expected = Embed(model.string(), precision);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  const auto packed = PackModel(
      model.string(), {.dtype = Dtype::kInt8, .embedding = TableType::kInt8, .packed_by = "test"},
      path_, &pool_, [](const std::string&) {});
  ASSERT_TRUE(packed.ok()) << packed.error().message;
  const auto found = Embed(path_, {});
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(*expected, *found);
}

TEST_F(PackedModel, PackingTwiceGivesTheSameBytes) {
  Pack("tiny_bert", Dtype::kInt8, TableType::kInt8);
  const std::string first = Contents();
  Pack("tiny_bert", Dtype::kInt8, TableType::kInt8);
  EXPECT_EQ(first, Contents());
}

TEST_F(PackedModel, KeepsWhatTheDirectorySays) {
  Pack("tiny_bert_sharded", Dtype::kInt8, TableType::kInt4);
  const auto packed = ModelSource::Open(path_);
  const auto directory = ModelSource::Open(Fixture("tiny_bert_sharded"));
  ASSERT_TRUE(packed.ok() && directory.ok());
  EXPECT_EQ(packed->model_id(), "tiny_bert_sharded");
  EXPECT_EQ(packed->ReadConfigJson(kTransformer).value(),
            directory->ReadConfigJson(kTransformer).value());
  EXPECT_EQ(packed->kind(), ModelKind::kEmbedding);
  EXPECT_EQ(packed->layout().pooling, directory->layout().pooling);
  EXPECT_EQ(packed->layout().normalize, directory->layout().normalize);
  EXPECT_EQ(packed->layout().max_seq_length, directory->layout().max_seq_length);
  EXPECT_EQ(packed->layout().dense.size(), directory->layout().dense.size());
  EXPECT_EQ(packed->packed()->header().dtype, "int8");
  EXPECT_EQ(packed->packed()->header().embedding_dtype, "int4");
  EXPECT_TRUE(packed->packed()->Verify().ok());
}

TEST_F(PackedModel, HasOnePrecision) {
  Pack("tiny_bert", Dtype::kInt8, TableType::kInt8);
  EXPECT_TRUE(Embed(path_, {.dtype = Dtype::kInt8, .embedding = TableType::kInt8}).ok());
  for (const EncoderPrecision& other :
       {EncoderPrecision{.dtype = Dtype::kF32, .embedding = std::nullopt},
        EncoderPrecision{.dtype = std::nullopt, .embedding = TableType::kInt4}}) {
    const auto vectors = Embed(path_, other);
    ASSERT_FALSE(vectors.ok());
    EXPECT_EQ(vectors.error().code, Code::kInvalidArgument);
    EXPECT_THAT(vectors.error().message, HasSubstr("packed as int8"));
  }
}

TEST_F(PackedModel, IsNotWrittenWhereItCannotBe) {
  const auto pack = [&](const std::string& to) {
    const auto result = PackModel(Fixture("tiny_bert"), {}, to, &pool_, [](const auto&) {});
    return result.ok() ? Code::kInternal : result.error().code;
  };
  EXPECT_EQ(pack((directory_ / "nowhere" / "x.minnow").string()), Code::kNotFound);
  EXPECT_EQ(pack(directory_.string()), Code::kInvalidArgument);
  EXPECT_EQ(pack("/dev/null"), Code::kInvalidArgument);
  EXPECT_TRUE(fs::is_empty(directory_));
}

// --- damage
// -------------------------------------------------------------------------------------------------------

TEST_F(PackedModel, CutShortIsCorrupt) {
  Pack("tiny_bert", Dtype::kInt8, TableType::kInt8);
  const std::string whole = Contents();
  for (size_t size = 0; size < whole.size(); size += 1 + size / 16) {
    Write(whole.substr(0, size));
    EXPECT_EQ(LoadError().code, Code::kCorrupt) << size << ": " << LoadError().message;
  }
  Write(whole + "x");
  EXPECT_EQ(LoadError().code, Code::kCorrupt);
}

TEST_F(PackedModel, OtherVersionsAndOtherFilesAreUnsupported) {
  Pack("tiny_bert", Dtype::kInt8, TableType::kInt8);
  std::string bytes = Contents();
  const std::string version = "\"minnow.format\":\"4\"";
  const size_t at = bytes.find(version);
  ASSERT_NE(at, std::string::npos);
  bytes[at + version.size() - 2] = '5';
  Write(bytes);
  EXPECT_EQ(LoadError().code, Code::kUnsupported);
  EXPECT_THAT(LoadError().message, HasSubstr("version \"5\""));
  fs::copy_file(Fixture("tiny_bert/model.safetensors"), path_,
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(LoadError().code, Code::kUnsupported);
  EXPECT_THAT(LoadError().message, HasSubstr("minnow pack"));
}

// A config that the tensors do not fit, told in as many bytes as the honest one.
TEST_F(PackedModel, LiesInTheHeaderAreFound) {
  const std::pair<std::string, std::string> lies[] = {
      {"\\\"hidden_size\\\": 32", "\\\"hidden_size\\\": 64"},
      {"\\\"intermediate_size\\\": 64", "\\\"intermediate_size\\\": 96"},
      {"\\\"num_hidden_layers\\\": 2", "\\\"num_hidden_layers\\\": 3"},
      {"\\\"vocab_size\\\": 109", "\\\"vocab_size\\\": 999"},
      {"\\\"max_position_embeddings\\\": 40", "\\\"max_position_embeddings\\\": 99"},
      {"\\\"type_vocab_size\\\": 2", "\\\"type_vocab_size\\\": 9"},
      {"\"minnow.embedding_dtype\":\"int8\"", "\"minnow.embedding_dtype\":\"int4\""},
      {"\"minnow.embedding_dtype\":\"int8\"", "\"minnow.embedding_dtype\":\"int9\""},
      {"\"minnow.dtype\":\"int8\"", "\"minnow.dtype\":\"bf16\""},
      {"\"minnow.dtype\":\"int8\"", "\"minnow.dtype\":\"int5\""},
      {"\\\"ids\\\":109", "\\\"ids\\\":199"},
      {"\\\"tokens\\\":109", "\\\"tokens\\\":999"},
      {"\"minnow.config.head\"", "\"minnow.config.heaD\""},
      {"\"minnow.config.transformer\"", "\"minnow.config.transformeR\""},
      {"\"minnow.kind\"", "\"minnow.kinD\""},
      {"\"minnow.tokenizer\"", "\"minnow.tokenizeR\""},
  };
  Pack("tiny_bert", Dtype::kInt8, TableType::kInt8);
  const std::string whole = Contents();
  for (const auto& [honest, lie] : lies) {
    std::string bytes = whole;
    const size_t at = bytes.find(honest);
    ASSERT_NE(at, std::string::npos) << honest;
    bytes.replace(at, honest.size(), lie);
    Write(bytes);
    const Error error = LoadError();
    EXPECT_NE(error.code, Code::kInternal) << lie;
    EXPECT_THAT(error.message, HasSubstr("model.minnow")) << lie;
    EXPECT_EQ(ModelSource::Open(path_).ok() && ModelSource::Open(path_)->packed()->Verify().ok(),
              false)
        << lie;
  }
}

// Any byte may be wrong anywhere: what is refused is refused in order, what is not runs. The
// checksum sees each of them.
TEST_F(PackedModel, FlippedBitsNeverCrash) {
  Pack("tiny_bert", Dtype::kInt8, TableType::kInt4);
  const std::string whole = Contents();
  std::mt19937 random(1);
  const size_t header = whole.find("  \0") == std::string::npos ? 8192 : whole.find("  \0");
  constexpr int kFlips = 6000;
  int loaded = 0;
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&file](size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at)).put(byte).flush();
    ASSERT_TRUE(file.good());
  };
  for (int i = 0; i < kFlips; ++i) {
    // Every other flip in the header, where most can go wrong.
    const size_t at = random() % (i % 2 == 0 ? whole.size() : std::min(header, whole.size()));
    put(at, static_cast<char>(whole[at] ^ (1 << random() % 8)));
    if (Embed(path_, {}).ok()) ++loaded;
    const auto packed = PackedFile::Open(path_);
    if (packed.ok()) ASSERT_FALSE((*packed)->Verify().ok()) << at;
    put(at, whole[at]);
  }
  EXPECT_GT(loaded, 0);
  EXPECT_LT(loaded, kFlips);
}

// A classifier's head and labels are in the header too: what loads gives a score for each label.
TEST_F(PackedModel, FlippedBitsOfAClassifierNeverCrash) {
  fs::copy_file(Fixture("packed_v4/tiny_distilbert_int8_int8.minnow"), path_);
  const std::string whole = Contents();
  uint64_t header = 0;
  std::memcpy(&header, whole.data(), sizeof header);
  std::mt19937 random(2);
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&file](size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at)).put(byte).flush();
    ASSERT_TRUE(file.good());
  };
  constexpr int kFlips = 2000;
  int loaded = 0;
  for (int i = 0; i < kFlips; ++i) {
    const size_t at = random() % (i % 8 == 0 ? whole.size() : header);
    put(at, static_cast<char>(whole[at] ^ (1 << random() % 8)));
    const auto source = ModelSource::Open(path_);
    const auto model = source.ok() ? ClassifyModel::Load(*source, {})
                                   : Result<std::unique_ptr<ClassifyModel>>(source.error());
    if (model.ok()) {
      TextBatch batch(**model, (*model)->max_tokens(), 1, &pool_);
      batch.Add((*model)->CheckIds(std::vector<TokenId>{1, 2}, LengthPolicy{}).value());
      std::vector<float> scores((*model)->labels().size());
      const auto raw = batch.Run(/*normalize=*/false);
      ASSERT_EQ(raw.size(), scores.size());
      std::copy(raw.begin(), raw.end(), scores.begin());
      (*model)->ApplyScores(scores);
      ++loaded;
    }
    put(at, whole[at]);
  }
  EXPECT_GT(loaded, 0);
  EXPECT_LT(loaded, kFlips);
}

// --- fixtures
// -----------------------------------------------------------------------------------------------------

// Files written by the first release of each version: never rewritten, only added to.
class PackedFixtures : public testing::TestWithParam<const char*> {};

TEST_P(PackedFixtures, StaysReadable) {
  const fs::path folder = Fixture(GetParam());
  const auto golden = JsonDocument::ReadFile((folder / "golden.json").string());
  ASSERT_TRUE(golden.ok()) << golden.error().message;
  ThreadPool pool(1);
  int compared = 0;
  for (const JsonView file : golden->root().Get("files")->Items()) {
    const std::string path = (folder / std::string(*file.GetString("name"))).string();
    const auto source = ModelSource::Open(path);
    ASSERT_TRUE(source.ok()) << source.error().message;
    EXPECT_TRUE(source->packed()->Verify().ok()) << path;
    const auto model = EmbeddingModel::Load(*source, {});
    ASSERT_TRUE(model.ok()) << model.error().message;
    EmbeddingBatch batch(**model, std::max<size_t>(512, (*model)->max_tokens()), 1, &pool);
    for (const JsonView one : file.Get("texts")->Items()) {
      batch.Add((*model)->Tokenize(*one.GetString("text"), LengthPolicy{}).value());
      const auto vector = batch.Run(/*normalize=*/true);
      const JsonView expected = one.Get("vector").value();
      ASSERT_EQ(vector.size(), expected.size());
      double cosine = 0;
      for (size_t i = 0; i < vector.size(); ++i)
        cosine += double{vector[i]} * *expected.at(i).Number();
      // Other instruction sets round in another order, and what is rounded to 8 bits may then
      // differ by a whole step.
      EXPECT_NEAR(cosine, 1, path.find("fp32") != path.npos ? 1e-5 : 1e-3) << path;
      ++compared;
    }
  }
  EXPECT_GE(compared, 12);
}

INSTANTIATE_TEST_SUITE_P(Versions, PackedFixtures,
                         testing::Values("packed_v1", "packed_v2", "packed_v3", "packed_v4"),
                         [](const auto& version) { return std::string(version.param); });

}  // namespace
}  // namespace minnow
