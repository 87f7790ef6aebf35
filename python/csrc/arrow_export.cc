// SPDX-License-Identifier: Apache-2.0
#include "csrc/arrow_export.h"

#include <string>
#include <utility>

#include "csrc/arrow_abi.h"

namespace minnow::python {
namespace {

// A consumer may move a child out of its parent and release it later: each lives by itself.
void ReleaseChild(ArrowSchema* schema) { schema->release = nullptr; }

struct SchemaParts {
  std::string format;
  ArrowSchema item = {};
  ArrowSchema* children[1] = {&item};
};

void ReleaseSchema(ArrowSchema* schema) {
  auto* const parts = static_cast<SchemaParts*>(schema->private_data);
  if (parts->item.release != nullptr) parts->item.release(&parts->item);
  delete parts;
  schema->release = nullptr;
}

// Of the list and of its items, each of which may outlive the other.
struct ItemParts {
  std::shared_ptr<VectorStorage> storage;
  const void* buffers[2] = {};
};

struct ArrayParts {
  std::shared_ptr<VectorStorage> storage;
  const void* buffers[1] = {};
  ArrowArray item = {};
  ArrowArray* children[1] = {&item};
};

void ReleaseItem(ArrowArray* array) {
  delete static_cast<ItemParts*>(array->private_data);
  array->release = nullptr;
}

void ReleaseArray(ArrowArray* array) {
  auto* const parts = static_cast<ArrayParts*>(array->private_data);
  if (parts->item.release != nullptr) parts->item.release(&parts->item);
  delete parts;
  array->release = nullptr;
}

template <class T>
void FreeCapsule(PyObject* capsule) {
  auto* const held = static_cast<T*>(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
  if (held == nullptr) return PyErr_Clear();
  if (held->release != nullptr) held->release(held);
  delete held;
}

template <class T>
Ref InCapsule(std::unique_ptr<T> held, const char* name) {
  PyObject* const capsule = PyCapsule_New(held.get(), name, FreeCapsule<T>);
  if (capsule != nullptr) {
    held.release();
  } else {
    held->release(held.get());
  }
  return Ref(capsule);
}

std::unique_ptr<ArrowArray> MakeArray(const std::shared_ptr<VectorStorage>& storage) {
  auto array = std::make_unique<ArrowArray>();
  auto parts = std::make_unique<ArrayParts>();
  auto item = std::make_unique<ItemParts>();
  static float nothing = 0;
  item->storage = storage;
  item->buffers[1] = storage->values.size() > 0 ? storage->values.data() : &nothing;
  parts->item = {.length = static_cast<int64_t>(storage->values.size()),
                 .null_count = 0,
                 .offset = 0,
                 .n_buffers = 2,
                 .n_children = 0,
                 .buffers = item->buffers,
                 .children = nullptr,
                 .dictionary = nullptr,
                 .release = ReleaseItem,
                 .private_data = item.get()};
  (void)item.release();
  parts->storage = storage;
  parts->buffers[0] = storage->valid.empty() ? nullptr : storage->valid.data();
  *array = {.length = static_cast<int64_t>(storage->rows),
            .null_count = storage->nulls,
            .offset = 0,
            .n_buffers = 1,
            .n_children = 1,
            .buffers = parts->buffers,
            .children = parts->children,
            .dictionary = nullptr,
            .release = ReleaseArray,
            .private_data = parts.get()};
  (void)parts.release();
  return array;
}

}  // namespace

Ref SchemaCapsule(const VectorStorage& storage) {
  auto schema = std::make_unique<ArrowSchema>();
  auto parts = std::make_unique<SchemaParts>();
  parts->format = "+w:" + std::to_string(storage.columns);
  parts->item = {.format = "f",
                 .name = "item",
                 .metadata = nullptr,
                 .flags = kArrowNullable,
                 .n_children = 0,
                 .children = nullptr,
                 .dictionary = nullptr,
                 .release = ReleaseChild,
                 .private_data = nullptr};
  *schema = {.format = parts->format.c_str(),
             .name = "",
             .metadata = nullptr,
             .flags = kArrowNullable,
             .n_children = 1,
             .children = parts->children,
             .dictionary = nullptr,
             .release = ReleaseSchema,
             .private_data = parts.get()};
  (void)parts.release();
  return InCapsule(std::move(schema), kSchemaCapsule);
}

Ref ArrayCapsule(std::shared_ptr<VectorStorage> storage) {
  return InCapsule(MakeArray(storage), kArrayCapsule);
}

}  // namespace minnow::python
