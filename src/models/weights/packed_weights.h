// SPDX-License-Identifier: Apache-2.0
// Weights in a packed file: views of its mapping, and the tensors to write.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "formats/packed.h"
#include "models/weights/visitor.h"

namespace minnow {

// The precision of a file's products. A file has one, and one of its tables: asking for another is
// kInvalidArgument.
Result<Dtype> PackedDtype(const PackedFile& packed, const EncoderPrecision& wanted);
// That of its tables.
Result<TableType> PackedEmbedding(const PackedFile& packed);

// Views into the file, which must outlive them. Every name, type and shape is checked against the
// sizes that the caller has from the config.
class PackedReader : public WeightVisitor {
 public:
  // prefix: of every name. ones: as many as the widest product has inputs, for int8 of version 1;
  // it outlives the weights.
  PackedReader(const PackedFile& file, std::string prefix, Dtype dtype, TableType embedding,
               const float* ones = nullptr)
      : file_(file),
        prefix_(std::move(prefix)),
        dtype_(dtype),
        embedding_(embedding),
        ones_(ones) {}

  Status Table(const WeightName& name, TableKind kind, size_t rows, size_t columns,
               EmbeddingTable& table) override;
  Status Norm(const WeightName& name, size_t channels, LayerNormWeights& norm) override;
  Status RmsNorm(const WeightName& name, size_t channels, const float*& weight) override;
  Status Product(const ProductSpec& spec, Linear& linear) override;

  size_t bytes() const { return bytes_; }  // of all that was given out
  // The smallest part of the file that has all of it.
  std::span<const std::byte> range() const { return range_; }

 private:
  // The data of a tensor, or null after an error, which Take keeps.
  const std::byte* Take(const std::string& name, TensorType type, std::span<const int64_t> shape);
  const float* TakeVector(const std::string& name, size_t size);

  const PackedFile& file_;
  const std::string prefix_;
  const Dtype dtype_;
  const TableType embedding_;
  const float* const ones_;
  size_t bytes_ = 0;
  std::span<const std::byte> range_;
  Status status_;
};

// The tensors of loaded weights, in the order of the list; they borrow from the weights.
class PackedWriter : public WeightVisitor {
 public:
  PackedWriter(std::string prefix, std::vector<PackedTensor>& tensors)
      : prefix_(std::move(prefix)), tensors_(tensors) {}

  Status Table(const WeightName& name, TableKind kind, size_t rows, size_t columns,
               EmbeddingTable& table) override;
  Status Norm(const WeightName& name, size_t channels, LayerNormWeights& norm) override;
  Status RmsNorm(const WeightName& name, size_t channels, const float*& weight) override;
  Status Product(const ProductSpec& spec, Linear& linear) override;

 private:
  void Add(const std::string& name, TensorType type, std::vector<int64_t> shape, const void* data);
  void AddVector(const std::string& name, const float* data, size_t size);

  const std::string prefix_;
  std::vector<PackedTensor>& tensors_;
};

}  // namespace minnow
