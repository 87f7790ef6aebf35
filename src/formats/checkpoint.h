// SPDX-License-Identifier: Apache-2.0
// Checkpoint: named tensors of a model directory, mapped from one safetensors file or from shards
// with their index.
//
// Format: https://github.com/huggingface/safetensors#format
// Everything in the files is untrusted: header size, JSON, names, dtypes, shapes, offsets and
// overlaps are checked when a file is opened, so that a TensorView is always safe to read. Views
// borrow from the Checkpoint. Thread-safe when const.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "formats/safetensors.h"
#include "formats/tensor_source.h"

namespace minnow {

class Checkpoint : public TensorSource {
 public:
  // Opens `directory`/STEM.safetensors, or the shards named by
  // `directory`/STEM.safetensors.index.json; where there is neither, the variant in halves:
  // STEM.fp16.safetensors, STEM.safetensors.index.fp16.json. Fails with kNotFound, kCorrupt,
  // kUnsupported; the message names the file, the tensor and what is wrong.
  static Result<Checkpoint> OpenDirectory(const std::string& directory,
                                          const std::string& stem = "model");
  // Opens one safetensors file.
  static Result<Checkpoint> OpenFile(const std::string& path);

  // The same for bytes that are mapped already.
  static Result<Checkpoint> FromMapped(MappedFile file);

  // For reports: opens a directory or one file as the functions above do, but goes on after a
  // problem. Every tensor that could be made out is there; what would have been an error is in
  // `problems`.
  static Checkpoint Examine(const std::string& path, std::vector<Error>& problems);

  std::string name() const override;  // of its first file
  const TensorView* Find(std::string_view name) const override;

  // All tensors in name order.
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  const std::vector<std::unique_ptr<MappedFile>>& files() const { return files_; }
  // __metadata__ of the first file.
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }

 private:
  struct ShardIndex;
  Status AddDirectory(const std::string& directory, const std::string& stem,
                      std::vector<Error>* problems);
  Status AddShards(const std::string& directory, const std::string& index_file,
                   std::vector<Error>* problems);
  // Adds the tensors of one file: all of them, or with `wanted` those that the index says are
  // in `shard`.
  Status AddFile(Result<MappedFile> mapped, const ShardIndex* wanted, const std::string& shard,
                 std::vector<Error>* problems);

  std::vector<std::unique_ptr<MappedFile>> files_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

}  // namespace minnow
