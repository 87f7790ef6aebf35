// SPDX-License-Identifier: Apache-2.0
// Handle: a model as Python holds it. Session: one call of it, which has the model for itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/thread_pool.h"
#include "csrc/open_model.h"
#include "csrc/python_api.h"
#include "tasks/text_model.h"

namespace minnow::python {

// Threads, their buffers and the lock of those who call: of one process. After a fork the child has
// no threads, and its lock may be held by a thread that it does not have: all of it is left as it
// lies, and made anew.
class Workers {
 public:
  explicit Workers(uint64_t generation);
  ~Workers() { PyThread_free_lock(lock_); }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Whether they were made in this process.
  bool alive() const;

  // Both are made when they are first asked for. May throw std::bad_alloc.
  ThreadPool& Pool(int threads);
  TextBatch& Batch(const TextModel& model, int threads);

 private:
  friend class Session;
  const uint64_t generation_;
  const PyThread_type_lock lock_;
  unsigned long owner_ = 0;  // of the lock, by PyThread_get_thread_ident
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<TextBatch> batch_;
  const TextModel* batch_model_ = nullptr;
};

// The Python object; made by open_model, freed as any.
struct Handle {
  PyObject_HEAD OpenModel* model;
  Workers* workers;
};

// The type; a new reference.
PyObject* NewHandleType(PyObject* module);
// Takes the model over; null with an error set where there is no memory.
PyObject* NewHandle(PyTypeObject* type, std::unique_ptr<OpenModel> model);

class Session {
 public:
  // With the GIL, as all here. `handle` outlives it.
  explicit Session(Handle* handle) : handle_(*handle) {}
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Waits for whoever computes, so that Ctrl-C is heard. False: a Python error is set.
  bool Begin();

  OpenModel& model() { return *handle_.model; }
  ThreadPool& Pool() { return workers_->Pool(handle_.model->threads()); }
  TextBatch& Batch(const TextModel& of) { return workers_->Batch(of, handle_.model->threads()); }
  bool alive() const { return workers_->alive(); }

 private:
  Handle& handle_;
  Workers* workers_ = nullptr;  // once it began
};

// Between the batches of a call: signals are looked at, and progress is told, now and then.
class Pulse {
 public:
  // `progress`: called with the number of texts that are done; may be None.
  Pulse(const Session& session, PyObject* progress)
      : session_(session), progress_(progress), main_(IsMainThread()) {}

  // Without the GIL. False: the call has to end, and a Python error is set.
  bool Beat(WithoutGil& gil, size_t done);
  bool failed() const { return failed_; }
  // With the GIL: the last one.
  bool Finish(size_t done) { return Tell(done); }

 private:
  using Clock = std::chrono::steady_clock;
  static bool IsMainThread();
  bool Tell(size_t done);

  const Session& session_;
  PyObject* const progress_;
  const bool main_;
  bool failed_ = false;
  Clock::time_point last_ = Clock::now();
};

// Before the first Workers: counts forks.
void WatchForks();

}  // namespace minnow::python
