// SPDX-License-Identifier: Apache-2.0
// Fields of TensorProto, by their numbers in onnx.proto.
#include "formats/onnx/onnx_tensor.h"

#include <charconv>
#include <limits>

#include "formats/json.h"
#include "formats/protobuf.h"

namespace minnow {
namespace {

constexpr size_t kMaxDimensions = 8;

// TensorProto
constexpr uint32_t kDims = 1;
constexpr uint32_t kDataType = 2;
constexpr uint32_t kFloatData = 4;
constexpr uint32_t kInt32Data = 5;
constexpr uint32_t kInt64Data = 7;
constexpr uint32_t kName = 8;
constexpr uint32_t kRawData = 9;
constexpr uint32_t kDoubleData = 10;
constexpr uint32_t kUint64Data = 11;
constexpr uint32_t kExternalData = 13;
constexpr uint32_t kDataLocation = 14;
constexpr uint64_t kLocationExternal = 1;
// StringStringEntryProto
constexpr uint32_t kKey = 1;
constexpr uint32_t kValue = 2;

struct DataTypeRow {
  uint64_t number;  // of TensorProto.DataType
  TensorType type;
  uint32_t field;  // that holds such data where raw_data does not
};

constexpr DataTypeRow kDataTypes[] = {
    {1, TensorType::kF32, kFloatData},   {2, TensorType::kU8, kInt32Data},
    {3, TensorType::kI8, kInt32Data},    {4, TensorType::kU16, kInt32Data},
    {5, TensorType::kI16, kInt32Data},   {6, TensorType::kI32, kInt32Data},
    {7, TensorType::kI64, kInt64Data},   {9, TensorType::kBool, kInt32Data},
    {10, TensorType::kF16, kInt32Data},  {11, TensorType::kF64, kDoubleData},
    {12, TensorType::kU32, kUint64Data}, {13, TensorType::kU64, kUint64Data},
    {16, TensorType::kBF16, kInt32Data},
};

Error Corrupt(std::string_view name, const std::string& text) {
  return Error{Code::kCorrupt, "tensor " + QuoteForMessage(name) + ": " + text};
}

// What a message holds before its parts are checked against each other.
struct Fields {
  std::string_view name;
  std::vector<int64_t> dims;
  bool too_many_dims = false;
  uint64_t data_type = 0;
  std::optional<std::span<const std::byte>> raw;
  bool external = false;
  OnnxExternalData place;
  bool bad_place = false;  // an offset or a length is no number
};

void AddDim(uint64_t value, Fields& fields) {
  fields.too_many_dims = fields.too_many_dims || fields.dims.size() == kMaxDimensions;
  if (!fields.too_many_dims) fields.dims.push_back(static_cast<int64_t>(value));
}

bool AddDims(const ProtoField& field, Fields& fields) {
  if (field.type == ProtoType::kVarint) {
    AddDim(field.value, fields);
    return true;
  }
  std::span<const std::byte> packed = field.bytes;
  while (!packed.empty()) {
    const auto value = TakeVarint(packed);
    if (!value) return false;
    AddDim(*value, fields);
  }
  return true;
}

bool ParseNumber(std::string_view text, uint64_t& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

bool AddPlace(std::span<const std::byte> entry, Fields& fields) {
  std::string_view key, value;
  ProtoReader reader(entry);
  while (const auto field = reader.Next()) {
    if (field->number == kKey) key = field->text();
    if (field->number == kValue) value = field->text();
  }
  uint64_t number = 0;
  if (key == "location") {
    fields.place.location = value;
  } else if (key == "offset") {
    fields.bad_place = fields.bad_place || !ParseNumber(value, fields.place.offset);
  } else if (key == "length") {
    fields.bad_place = fields.bad_place || !ParseNumber(value, number);
    fields.place.length = number;
  }
  return reader.ok();
}

// False where the message is no protobuf.
bool ReadFields(std::span<const std::byte> message, Fields& fields) {
  ProtoReader reader(message);
  bool sound = true;
  while (const auto field = reader.Next()) {
    switch (field->number) {
      case kDims:
        sound = AddDims(*field, fields) && sound;
        break;
      case kDataType:
        fields.data_type = field->value;
        break;
      case kName:
        fields.name = field->text();
        break;
      case kRawData:
        fields.raw = field->bytes;
        break;
      case kExternalData:
        sound = AddPlace(field->bytes, fields) && sound;
        break;
      case kDataLocation:
        fields.external = field->value == kLocationExternal;
        break;
      default:
        break;
    }
  }
  return sound && reader.ok();
}

const DataTypeRow* FindType(uint64_t number) {
  for (const DataTypeRow& row : kDataTypes) {
    if (row.number == number) return &row;
  }
  return nullptr;
}

// Collects elements of `width` bytes, `limit` bytes at most.
struct Collector {
  std::vector<std::byte> bytes;
  size_t width = 0;
  size_t limit = 0;

  bool Add(uint64_t value) {
    if (bytes.size() + width > limit) return false;
    for (size_t i = 0; i < width; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
    return true;
  }
  // Packed numbers of a fixed width lie as they are needed; others are varints.
  bool AddPacked(std::span<const std::byte> packed, bool fixed) {
    if (fixed) {
      if (packed.size() > limit - bytes.size()) return false;
      bytes.insert(bytes.end(), packed.begin(), packed.end());
      return true;
    }
    while (!packed.empty()) {
      const auto value = TakeVarint(packed);
      if (!value || !Add(*value)) return false;
    }
    return true;
  }
};

}  // namespace

Result<OnnxTensorHead> ParseOnnxTensorHead(std::span<const std::byte> message) {
  Fields fields;
  const bool sound = ReadFields(message, fields);
  if (!sound) return Corrupt(fields.name, "its bytes are not those of a TensorProto");
  const DataTypeRow* row = FindType(fields.data_type);
  if (row == nullptr) {
    return Error{Code::kUnsupported, "tensor " + QuoteForMessage(fields.name) + ": data type " +
                                         std::to_string(fields.data_type) + " is not supported"};
  }
  if (fields.too_many_dims) {
    return Corrupt(fields.name, "more than " + std::to_string(kMaxDimensions) + " dimensions");
  }
  int64_t elements = 1, bytes = 0;
  for (const int64_t dim : fields.dims) {
    if (dim < 0) return Corrupt(fields.name, "a dimension of " + std::to_string(dim));
    if (__builtin_mul_overflow(elements, dim, &elements))
      return Corrupt(fields.name, "the product of the dimensions overflows");
  }
  if (__builtin_mul_overflow(elements, static_cast<int64_t>(TensorTypeBytes(row->type)), &bytes))
    return Corrupt(fields.name, "the product of the dimensions overflows");
  OnnxTensorHead head = {.name = fields.name,
                         .type = row->type,
                         .shape = std::move(fields.dims),
                         .elements = static_cast<size_t>(elements),
                         .bytes = static_cast<size_t>(bytes),
                         .raw = fields.raw,
                         .external = std::nullopt};
  if (!fields.external) return head;
  if (fields.bad_place) return Corrupt(fields.name, "external data at a place that is no number");
  head.external = fields.place;
  return head;
}

Result<OnnxTypedData> ReadOnnxTypedData(std::span<const std::byte> message,
                                        const OnnxTensorHead& head, size_t room) {
  uint32_t wanted = 0;
  for (const DataTypeRow& row : kDataTypes) {
    if (row.type == head.type) wanted = row.field;
  }
  const bool fixed = wanted == kFloatData || wanted == kDoubleData;
  OnnxTypedData data;
  Collector collector{{}, TensorTypeBytes(head.type), head.bytes};
  // No element takes less than a byte of the message.
  const bool possible = head.elements <= message.size();
  bool sound = possible;
  ProtoReader reader(message);
  while (const auto field = sound ? reader.Next() : std::nullopt) {
    if (field->number != wanted) continue;
    if (fixed && field->type == ProtoType::kBytes && field->bytes.size() == head.bytes &&
        collector.bytes.empty() && data.view.empty()) {
      data.view = field->bytes;
      continue;
    }
    if (collector.width > 2 && head.bytes > room) {
      return Error{Code::kUnsupported, "tensor " + QuoteForMessage(head.name) +
                                           ": too large to stand outside raw_data"};
    }
    if (collector.bytes.capacity() == 0) collector.bytes.reserve(head.bytes);
    sound = data.view.empty() &&
            (field->type == ProtoType::kBytes ? collector.AddPacked(field->bytes, fixed)
                                              : collector.Add(field->value));
  }
  if (!sound || (data.view.empty() && collector.bytes.size() != head.bytes)) {
    return Corrupt(head.name, "its data are not the " + std::to_string(head.bytes) +
                                  " bytes that its dimensions and type need");
  }
  data.decoded = std::move(collector.bytes);
  return data;
}

}  // namespace minnow
