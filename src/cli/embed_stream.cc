// SPDX-License-Identifier: Apache-2.0
// Tokenizer and encoder in turns.
#include "cli/embed_stream.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "cli/output.h"

namespace minnow {
namespace {

constexpr size_t kBatchTokens = 16384;
constexpr size_t kBatchTexts = 4096;

}  // namespace

EmbedStream::EmbedStream(const TextModel& model, ThreadPool* pool)
    : batch_(model, std::max(kBatchTokens, model.max_tokens()), kBatchTexts, pool) {
  ReadTextsBy([&model](std::string_view text) { return model.Tokenize(text, LengthPolicy{}); });
}

void EmbedStream::ReadTextsBy(Reader reader) {
  reader_ = [reader =
                 std::move(reader)](std::string_view text) -> Result<std::vector<TokenizedText>> {
    MINNOW_ASSIGN_OR_RETURN(TokenizedText tokens, reader(text));
    std::vector<TokenizedText> one;
    one.push_back(std::move(tokens));
    return one;
  };
}

// False at the end.
Result<bool> EmbedStream::AddNext(TextInput& input, TextBatch::Output output, const Take& take) {
  MINNOW_ASSIGN_OR_RETURN(const std::optional<std::string_view> text, input.Next());
  if (!text) return false;
  const Result<std::vector<TokenizedText>> read = reader_(*text);
  if (!read.ok()) return Annotate(Error(read.error()), input.Where());
  bool cut = false;
  for (const TokenizedText& tokens : *read) {
    tokens_ += tokens.ids.size();
    if (tokens.truncated()) {
      cut = true;
      longest_ = std::max(longest_, tokens.untruncated_tokens);
    }
    const bool wanted = batch_.Fits(tokens) || take(batch_.Run(output), /*waiting=*/false);
    if (!wanted) return false;
    batch_.Add(tokens);
  }
  if (cut) ++truncated_;
  return true;
}

Status EmbedStream::Run(TextInput& input, TextBatch::Output output, const Take& take_finite) {
  Status status;
  bool finite = true;
  const Take take = [&](std::span<const float> vectors, bool waiting) {
    finite = finite && AllFinite(vectors);
    return finite && take_finite(vectors, waiting);
  };
  while (true) {
    // Whoever writes line by line gets answers line by line.
    if (batch_.texts() > 0 && !input.ready() && !take(batch_.Run(output), /*waiting=*/true)) {
      break;
    }
    const Result<bool> added = AddNext(input, output, take);
    if (!added.ok()) status = added.error();
    if (!added.ok() || !*added) break;
  }
  // What came before a wrong line is still good.
  if (batch_.texts() > 0) take(batch_.Run(output), /*waiting=*/false);
  if (!finite) return Error{Code::kInternal, kNotFinite};
  return status;
}

TextProgress::TextProgress()
    : shown_(::isatty(STDERR_FILENO) != 0 && ::isatty(STDOUT_FILENO) == 0) {}

TextProgress::~TextProgress() {
  if (printed_) std::fputc('\n', stderr);
}

void TextProgress::Show(size_t texts) {
  const auto now = Clock::now();
  if (!shown_ || now - last_ < std::chrono::milliseconds(200)) return;
  last_ = now;
  printed_ = true;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  std::fprintf(stderr, "\r%zu texts, %.0f texts/s ", texts, static_cast<double>(texts) / seconds);
}

void TellIfTerminal() {
  if (::isatty(STDIN_FILENO) == 0) return;
  std::fputs("minnow: reading texts from the terminal, a line each; end with Ctrl-D\n", stderr);
}

void TellTruncated(const EmbedStream& stream, size_t texts, size_t max_tokens) {
  TellTruncated(stream.truncated(), stream.longest(), texts, max_tokens);
}

void TellTruncated(size_t truncated, size_t longest, size_t texts, size_t max_tokens) {
  if (truncated == 0) return;
  PrintError(std::to_string(truncated) + " of " + std::to_string(texts) + " texts cut to " +
             std::to_string(max_tokens) + " tokens (the longest had " + std::to_string(longest) +
             ")");
}

}  // namespace minnow
