// SPDX-License-Identifier: Apache-2.0
// Parity of whole tokenizers with Hugging Face's (files made by tools/make_tokenizer_golden.py
// and make_unigram_golden.py, and shared data), and what parity cannot show: bytes that are no
// UTF-8, large inputs, threads.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "formats/json.h"
#include "text/unicode.h"

namespace minnow {
namespace {

std::string GoldenPath(const std::string& name) {
  return std::string(MINNOW_SOURCE_DIR) + "/tests/golden/tokenizer/" + name;
}

std::string DataPath(const std::string& name) {
  const char* data = std::getenv("MINNOW_DATA");
  return (data != nullptr ? std::string(data)
                          : std::string(MINNOW_SOURCE_DIR) + "/../shared/data") +
         "/" + name;
}

std::unique_ptr<const Tokenizer> Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  const std::string json(std::istreambuf_iterator<char>(in), {});
  auto tokenizer = Tokenizer::FromJson(json, path);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

// Calls body(case, line number) for each line of a file of JSON.
template <class Body>
void ForEachLine(const std::string& path, const Body& body) {
  std::ifstream in(path, std::ios::binary);
  ASSERT_TRUE(in) << path;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    auto document = JsonDocument::Parse(line, path);
    ASSERT_TRUE(document.ok()) << document.error().message;
    body(document.value().root(), number);
  }
  ASSERT_TRUE(in.eof());
}

template <class T>
std::vector<T> Ints(const JsonView& array) {
  std::vector<T> out;
  for (const JsonView item : array.Items())
    out.push_back(static_cast<T>(item.Int(0, INT32_MAX).value()));
  return out;
}

std::vector<uint32_t> Flat(const std::vector<TokenOffset>& offsets) {
  std::vector<uint32_t> out;
  for (const TokenOffset& offset : offsets) out.insert(out.end(), {offset.begin, offset.end});
  return out;
}

class GoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, EqualsHuggingFace) {
  const std::string name = GetParam();
  const auto tokenizer = Load(GoldenPath(name + ".json"));
  int cases = 0;
  ForEachLine(GoldenPath(name + ".jsonl"), [&](const JsonView& json, int line) {
    SCOPED_TRACE(name + ".jsonl:" + std::to_string(line));
    EncodeOptions options;
    options.want_offsets = true;
    options.max_tokens = static_cast<size_t>(json.GetInt("max", 0, 1000, 0).value());
    options.add_special_tokens = json.GetBool("add_special", true).value();
    if (json.GetBool("left", false).value())
      options.truncation_direction = TruncationDirection::kLeft;
    const std::string_view text = json.GetString("text").value();
    const auto encode = [&] {
      const auto pair = json.Find("pair");
      return pair ? tokenizer->EncodePair(text, pair->String().value(), options)
                  : tokenizer->Encode(text, options);
    };
    const Encoding encoding = encode();
    EXPECT_EQ(encoding.ids, Ints<TokenId>(json.Get("ids").value()));
    EXPECT_EQ(encoding.type_ids, Ints<uint8_t>(json.Get("type_ids").value()));
    EXPECT_EQ(encoding.special, Ints<uint8_t>(json.Get("special").value()));
    EXPECT_EQ(Flat(encoding.offsets), Ints<uint32_t>(json.Get("offsets").value()));
    EXPECT_EQ(tokenizer->Decode(encoding.ids, false), json.GetString("decoded").value());
    EXPECT_EQ(tokenizer->Decode(encoding.ids, true), json.GetString("skipped").value());
    options.want_offsets = false;
    EXPECT_EQ(encode().ids, encoding.ids);
    options.max_tokens = 0;
    EXPECT_EQ(encode().ids.size(), encoding.untruncated_tokens);
    ++cases;
  });
  EXPECT_GT(cases, 200);
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenTest,
                         testing::Values("uncased", "flags", "cased", "accents", "sequence", "nfkd",
                                         "bare", "older", "bpe_roberta", "bpe_prefix_space",
                                         "bpe_cl100k", "bpe_qwen", "bpe_clip", "bpe_suffix",
                                         "bpe_bytes", "bpe_cuts", "unigram", "unigram_older",
                                         "unigram_bytes", "unigram_first", "unigram_never"),
                         [](const auto& info) { return std::string(info.param); });

class BertTokenizerTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = DataPath("hf_layout_minilm/tokenizer.json");
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << " (MINNOW_DATA)";
    tokenizer_ = Load(path);
  }
  std::unique_ptr<const Tokenizer> tokenizer_;
};

struct GoldenColumn {
  const char* directory;  // of tokenizer files, in the test data
  const char* column;
};

void PrintTo(const GoldenColumn& golden, std::ostream* out) { *out << golden.directory; }

class GoldenTokensTest : public testing::TestWithParam<GoldenColumn> {};

TEST_P(GoldenTokensTest, EveryRow) {
  const std::string path = DataPath(GetParam().directory);
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << " (MINNOW_DATA)";
  const auto tokenizer = Tokenizer::LoadDirectory(path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  int cases = 0;
  ForEachLine(DataPath("golden_tokens/golden.jsonl"), [&](const JsonView& json, int line) {
    const Encoding encoding = (*tokenizer)->Encode(json.GetString("text").value(), {});
    EXPECT_EQ(encoding.ids, Ints<TokenId>(json.Get(GetParam().column).value())) << "line " << line;
    ++cases;
  });
  EXPECT_GT(cases, 500);
}

INSTANTIATE_TEST_SUITE_P(Columns, GoldenTokensTest,
                         testing::Values(GoldenColumn{"hf_layout_minilm", "bert-base-uncased"},
                                         GoldenColumn{"tok_hf/roberta-base", "roberta-base"},
                                         GoldenColumn{"tok_hf/clip", "clip"},
                                         GoldenColumn{"hf_layout_sd15/tokenizer", "clip"}));

TEST_F(BertTokenizerTest, SentenceTransformersTruncation) {
  EncodeOptions options;
  options.max_tokens = 256;
  int cases = 0;
  ForEachLine(DataPath("minilm_golden/texts.jsonl"), [&](const JsonView& json, int line) {
    const Encoding encoding = tokenizer_->Encode(json.GetString("text").value(), options);
    EXPECT_EQ(encoding.ids, Ints<TokenId>(json.Get("input_ids").value())) << "line " << line;
    ++cases;
  });
  EXPECT_GT(cases, 100);
}

TEST_F(BertTokenizerTest, VocabularyGoesBothWays) {
  ASSERT_EQ(tokenizer_->vocab_size(), 30522u);
  EXPECT_STREQ(tokenizer_->type(), "WordPiece");
  for (TokenId id = 0; id < 30522; ++id) {
    const auto token = tokenizer_->IdToToken(id);
    ASSERT_TRUE(token.has_value());
    EXPECT_EQ(tokenizer_->TokenToId(*token), id);
  }
  EXPECT_FALSE(tokenizer_->IdToToken(30522).has_value());
  EXPECT_FALSE(tokenizer_->IdToToken(-1).has_value());
  EXPECT_FALSE(tokenizer_->TokenToId("no such token").has_value());
}

TEST(TokenizerTest, IllFormedBytesAreReplacementCharacters) {
  const auto tokenizer = Load(GoldenPath("accents.json"));  // keeps U+FFFD
  EncodeOptions options;
  options.want_offsets = true;
  for (const std::string text :
       {"a\xFF b", "a\xE4\xB8 b", "\xED\xA0\x80 the", "\xF4\x90\x80\x80", "the\xC3"}) {
    const Encoding bytes = tokenizer->Encode(text, options);
    const Encoding repaired = tokenizer->Encode(RepairUtf8(text), options);
    EXPECT_EQ(bytes.ids, repaired.ids);
    EXPECT_EQ(bytes.offsets, repaired.offsets);
  }
}

TEST(TokenizerTest, MaxTokensHolds) {
  const auto tokenizer = Load(GoldenPath("uncased.json"));
  for (size_t max = 1; max < 8; ++max) {
    EncodeOptions options;
    options.max_tokens = max;
    options.want_offsets = true;
    const Encoding single = tokenizer->Encode("the quick brown fox", options);
    const Encoding pair = tokenizer->EncodePair("the quick brown", "lazy dog a b c", options);
    for (const Encoding* e : {&single, &pair}) {
      EXPECT_LE(e->ids.size(), max);
      EXPECT_EQ(e->type_ids.size(), e->ids.size());
      EXPECT_EQ(e->special.size(), e->ids.size());
      EXPECT_EQ(e->offsets.size(), e->ids.size());
    }
    EXPECT_EQ(single.untruncated_tokens, 6u);
    EXPECT_EQ(pair.untruncated_tokens, 11u);
  }
}

TEST(TokenizerTest, DecodeSkipsUnknownIds) {
  const auto tokenizer = Load(GoldenPath("uncased.json"));
  const TokenId the = *tokenizer->TokenToId("the");
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{-5, the, 1 << 30, INT32_MIN, the}, false),
            "the the");
}

// Nothing here is quadratic: ten times as much would take a hundred times as long, and these would
// not end.
TEST(TokenizerTest, LargeInputsTakeLinearTime) {
  const auto tokenizer = Load(GoldenPath("flags.json"));
  const auto repeated = [](std::string_view text, size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += text;
    return out;
  };
  constexpr size_t kBytes = 2'000'000;
  const std::string texts[] = {
      repeated("the quick fox ", kBytes),
      repeated("a", kBytes),
      repeated("\u0301\u0316", kBytes),
      repeated("[MASK]", kBytes),
      repeated(" ", kBytes),
      repeated("   <left>", kBytes),
      repeated("<both>   ", kBytes),
      repeated("<left", kBytes),
      repeated("中", kBytes),
      repeated("\u0344\u0f73", kBytes),
      repeated("\xF0\x9F", kBytes),
      repeated(std::string(1, '\0'), kBytes),
      repeated("\uFDFA\u1112", kBytes),
      repeated("!Word", kBytes),
  };
  const std::clock_t begin = std::clock();
  EncodeOptions options;
  options.want_offsets = true;
  for (const std::string& text : texts) {
    const Encoding encoding = tokenizer->Encode(text, options);
    EXPECT_EQ(encoding.offsets.size(), encoding.ids.size());
  }
  // Processor time; about 2 s in release.
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 60);
}

TEST(TokenizerTest, ManyThreads) {
  const auto tokenizer = Load(GoldenPath("uncased.json"));
  const std::string text = "the quick brown fox, Zürich 中国 [MASK] naïve";
  const Encoding expected = tokenizer->Encode(text, {});
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int& count : wrong) {
    threads.emplace_back([&, count_of = &count] {
      for (int i = 0; i < 500; ++i) *count_of += tokenizer->Encode(text, {}).ids != expected.ids;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST(TokenizerTest, LoadDirectorySaysWhatIsMissing) {
  const auto missing = Tokenizer::LoadDirectory("/no/such/directory");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_NE(missing.error().message.find("/no/such/directory/tokenizer.json"), std::string::npos);
}

// "embedding" is two tokens of one word. What pipelines make of windows: tests/golden/token_heads.
TEST(Windows, WordsAndPlaces) {
  const auto tokenizer = Load(GoldenPath("uncased.json"));
  EncodeOptions options = {.want_offsets = true, .max_tokens = 5};
  const std::string text = "the embedding fox";
  const auto windows = tokenizer->EncodeWindows(text, nullptr, options, {.stride = 1});
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0].ids.size(), 5u);
  EXPECT_EQ(windows[0].words, (std::vector<uint32_t>{0, 0, 1, 1, 0}));
  EXPECT_EQ(windows[1].words, (std::vector<uint32_t>{0, 1, 2, 0}));
  EXPECT_EQ(windows[1].window_begin, 2u);
  EXPECT_EQ(windows[1].untruncated_tokens, 6u);
  EXPECT_EQ(Flat(windows[1].offsets), (std::vector<uint32_t>{0, 0, 9, 13, 14, 17, 0, 0}));
  // Of a pair the second text is cut, and the first stands in each window.
  options.max_tokens = 6;
  const std::string_view second = text;
  const auto pairs = tokenizer->EncodeWindows("fox", &second, options, {.stride = 0});
  ASSERT_EQ(pairs.size(), 2u);
  for (const Encoding& pair : pairs) EXPECT_EQ(pair.ids[1], *tokenizer->TokenToId("fox"));
  EXPECT_EQ((std::vector<size_t>{pairs[1].second_begin, pairs[1].second_end}),
            (std::vector<size_t>{3, 5}));
}

// However little room there is, windows go on and end.
TEST(Windows, NoRoom) {
  const auto tokenizer = Load(GoldenPath("uncased.json"));
  const std::string text = "the quick brown fox";
  const std::string_view second = text;
  for (const size_t limit : {1, 2, 3, 4, 5}) {
    for (const size_t stride : {0, 1, 2, 100}) {
      const EncodeOptions options = {.want_offsets = true, .max_tokens = limit};
      for (const std::string_view* other :
           {static_cast<const std::string_view*>(nullptr), &second}) {
        const auto windows = tokenizer->EncodeWindows(text, other, options, {.stride = stride});
        EXPECT_GE(windows.size(), 1u);
        EXPECT_LE(windows.size(), 4u);
        for (const Encoding& window : windows) {
          EXPECT_LE(window.ids.size(), limit);
          EXPECT_EQ(window.offsets.size(), window.ids.size());
          EXPECT_EQ(window.words.size(), window.ids.size());
          EXPECT_EQ(window.special.size(), window.ids.size());
          EXPECT_LE(window.second_end, window.ids.size());
        }
      }
    }
  }
}

TEST(Tokenizer, UnknownTokensAndPrefixes) {
  const auto wordpiece = Load(GoldenPath("uncased.json"));
  EXPECT_TRUE(wordpiece->has_subword_prefix());
  EXPECT_EQ(wordpiece->unknown_id(), wordpiece->TokenToId("[UNK]"));
  EXPECT_EQ(wordpiece->Join({"em", "##bed", "fox"}), "embed fox");
  for (const char* name : {"bpe_roberta.json", "unigram.json"}) {
    const auto tokenizer = Load(GoldenPath(name));
    EXPECT_FALSE(tokenizer->has_subword_prefix());
    EXPECT_EQ(tokenizer->unknown_id(), tokenizer->TokenToId("<unk>"));
  }
}

}  // namespace
}  // namespace minnow
