// SPDX-License-Identifier: Apache-2.0
// The twin of a store in memory, for tests: random changes, and what a store has to hold after
// them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/index/store_testing.h"

namespace minnow {

// Documents by id: JSON, and whether every chunk has its vector.
struct ModelDocument {
  std::string json;
  bool embedded = false;
  bool operator==(const ModelDocument&) const = default;
};
using StoreModel = std::map<std::string, ModelDocument>;

// One change: chosen by a seed, so that the process that makes it and the one that checks it agree.
struct ModelChange {
  enum class Kind { kAdd, kDelete, kEmbed };
  Kind kind = Kind::kAdd;
  std::vector<Document> documents;  // of kAdd
  std::vector<std::string> ids;     // of kDelete; of kEmbed: filled by ApplyToStore's twin
  size_t limit = 0;                 // of kEmbed: documents with the lowest chunks first
};

class ModelChanges : public StoreTesting {
 public:
  // The `step`-th change of a seed. Documents have one chunk each.
  static ModelChange Choose(uint64_t seed, uint64_t step) {
    std::mt19937_64 random(seed * 1'000'003 + step);
    ModelChange change;
    const uint64_t dice = random() % 10;
    if (dice < 5) {
      for (uint64_t n = 1 + random() % 8; n > 0; --n) {
        const uint64_t id = random() % 40;
        change.documents.push_back(MakeDocumentOf(
            id, "word" + std::to_string(random() % 30) + " of step" + std::to_string(step % 7)));
      }
    } else if (dice < 7) {
      change.kind = ModelChange::Kind::kDelete;
      for (uint64_t n = 1 + random() % 6; n > 0; --n) {
        change.ids.push_back(std::to_string(random() % 40));
      }
    } else {
      change.kind = ModelChange::Kind::kEmbed;
      change.limit = 1 + random() % 16;
    }
    return change;
  }

  // `order`: ids of documents without vectors, in the order in which they came.
  static void ApplyToModel(const ModelChange& change, StoreModel* model,
                           std::vector<std::string>* order) {
    for (const Document& document : change.documents) {
      const auto found = model->find(document.id);
      if (found != model->end() && found->second.json == document.json) continue;
      (*model)[document.id] = {document.json, false};
      std::erase(*order, document.id);
      order->push_back(document.id);
    }
    for (const std::string& id : change.ids) {
      model->erase(id);
      std::erase(*order, id);
    }
    for (size_t i = 0; i < change.limit && !order->empty(); ++i) {
      (*model)[order->front()].embedded = true;
      order->erase(order->begin());
    }
  }

  static Status ApplyToStore(const ModelChange& change, SearchIndex* index) {
    switch (change.kind) {
      case ModelChange::Kind::kAdd: {
        const auto outcome = index->Add(change.documents);
        return outcome.ok() ? Status() : outcome.error();
      }
      case ModelChange::Kind::kDelete: {
        const auto outcome = index->Delete(change.ids);
        return outcome.ok() ? Status() : outcome.error();
      }
      case ModelChange::Kind::kEmbed:
        break;
    }
    const auto pending = index->Pending(change.limit);
    if (!pending.ok()) return pending.error();
    std::vector<int64_t> chunks;
    std::vector<float> vectors;
    for (const PendingChunk& chunk : *pending) {
      chunks.push_back(chunk.chunk);
      const std::vector<float> vector = VectorOf(chunk.text);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
    }
    return index->SetVectors(Model(), chunks, vectors);
  }

  // What a store holds, read in three ways that must agree: documents, full text, vectors.
  static StoreModel ReadBack(const SearchIndex& index) {
    StoreModel model;
    const auto page = index.List("", 0, 1'000'000);
    EXPECT_TRUE(page.ok()) << page.error().message;
    if (!page.ok()) return model;
    EXPECT_EQ(page->total, page->documents.size());
    for (const StoredDocument& document : page->documents) model[document.id] = {document.json};
    SearchRequest request;
    request.limit = 1'000'000;
    request.semantic_ratio = 1;
    request.exact = true;
    request.snippet_bytes = 0;
    request.vector = VectorOf("any");
    const auto hits = index.Search(request);
    EXPECT_TRUE(hits.ok()) << hits.error().message;
    if (!hits.ok()) return model;
    for (const SearchHit& hit : hits->hits) model[hit.id].embedded = true;
    const auto stats = index.Stats();
    EXPECT_EQ(stats->documents, model.size());
    EXPECT_EQ(stats->chunks - stats->pending_chunks, hits->hits.size());
    request.vector.clear();
    request.text = "of";  // stands in every document
    request.semantic_ratio = 0;
    EXPECT_EQ(index.Search(request)->hits.size(), model.size());
    return model;
  }

 private:
  static Document MakeDocumentOf(uint64_t id, const std::string& text) {
    return Make(static_cast<int>(id), text);
  }
};

}  // namespace minnow
