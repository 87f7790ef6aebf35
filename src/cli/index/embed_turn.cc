// SPDX-License-Identifier: Apache-2.0
// flock(2) on the write-ahead log: it is there while a process has the store open, and SQLite's own
// locks, which closing any descriptor of a file would drop, are on the other files.
#include "cli/index/embed_turn.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace minnow {

EmbedTurn::EmbedTurn(const std::string& path)
    : descriptor_(::open((path + "-wal").c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)) {}

EmbedTurn::~EmbedTurn() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool EmbedTurn::Take() const {
  return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

}  // namespace minnow
