// SPDX-License-Identifier: Apache-2.0
// Fields of ModelProto, GraphProto, NodeProto and AttributeProto, by their numbers in onnx.proto.
#include "formats/onnx/onnx_file.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <utility>

#include "formats/json.h"
#include "formats/onnx/onnx_tensor.h"
#include "formats/protobuf.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

// Several times what the largest encoders have; each bounds memory that costs more here than in
// the file.
constexpr size_t kMaxNodes = size_t{1} << 16;
constexpr size_t kMaxTensors = size_t{1} << 16;
constexpr size_t kMaxNames = size_t{1} << 18;  // of nodes' inputs and outputs
constexpr size_t kMaxAttributes = size_t{1} << 18;
constexpr size_t kMaxDecoded = size_t{1} << 24;  // bytes of numbers of four bytes and more
constexpr size_t kMaxExternalFiles = 1000;
constexpr size_t kMaxLocation = 4096;
constexpr size_t kMaxInts = 64;
constexpr size_t kMaxProducer = 128;
constexpr int64_t kOldestOpset = 11;
constexpr std::string_view kLfsPointerStart = "version https://git-lfs.github.com/spec/";

// ModelProto
constexpr uint32_t kIrVersion = 1;
constexpr uint32_t kProducerName = 2;
constexpr uint32_t kProducerVersion = 3;
constexpr uint32_t kGraph = 7;
constexpr uint32_t kOpsetImport = 8;
// OperatorSetIdProto
constexpr uint32_t kOpsetDomain = 1;
constexpr uint32_t kOpsetVersion = 2;
// GraphProto
constexpr uint32_t kGraphNode = 1;
constexpr uint32_t kGraphInitializer = 5;
constexpr uint32_t kGraphInput = 11;
constexpr uint32_t kGraphOutput = 12;
constexpr uint32_t kGraphSparseInitializer = 15;
// ValueInfoProto
constexpr uint32_t kValueName = 1;
// NodeProto
constexpr uint32_t kNodeInput = 1;
constexpr uint32_t kNodeOutput = 2;
constexpr uint32_t kNodeName = 3;
constexpr uint32_t kNodeOp = 4;
constexpr uint32_t kNodeAttribute = 5;
constexpr uint32_t kNodeDomain = 7;
// AttributeProto
constexpr uint32_t kAttributeName = 1;
constexpr uint32_t kAttributeFloat = 2;
constexpr uint32_t kAttributeInt = 3;
constexpr uint32_t kAttributeText = 4;
constexpr uint32_t kAttributeTensor = 5;
constexpr uint32_t kAttributeFloats = 7;
constexpr uint32_t kAttributeInts = 8;
constexpr uint32_t kAttributeType = 20;
constexpr uint64_t kTypeAny = 0, kTypeFloat = 1, kTypeInt = 2, kTypeText = 3, kTypeFloats = 6,
                   kTypeInts = 7;

// What is kept of a node's attributes, and the type that each must have.
struct KeptAttribute {
  std::string_view name;
  uint64_t type;
};
constexpr KeptAttribute kKept[] = {
    {"activation", kTypeText}, {"approximate", kTypeText},    {"epsilon", kTypeFloat},
    {"is_causal", kTypeInt},   {"q_num_heads", kTypeInt},     {"kv_num_heads", kTypeInt},
    {"softcap", kTypeFloat},   {"alpha", kTypeFloat},         {"axis", kTypeInt},
    {"beta", kTypeFloat},      {"do_rotary", kTypeInt},       {"num_heads", kTypeInt},
    {"perm", kTypeInts},       {"scale", kTypeFloat},         {"transA", kTypeInt},
    {"transB", kTypeInt},      {"unidirectional", kTypeInt},  {"qkv_hidden_sizes", kTypeInts},
    {"value", kTypeAny},       {"value_floats", kTypeFloats}, {"sparse_value", kTypeAny},
};

// False where the field is not of the wire type that its number has.
bool ReadAttributeField(const ProtoField& field, OnnxAttribute& attribute) {
  switch (field.number) {
    case kAttributeName:
      attribute.name = field.text();
      return field.type == ProtoType::kBytes;
    case kAttributeType:
      attribute.type = field.value;
      return field.type == ProtoType::kVarint;
    case kAttributeInt:
      attribute.i = static_cast<int64_t>(field.value);
      return field.type == ProtoType::kVarint;
    case kAttributeFloat:
      attribute.f = std::bit_cast<float>(static_cast<uint32_t>(field.value));
      return field.type == ProtoType::kFixed32;
    case kAttributeText:
      attribute.text = field.text();
      return field.type == ProtoType::kBytes;
    case kAttributeTensor:
      attribute.tensor = field.bytes;
      return field.type == ProtoType::kBytes;
    case kAttributeFloats:
      attribute.floats += field.type == ProtoType::kBytes ? field.bytes.size() / sizeof(float) : 1;
      return field.type == ProtoType::kBytes || field.type == ProtoType::kFixed32;
    default:
      return true;
  }
}

// False where the ints cannot be read, or are too many.
bool ReadInts(std::span<const std::byte> attribute, std::vector<int64_t>& ints) {
  ProtoReader reader(attribute);
  while (const auto field = reader.Next()) {
    if (field->number != kAttributeInts) continue;
    if (field->type == ProtoType::kVarint) {
      ints.push_back(static_cast<int64_t>(field->value));
    } else if (field->type != ProtoType::kBytes) {
      return false;
    }
    for (std::span<const std::byte> packed = field->bytes; !packed.empty();) {
      const auto value = TakeVarint(packed);
      if (!value || ints.size() > kMaxInts) return false;
      ints.push_back(static_cast<int64_t>(*value));
    }
    if (ints.size() > kMaxInts) return false;
  }
  return true;
}

// A relative path without "..", so that nothing outside the model's folder is read. Messages about
// the file show it: it has no control characters.
bool StaysInside(std::string_view path) {
  const auto is_odd = [](unsigned char c) { return c == '\\' || c < 0x20 || c == 0x7f; };
  if (path.empty() || path.size() > kMaxLocation || std::any_of(path.begin(), path.end(), is_odd))
    return false;
  const fs::path parsed(path);
  if (parsed.is_absolute()) return false;
  for (const fs::path& component : parsed) {
    if (component == "..") return false;
  }
  return true;
}

}  // namespace

const OnnxAttribute* OnnxNode::Attribute(std::string_view attribute) const {
  for (const OnnxAttribute& known : attributes) {
    if (known.name == attribute) return &known;
  }
  return nullptr;
}

int64_t OnnxNode::Int(std::string_view attribute, int64_t fallback) const {
  const OnnxAttribute* found = Attribute(attribute);
  return found ? found->i : fallback;
}

float OnnxNode::Float(std::string_view attribute, float fallback) const {
  const OnnxAttribute* found = Attribute(attribute);
  return found ? found->f : fallback;
}

Error OnnxFile::Wrong(Code code, const std::string& text) const {
  return Error{code, path() + ": " + text};
}

const TensorView* OnnxFile::Find(std::string_view value) const {
  const auto found = tensors_.find(value);
  return found == tensors_.end() ? nullptr : &found->second;
}

Result<std::unique_ptr<const OnnxFile>> OnnxFile::Open(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  return FromMapped(std::move(file));
}

Result<std::unique_ptr<const OnnxFile>> OnnxFile::FromMapped(MappedFile file) {
  std::unique_ptr<OnnxFile> onnx(new OnnxFile);
  onnx->files_.push_back(std::make_unique<MappedFile>(std::move(file)));
  MINNOW_RETURN_IF_ERROR(onnx->Parse());
  return std::unique_ptr<const OnnxFile>(std::move(onnx));
}

Status OnnxFile::Parse() {
  const std::span<const std::byte> bytes = files_.front()->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with(kLfsPointerStart)) {
    return Wrong(Code::kCorrupt,
                 "is a Git LFS pointer, not the model: fetch it with `git lfs pull`");
  }
  std::span<const std::byte> graph;
  MINNOW_RETURN_IF_ERROR(ParseModel(graph));
  MINNOW_RETURN_IF_ERROR(ParseGraph(graph));
  // Files of IR version 3 name their initialisers among the inputs.
  std::erase_if(inputs_, [&](std::string_view name) { return Find(name) != nullptr; });
  return {};
}

Status OnnxFile::ParseModel(std::span<const std::byte>& graph) {
  bool found = false;
  std::string_view producer, version;
  ProtoReader reader(files_.front()->bytes());
  while (const auto field = reader.Next()) {
    if (field->number == kIrVersion) ir_version_ = static_cast<int64_t>(field->value);
    if (field->number == kProducerName) producer = field->text().substr(0, kMaxProducer);
    if (field->number == kProducerVersion) version = field->text().substr(0, kMaxProducer);
    if (field->number == kGraph) {
      if (found) return Wrong(Code::kCorrupt, "two graphs");
      found = true;
      graph = field->bytes;
    }
    if (field->number != kOpsetImport) continue;
    std::string_view domain;
    int64_t opset = 0;
    ProtoReader import(field->bytes);
    while (const auto part = import.Next()) {
      if (part->number == kOpsetDomain) domain = part->text();
      if (part->number == kOpsetVersion) opset = static_cast<int64_t>(part->value);
    }
    if (!import.ok()) return Wrong(Code::kCorrupt, "opset_import cannot be read");
    if (domain.empty() || domain == "ai.onnx") opset_ = opset;
  }
  if (!reader.ok() || !found)
    return Wrong(Code::kCorrupt, "not an ONNX file, or one that was cut short");
  producer_ = std::string(producer) + (version.empty() ? "" : " ") + std::string(version);
  if (opset_ < kOldestOpset) {
    return Wrong(Code::kUnsupported, "opset " + std::to_string(opset_) + " of ai.onnx; from " +
                                         std::to_string(kOldestOpset) + " on is supported");
  }
  return {};
}

Status OnnxFile::ParseGraph(std::span<const std::byte> graph) {
  ProtoReader reader(graph);
  while (const auto field = reader.Next()) {
    switch (field->number) {
      case kGraphNode:
        MINNOW_RETURN_IF_ERROR(ParseNode(field->bytes));
        break;
      case kGraphInitializer:
        MINNOW_RETURN_IF_ERROR(ParseTensor(field->bytes, ""));
        break;
      case kGraphInput:
        ParseValueName(field->bytes, inputs_);
        break;
      case kGraphOutput:
        ParseValueName(field->bytes, outputs_);
        break;
      case kGraphSparseInitializer:
        return Wrong(Code::kUnsupported, "sparse initialisers are not supported");
      default:
        break;
    }
    if (inputs_.size() > kMaxTensors || outputs_.size() > kMaxTensors)
      return Wrong(Code::kUnsupported,
                   "more inputs or outputs than " + std::to_string(kMaxTensors));
  }
  if (!reader.ok()) return Wrong(Code::kCorrupt, "the graph cannot be read to its end");
  return {};
}

void OnnxFile::ParseValueName(std::span<const std::byte> bytes,
                              std::vector<std::string_view>& names) {
  ProtoReader reader(bytes);
  while (const auto field = reader.Next()) {
    if (field->number != kValueName) continue;
    names.push_back(field->text());
    return;
  }
}

Status OnnxFile::ParseNode(std::span<const std::byte> bytes) {
  if (nodes_.size() == kMaxNodes)
    return Wrong(Code::kUnsupported, "more than " + std::to_string(kMaxNodes) + " nodes");
  OnnxNode node;
  ProtoReader reader(bytes);
  while (const auto field = reader.Next()) {
    if (field->number == kNodeName) node.name = field->text();
    if (field->number == kNodeOp) node.op = field->text();
    if (field->number == kNodeDomain) node.domain = field->text();
    if (field->number == kNodeAttribute) MINNOW_RETURN_IF_ERROR(ParseAttribute(field->bytes, node));
    if (field->number != kNodeInput && field->number != kNodeOutput) continue;
    if (++names_ > kMaxNames)
      return Wrong(Code::kUnsupported, "more than " + std::to_string(kMaxNames) + " values");
    (field->number == kNodeInput ? node.inputs : node.outputs).push_back(field->text());
  }
  if (!reader.ok())
    return Wrong(Code::kCorrupt, "node " + QuoteForMessage(node.name) + " cannot be read");
  if (node.domain == "ai.onnx") node.domain = "";
  if (node.op == "Constant" && node.domain.empty()) {
    const OnnxAttribute* value = node.Attribute("value");
    if (value != nullptr && !value->tensor.empty())
      MINNOW_RETURN_IF_ERROR(ParseTensor(value->tensor, node.output(0)));
  }
  nodes_.push_back(std::move(node));
  return {};
}

Status OnnxFile::ParseAttribute(std::span<const std::byte> bytes, OnnxNode& node) {
  OnnxAttribute attribute;
  bool sound = true;
  ProtoReader reader(bytes);
  while (const auto field = reader.Next()) sound = ReadAttributeField(*field, attribute) && sound;
  const auto* kept = std::find_if(std::begin(kKept), std::end(kKept),
                                  [&](const KeptAttribute& a) { return a.name == attribute.name; });
  const bool wanted = kept != std::end(kKept);
  if (wanted) {
    const bool typed =
        attribute.type == 0 || kept->type == kTypeAny || attribute.type == kept->type;
    sound = sound && typed && node.Attribute(attribute.name) == nullptr;
    if (kept->type == kTypeInts) sound = sound && ReadInts(bytes, attribute.ints);
  }
  if (!sound || !reader.ok()) {
    return Wrong(Code::kCorrupt, "node " + QuoteForMessage(node.name) + ": attribute " +
                                     QuoteForMessage(attribute.name) + " cannot be read");
  }
  if (!wanted) return {};
  if (++attributes_ > kMaxAttributes)
    return Wrong(Code::kUnsupported, "more than " + std::to_string(kMaxAttributes) + " attributes");
  node.attributes.push_back(std::move(attribute));
  return {};
}

// `name`: what a Constant node calls its value; empty: the tensor's own name.
Status OnnxFile::ParseTensor(std::span<const std::byte> bytes, std::string_view name) {
  if (tensors_.size() == kMaxTensors)
    return Wrong(Code::kUnsupported, "more than " + std::to_string(kMaxTensors) + " tensors");
  auto head = ParseOnnxTensorHead(bytes);
  if (!head.ok()) return Annotate(std::move(head).error(), path());
  TensorView view;
  view.name = name.empty() ? head->name : name;
  view.type = head->type;
  view.shape = head->shape;
  view.file = files_.front().get();
  if (head->external) {
    auto data = ExternalData(*head->external, view.file);
    if (!data.ok())
      return Wrong(data.error().code,
                   "tensor " + QuoteForMessage(head->name) + ": " + data.error().message);
    view.data = *data;
  } else if (head->raw) {
    view.data = *head->raw;
  } else {
    auto typed = ReadOnnxTypedData(bytes, *head, kMaxDecoded - decoded_bytes_);
    if (!typed.ok()) return Annotate(std::move(typed).error(), path());
    view.data = typed->view;
    if (!typed->decoded.empty()) {
      if (TensorTypeBytes(view.type) > 2) decoded_bytes_ += head->bytes;
      decoded_.push_back(std::move(typed->decoded));
      view.data = decoded_.back();
    }
  }
  if (view.data.size() != head->bytes) {
    return Wrong(Code::kCorrupt, "tensor " + QuoteForMessage(head->name) + ": " +
                                     std::to_string(view.data.size()) + " bytes, but " +
                                     view.ShapeString() + " of " + TensorTypeName(view.type) +
                                     " needs " + std::to_string(head->bytes));
  }
  const std::string_view key = view.name;
  if (!tensors_.emplace(key, std::move(view)).second)
    return Wrong(Code::kCorrupt, "tensor " + QuoteForMessage(key) + " is there twice");
  return {};
}

// The message lacks the file's and the tensor's name.
Result<std::span<const std::byte>> OnnxFile::ExternalData(const OnnxExternalData& external,
                                                          const MappedFile*& file) {
  if (!StaysInside(external.location)) {
    return Error{Code::kCorrupt, "external data at " + QuoteForMessage(external.location) +
                                     ", which is not a place in the model's folder"};
  }
  const fs::path location = fs::path(external.location).lexically_normal();
  const std::string where = (fs::path(path()).parent_path() / location).string();
  file = nullptr;
  for (const auto& known : files_) {
    if (known != files_.front() && known->path() == where) file = known.get();
  }
  if (file == nullptr) {
    if (files_.size() > kMaxExternalFiles)
      return Error{Code::kUnsupported, "too many files of external data"};
    MINNOW_ASSIGN_OR_RETURN(MappedFile opened, MappedFile::Open(where));
    files_.push_back(std::make_unique<MappedFile>(std::move(opened)));
    file = files_.back().get();
  }
  const std::span<const std::byte> bytes = file->bytes();
  const uint64_t left = external.offset <= bytes.size() ? bytes.size() - external.offset : 0;
  const uint64_t length = external.length.value_or(left);
  if (external.offset > bytes.size() || length > left) {
    return Error{Code::kCorrupt, std::to_string(length) + " bytes at " +
                                     std::to_string(external.offset) + " are beyond the end of " +
                                     QuoteForMessage(where)};
  }
  return bytes.subspan(external.offset, length);
}

}  // namespace minnow
