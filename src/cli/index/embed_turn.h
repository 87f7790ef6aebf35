// SPDX-License-Identifier: Apache-2.0
// EmbedTurn: of the processes that add to one store, one at a time embeds. Two would embed the same
// chunks; the one whose turn it is takes the others' with it.
//
// One thread. The turn ends with the object, or with the process, however that ends.
#pragma once

#include <string>

namespace minnow {

class EmbedTurn {
 public:
  // REQUIRES: the store at `path` is open in this process for as long.
  explicit EmbedTurn(const std::string& path);
  EmbedTurn(const EmbedTurn&) = delete;
  EmbedTurn& operator=(const EmbedTurn&) = delete;
  ~EmbedTurn();

  // False while another process has the turn; never waits. True where the file system has no locks:
  // work is done twice there, and nothing worse.
  bool Take() const;

 private:
  const int descriptor_;
};

}  // namespace minnow
