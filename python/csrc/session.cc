// SPDX-License-Identifier: Apache-2.0
// Forks, locks, and signals.
#include "csrc/session.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "csrc/bulk.h"

namespace minnow::python {
namespace {

constexpr auto kBeat = std::chrono::milliseconds(25);

// Forks between the process that began and this one. Changed only in a child that has one thread.
uint64_t fork_generation = 0;

void FreeHandle(PyObject* self) {
  auto* const handle = reinterpret_cast<Handle*>(self);
  // Threads of a parent cannot be joined, and what they held is held for ever.
  if (handle->workers != nullptr && handle->workers->alive()) delete handle->workers;
  delete handle->model;
  PyTypeObject* const type = Py_TYPE(self);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

}  // namespace

void WatchForks() {
  static const int watched = ::pthread_atfork(nullptr, nullptr, [] { ++fork_generation; });
  (void)watched;
}

Workers::Workers(uint64_t generation) : generation_(generation), lock_(PyThread_allocate_lock()) {
  if (lock_ == nullptr) throw std::bad_alloc();
}

bool Workers::alive() const { return generation_ == fork_generation; }

ThreadPool& Workers::Pool(int threads) {
  if (pool_ == nullptr) pool_ = std::make_unique<ThreadPool>(threads);
  return *pool_;
}

TextBatch& Workers::Batch(const TextModel& model, int threads) {
  if (batch_ == nullptr || batch_model_ != &model) {
    batch_.reset();
    batch_ = std::make_unique<TextBatch>(model, std::max(kBulkTokens, model.max_tokens()),
                                         kBulkTexts, &Pool(threads));
    batch_model_ = &model;
  }
  return *batch_;
}

PyObject* NewHandleType(PyObject* module) {
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("An open model.")},
      {Py_tp_dealloc, reinterpret_cast<void*>(FreeHandle)},
      {0, nullptr},
  };
  static PyType_Spec spec = {"minnow._core.Handle", sizeof(Handle), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return PyType_FromModuleAndSpec(module, &spec, nullptr);
}

PyObject* NewHandle(PyTypeObject* type, std::unique_ptr<OpenModel> model) {
  PyObject* const self = PyType_GenericAlloc(type, 0);
  if (self != nullptr) reinterpret_cast<Handle*>(self)->model = model.release();
  return self;
}

bool Session::Begin() {
  if (handle_.workers == nullptr || !handle_.workers->alive())
    handle_.workers = new Workers(fork_generation);
  Workers* const workers = handle_.workers;
  const unsigned long here = PyThread_get_thread_ident();
  // A signal's handler, or whoever is told of progress.
  if (workers->owner_ == here) {
    Raise(PyExc_RuntimeError, "the model is in the middle of a call of this thread");
    return false;
  }
  while (PyThread_acquire_lock(workers->lock_, NOWAIT_LOCK) == 0) {
    PyLockStatus status = PY_LOCK_FAILURE;
    {
      const WithoutGil gil;
      status = PyThread_acquire_lock_timed(workers->lock_, /*microseconds=*/-1, /*intr_flag=*/1);
    }
    if (status == PY_LOCK_ACQUIRED) break;
    if (PyErr_CheckSignals() != 0) return false;
  }
  workers->owner_ = here;
  workers_ = workers;
  return true;
}

Session::~Session() {
  if (workers_ == nullptr) return;
  workers_->owner_ = 0;
  PyThread_release_lock(workers_->lock_);
}

// Signals are the main thread's, which has the process's own number.
bool Pulse::IsMainThread() { return ::syscall(SYS_gettid) == ::getpid(); }

bool Pulse::Beat(WithoutGil& gil, size_t done) {
  if (failed_) return false;
  if (!main_ && progress_ == Py_None) return true;
  const auto now = Clock::now();
  if (now - last_ < kBeat) return true;
  const bool well = gil.With([&] { return Tell(done); });
  last_ = Clock::now();
  return well;
}

bool Pulse::Tell(size_t done) {
  if (PyErr_CheckSignals() != 0) failed_ = true;
  if (!failed_ && progress_ != Py_None) {
    const Ref answer(PyObject_CallFunction(progress_, "n", static_cast<Py_ssize_t>(done)));
    if (!answer) failed_ = true;
  }
  if (!failed_ && !session_.alive()) {
    Raise(PyExc_RuntimeError, "the process was forked in the middle of a call");
    failed_ = true;
  }
  return !failed_;
}

}  // namespace minnow::python
