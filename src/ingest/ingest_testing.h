// SPDX-License-Identifier: Apache-2.0
// IngestTest: a folder of its own, and what files in it are read as.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "ingest/document_source.h"
#include "ingest/file_walk.h"

namespace minnow {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

class IngestTest : public testing::Test {
 protected:
  IngestTest() {
    char name[] = "/tmp/minnow_ingest_XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~IngestTest() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  std::string Write(const std::string& name, const std::string& bytes) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  struct Read {
    Strings documents;
    Strings problems;  // "LINE: what"
    std::string error;
    std::string skipped;
    bool kuberian = false;
  };

  Read ReadFile(const std::string& path, const IndexSettings& settings = {}, bool named = true) {
    FoundFile file{path,
                   fs::path(path).filename(),
                   KindOf(fs::path(path).filename().string()),
                   fs::file_size(path),
                   named,
                   reading_};
    Read read;
    const auto opened = OpenSource(file, settings);
    if (!opened.ok()) {
      read.error = opened.error().message;
      return read;
    }
    if (!opened->source) {
      read.skipped = SkipReasonText(opened->skipped);
      return read;
    }
    read.kuberian = opened->kuberian;
    while (true) {
      const auto item = opened->source->Next();
      if (!item.ok()) read.error = item.error().message;
      if (!item.ok() || !*item) return read;
      if ((*item)->problem.empty()) {
        read.documents.push_back((*item)->json);
      } else {
        read.problems.push_back(std::to_string((*item)->line) + ": " + (*item)->problem);
      }
    }
  }

  fs::path folder_;
  FileReading reading_;
};

}  // namespace minnow
