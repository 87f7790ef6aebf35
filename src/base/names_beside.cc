// SPDX-License-Identifier: Apache-2.0
#include "base/names_beside.h"

#include <dirent.h>

#include <string_view>

namespace minnow {

std::vector<std::string> NamesBeside(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  const std::string own = slash == path.npos ? path : path.substr(slash + 1);
  std::vector<std::string> rests;
  DIR* const list = ::opendir(folder.c_str());
  if (list == nullptr) return rests;
  while (const dirent* entry = ::readdir(list)) {
    const std::string_view name = entry->d_name;
    if (name.size() > own.size() && name.starts_with(own))
      rests.emplace_back(name.substr(own.size()));
  }
  ::closedir(list);
  return rests;
}

}  // namespace minnow
