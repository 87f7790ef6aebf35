// SPDX-License-Identifier: Apache-2.0
#include "index/sqlite/connections.h"

namespace minnow {

Result<Connections::Writer> Connections::Write() {
  if (writer_ == nullptr) {
    return Error{Code::kInvalidArgument, path_ + ": is opened for reading only"};
  }
  return Writer(std::unique_lock<std::mutex>(writing_), writer_.get());
}

Result<Connections::Reader> Connections::Read() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Database> database = std::move(idle_.back());
      idle_.pop_back();
      return Reader(this, std::move(database));
    }
  }
  MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, open_reader_());
  return Reader(this, std::move(database));
}

void Connections::GiveBack(std::unique_ptr<Database> database) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.size() < keep_) idle_.push_back(std::move(database));
}

}  // namespace minnow
