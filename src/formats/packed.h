// SPDX-License-Identifier: Apache-2.0
// The packed file: one model, ready to be mapped and run. Layout: PACKED.md beside this file.
//
// A packed file is a safetensors file, so its header, offsets and sizes are checked as those of any
// checkpoint are. Everything in it is untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "formats/checkpoint.h"

namespace minnow {

// How near the packed model's vectors (of a classifier: its raw scores) are to those in fp32, over
// texts that the program carries.
struct PackedQuality {
  int texts = 0;
  double cosine_mean = 0;
  double cosine_min = 0;
  std::optional<int> same_label;  // of a classifier: texts whose best class is the same
};

// What a packed file says about its model.
struct PackedHeader {
  int version = 0;  // of a file that was read
  std::string model_id;
  std::string packed_by;           // program and version
  std::string dtype;               // of the products: "fp32", "bf16", "int8"
  std::string embedding_dtype;     // of the tables: "fp32", "bf16", "int8", "int4"
  std::string kind = "embedding";  // or "classification", ...: what the head makes
  // JSON by component: "transformer" is the model's config.json as it was, "head" what comes after.
  std::map<std::string, std::string, std::less<>> configs;
  std::string tokenizer_json;  // tokenizer.json without its vocabulary; empty: no tokenizer
  std::optional<PackedQuality> quality;
};

// A tensor on its way into a file. Borrows its data.
struct PackedTensor {
  std::string name;
  TensorType type = TensorType::kU8;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
};

// Writes `path` as a whole or not at all: a file beside it takes its place at the end. Fails with
// kInvalidArgument or kInternal, naming the path. REQUIRES: names differ, data fits shape and type.
Status WritePacked(const PackedHeader& header, std::span<const PackedTensor> tensors,
                   const std::string& path);

// Const after opening; may be read from any thread.
class PackedFile : public TensorSource {
 public:
  static constexpr int kVersion = 4;  // that is written; older ones are read
  static constexpr size_t kAlignment = 64;

  // Reads the header, not the tensors. Fails with kNotFound, kCorrupt, or kUnsupported (another
  // version, or a safetensors file that is no packed model).
  static Result<std::shared_ptr<const PackedFile>> Open(const std::string& path);
  static Result<std::shared_ptr<const PackedFile>> FromMapped(MappedFile file);

  const PackedHeader& header() const { return header_; }
  const Checkpoint& checkpoint() const { return checkpoint_; }
  const std::string& path() const { return mapped().path(); }
  std::span<const std::byte> file_bytes() const { return mapped().bytes(); }
  size_t bytes() const { return file_bytes().size(); }

  // What the names of a component's tensors start with: "transformer."; nothing before version 3.
  std::string Prefix(std::string_view component) const;

  std::string name() const override { return path(); }
  const TensorView* Find(std::string_view name) const override { return checkpoint_.Find(name); }
  // Data of the tensor with that name, type and shape, aligned to kAlignment. kNotFound or kCorrupt
  // otherwise; -1 in `shape` matches any size.
  using TensorSource::Get;
  Result<const TensorView*> Get(const std::string& name, TensorType type,
                                std::span<const int64_t> shape) const;

  // Compares the checksum: reads the whole file. kCorrupt where they differ.
  Status Verify() const;

 private:
  PackedFile() = default;
  const MappedFile& mapped() const { return *checkpoint_.files().front(); }

  Checkpoint checkpoint_;
  PackedHeader header_;
};

}  // namespace minnow
