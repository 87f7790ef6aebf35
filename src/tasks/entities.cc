// SPDX-License-Identifier: Apache-2.0
// Tokens to words, words to entities.
#include "tasks/entities.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "models/heads/classify.h"
#include "tasks/characters.h"

namespace minnow {
namespace {

struct ScoredToken {
  std::string word;
  std::vector<float> scores;  // [labels], probabilities
  uint32_t index = 0;
  TokenOffset offset;
  bool is_subword = false;
};

// A token or a word, with the label that it got.
struct Labelled {
  uint32_t label = 0;
  float score = 0;
  std::string word;
  uint32_t index = 0;
  TokenOffset offset;
};

uint32_t BestLabel(std::span<const float> scores) {
  return static_cast<uint32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

class EntityFinder {
 public:
  EntityFinder(const Tokenizer& tokenizer, const std::vector<std::string>& labels,
               const ScoredText& text, const EntityOptions& options)
      : tokenizer_(tokenizer),
        labels_(labels),
        characters_(text.text),
        options_(options),
        has_prefix_(tokenizer.has_subword_prefix()),
        unknown_(tokenizer.unknown_id()) {}

  // scores: [tokens of the window, labels]
  void FindIn(const Encoding& window, std::span<const float> scores, std::vector<Entity>& found) {
    const std::vector<ScoredToken> tokens = Tokens(window, scores);
    const Aggregation how = options_.aggregation;
    std::vector<Labelled> labelled;
    if (how == Aggregation::kNone || how == Aggregation::kSimple) {
      for (const ScoredToken& token : tokens) {
        const uint32_t label = BestLabel(token.scores);
        labelled.push_back({label, token.scores[label], token.word, token.index, token.offset});
      }
    } else {
      labelled = Words(tokens);
    }
    if (how == Aggregation::kNone) {
      for (Labelled& one : labelled) {
        Keep({labels_[one.label], one.score, std::move(one.word), one.index, one.offset.begin,
              one.offset.end},
             found);
      }
    } else {
      Group(labelled, found);
    }
  }

 private:
  std::vector<ScoredToken> Tokens(const Encoding& window, std::span<const float> scores) const {
    std::vector<ScoredToken> tokens;
    // Token ids that were sent as they are have no place in a text.
    for (uint32_t i = 0; i < window.special.size(); ++i) {
      if (window.special[i] != 0) continue;
      ScoredToken token;
      const std::span<const float> raw = scores.subspan(i * labels_.size(), labels_.size());
      token.scores.assign(raw.begin(), raw.end());
      ApplyScoreFunction(ScoreFunction::kSoftmax, token.scores);
      token.index = i;
      token.offset = window.offsets[i];
      token.word = tokenizer_.IdToToken(window.ids[i]).value_or("");
      const auto [begin, end] = token.offset;
      if (has_prefix_) {
        token.is_subword =
            CountCodePoints(token.word) != CountCodePoints(characters_.Slice(begin, end));
      } else {
        token.is_subword = begin > 0 && characters_.Slice(begin - 1, begin + 1).find(' ') ==
                                            std::string_view::npos;
      }
      if (window.ids[i] == unknown_) {
        token.word = characters_.Slice(begin, end);
        token.is_subword = false;
      }
      tokens.push_back(std::move(token));
    }
    return tokens;
  }

  std::vector<Labelled> Words(std::span<const ScoredToken> tokens) const {
    std::vector<Labelled> words;
    for (size_t begin = 0, end; begin < tokens.size(); begin = end) {
      end = begin + 1;
      while (end < tokens.size() && tokens[end].is_subword) ++end;
      words.push_back(Word(tokens.subspan(begin, end - begin)));
    }
    return words;
  }

  Labelled Word(std::span<const ScoredToken> tokens) const {
    std::vector<std::string> parts;
    for (const ScoredToken& token : tokens) parts.push_back(token.word);
    const std::vector<float> scores = WordScores(tokens);
    const uint32_t label = BestLabel(scores);
    return {label,
            scores[label],
            tokenizer_.Join(std::move(parts)),
            0,
            {tokens.front().offset.begin, tokens.back().offset.end}};
  }

  // The scores that a word gets of its tokens'.
  std::vector<float> WordScores(std::span<const ScoredToken> tokens) const {
    if (options_.aggregation == Aggregation::kFirst) return tokens.front().scores;
    if (options_.aggregation == Aggregation::kMax) {
      const auto best = [](const ScoredToken& token) {
        return *std::max_element(token.scores.begin(), token.scores.end());
      };
      return std::max_element(
                 tokens.begin(), tokens.end(),
                 [&](const ScoredToken& a, const ScoredToken& b) { return best(a) < best(b); })
          ->scores;
    }
    std::vector<float> mean(labels_.size());
    for (size_t i = 0; i < mean.size(); ++i) {
      double sum = 0;
      for (const ScoredToken& token : tokens) sum += token.scores[i];
      mean[i] = static_cast<float>(sum / static_cast<double>(tokens.size()));
    }
    return mean;
  }

  // "B-PER" -> "PER"; `begins`: it has "B-".
  std::string_view Tag(const Labelled& one, bool& begins) const {
    std::string_view label = labels_[one.label];
    begins = label.starts_with("B-");
    if (begins || label.starts_with("I-")) label.remove_prefix(2);
    return label;
  }

  void Group(std::span<const Labelled> labelled, std::vector<Entity>& found) const {
    for (size_t begin = 0, end; begin < labelled.size(); begin = end) {
      bool begins = false;
      const std::string_view tag = Tag(labelled[begin], begins);
      for (end = begin + 1; end < labelled.size(); ++end) {
        if (Tag(labelled[end], begins) != tag || begins) break;
      }
      Keep(Joined(labelled.subspan(begin, end - begin)), found);
    }
  }

  Entity Joined(std::span<const Labelled> parts) const {
    Entity entity;
    // The pipeline cuts at any first hyphen here, not only that of "B-" and "I-".
    entity.label = labels_[parts.front().label];
    entity.label.erase(0, entity.label.find('-') + 1);
    double sum = 0;
    std::vector<std::string> words;
    for (const Labelled& part : parts) {
      sum += part.score;
      words.push_back(part.word);
    }
    entity.score = static_cast<float>(sum / static_cast<double>(parts.size()));
    entity.word = tokenizer_.Join(std::move(words));
    entity.start = parts.front().offset.begin;
    entity.end = parts.back().offset.end;
    return entity;
  }

  void Keep(Entity entity, std::vector<Entity>& found) const {
    const auto& ignored = options_.ignore_labels;
    if (std::find(ignored.begin(), ignored.end(), entity.label) == ignored.end())
      found.push_back(std::move(entity));
  }

  const Tokenizer& tokenizer_;
  const std::vector<std::string>& labels_;
  const Characters characters_;
  const EntityOptions& options_;
  const bool has_prefix_;
  const std::optional<TokenId> unknown_;
};

// What two windows both found: the longer entity stays, or the surer one.
std::vector<Entity> MergeOverlapping(std::vector<Entity> entities) {
  std::stable_sort(entities.begin(), entities.end(),
                   [](const Entity& a, const Entity& b) { return a.start < b.start; });
  std::vector<Entity> merged;
  for (Entity& entity : entities) {
    // The first entity meets itself in the pipeline, which changes nothing unless it is empty.
    if (merged.empty()) {
      if (entity.start == entity.end) merged.push_back(entity);
      merged.push_back(std::move(entity));
      continue;
    }
    Entity& last = merged.back();
    if (entity.start >= last.end) {
      merged.push_back(std::move(entity));
      continue;
    }
    const uint32_t length = entity.end - entity.start, before = last.end - last.start;
    if (length > before || (length == before && entity.score > last.score))
      last = std::move(entity);
  }
  return merged;
}

}  // namespace

std::optional<Aggregation> ParseAggregation(std::string_view name) {
  for (size_t i = 0; i < kAggregationNames.size(); ++i) {
    if (name == kAggregationNames[i]) return static_cast<Aggregation>(i);
  }
  return std::nullopt;
}

std::vector<Entity> FindEntities(const Tokenizer& tokenizer, const std::vector<std::string>& labels,
                                 const ScoredText& text, std::span<const float> scores,
                                 const EntityOptions& options) {
  EntityFinder finder(tokenizer, labels, text, options);
  std::vector<Entity> found;
  size_t row = text.first_row;
  for (const Encoding& window : text.windows) {
    const size_t tokens = window.ids.size();
    finder.FindIn(window, scores.subspan(row * labels.size(), tokens * labels.size()), found);
    row += tokens;
  }
  return text.windows.size() > 1 ? MergeOverlapping(std::move(found)) : found;
}

}  // namespace minnow
