// SPDX-License-Identifier: Apache-2.0
// Templates, and the logits of pairs to scores.
#include "tasks/zero_shot.h"

#include <algorithm>
#include <array>

#include "models/heads/classify.h"

namespace minnow {
namespace {

// Of all labels; far more than models read.
constexpr size_t kMaxHypothesisBytes = size_t{1} << 20;

bool BeginsWithEntail(std::string_view label) {
  constexpr std::string_view kWord = "entail";
  if (label.size() < kWord.size()) return false;
  for (size_t i = 0; i < kWord.size(); ++i) {
    const char c = label[i];
    if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != kWord[i]) return false;
  }
  return true;
}

std::string_view Stripped(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n\r\f\v";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

// The template in parts, between which the label stands.
Result<std::vector<std::string>> CutTemplate(std::string_view text) {
  std::vector<std::string> parts(1);
  const auto wrong = [](const char* what) {
    return Error{Code::kInvalidArgument, std::string("hypothesis_template: ") + what};
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("{{") || rest.starts_with("}}")) {
      parts.back() += c;
      ++i;
    } else if (rest.starts_with("{}") || rest.starts_with("{0}")) {
      parts.emplace_back();
      i += rest[1] == '}' ? 1 : 2;
    } else if (c == '{' || c == '}') {
      return wrong("a brace that is not {}: write {{ or }} for one in the text");
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() == 1) return wrong("no {} where the label goes");
  return parts;
}

}  // namespace

std::optional<size_t> FindEntailment(const std::vector<std::string>& model_labels) {
  for (size_t i = 0; i < model_labels.size() && model_labels.size() > 1; ++i) {
    if (BeginsWithEntail(model_labels[i])) return i;
  }
  return std::nullopt;
}

std::vector<std::string> SplitLabels(std::string_view text) {
  std::vector<std::string> labels;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view label = Stripped(text.substr(begin, end - begin));
    if (!label.empty()) labels.emplace_back(label);
    begin = end + 1;
  }
  return labels;
}

Result<std::vector<std::string>> MakeHypotheses(std::string_view hypothesis_template,
                                                const std::vector<std::string>& labels,
                                                const std::string& labels_field) {
  if (labels.empty()) return Error{Code::kInvalidArgument, labels_field + ": must not be empty"};
  if (labels.size() > kMaxZeroShotLabels) {
    return Error{Code::kInvalidArgument, labels_field + ": " + std::to_string(labels.size()) +
                                             " labels, limit " +
                                             std::to_string(kMaxZeroShotLabels)};
  }
  MINNOW_ASSIGN_OR_RETURN(const std::vector<std::string> parts, CutTemplate(hypothesis_template));
  size_t bytes = 0;
  for (const std::string& label : labels) {
    const size_t size = hypothesis_template.size() + (parts.size() - 1) * label.size();
    if (label.size() > kMaxHypothesisBytes || size > kMaxHypothesisBytes - bytes) {
      return Error{Code::kInvalidArgument, labels_field + ": sentences of more than " +
                                               std::to_string(kMaxHypothesisBytes) +
                                               " bytes together"};
    }
    bytes += size;
  }
  std::vector<std::string> hypotheses;
  for (const std::string& label : labels) {
    std::string& text = hypotheses.emplace_back(parts.front());
    for (size_t i = 1; i < parts.size(); ++i) text += label + parts[i];
  }
  return hypotheses;
}

std::vector<float> ZeroShotScores(std::span<const float> raw, size_t model_labels,
                                  size_t entailment, bool multi_label) {
  const size_t labels = raw.size() / model_labels;
  std::vector<float> scores(labels);
  for (size_t i = 0; i < labels; ++i) scores[i] = raw[i * model_labels + entailment];
  if (!multi_label && labels > 1) {
    ApplyScoreFunction(ScoreFunction::kSoftmax, scores);
    return scores;
  }
  const size_t contradiction = entailment == 0 ? model_labels - 1 : 0;
  for (size_t i = 0; i < labels; ++i) {
    std::array<float, 2> both = {raw[i * model_labels + contradiction], scores[i]};
    ApplyScoreFunction(ScoreFunction::kSoftmax, both);
    scores[i] = both[1];
  }
  return scores;
}

}  // namespace minnow
