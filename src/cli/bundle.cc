// SPDX-License-Identifier: Apache-2.0
// minnow bundle: a copy of this program that carries a model, and an index.
#include "formats/bundle.h"

#include <stdlib.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/mapped_file.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/index/store_option.h"
#include "cli/output.h"
#include "formats/atomic_file.h"
#include "formats/json.h"
#include "formats/packed.h"
#include "formats/packed_header.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgramBegins =
    "\x7f"
    "ELF";

struct BundleCommand {
  std::string model;
  StoreOption store;
  std::string output;
};

// A folder beside the program to write, gone with the object.
class WorkFolder {
 public:
  static Result<WorkFolder> Make(const std::string& beside) {
    std::string path = beside + ".XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
      return Error{Code::kInternal, beside + ": cannot create a folder beside it"};
    }
    return WorkFolder(path);
  }
  WorkFolder(WorkFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  std::string File(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  explicit WorkFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// A store as it goes into a program: complete, closed, with all its vectors beside it.
struct StoreCopy {
  std::optional<MappedFile> store;
  std::map<int64_t, MappedFile> vectors;
  size_t documents = 0;
};

// An index of another model could never be searched with this one.
Status CheckModels(const Store& store, const PackedFile& model, StoreCopy& copy) {
  const auto& metadata = model.checkpoint().metadata();
  const auto checksum = metadata.find(kPackedChecksumKey);
  for (const auto& index : store.Indexes()) {
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
    copy.documents += stats.documents;
    const bool same =
        !stats.model || (checksum != metadata.end() && stats.model->checksum == checksum->second &&
                         stats.model->dtype == model.header().dtype);
    if (!same) {
      return Error{Code::kInvalidArgument,
                   store.path() + ": the vectors of index " + QuoteForMessage(index->name()) +
                       " were made by " + stats.model->name + " (" + stats.model->dtype +
                       "), checksum " + stats.model->checksum + ", not by " + model.path()};
    }
  }
  return {};
}

// "copy.db-vectors-12" -> 12; 0 for other names.
int64_t IndexNumber(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix)) return 0;
  int64_t number = 0;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + prefix.size(), end, number);
  return error == std::errc() && at == end ? number : 0;
}

// A copy is opened to bring its vectors up to date, and copied once more: what Backup writes needs
// no log beside it.
Result<StoreCopy> CopyStore(const BundleCommand& command, const PackedFile& model,
                            const WorkFolder& folder) {
  StoreCopy copy;
  const auto forever = [](uint64_t, uint64_t) { return true; };
  {
    MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForReading(command.store));
    MINNOW_RETURN_IF_ERROR(CheckModels(*store, model, copy));
    MINNOW_RETURN_IF_ERROR(store->Backup(folder.File("copy.db"), forever));
  }
  {
    StoreOption option = command.store;
    option.path = folder.File("copy.db");
    MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForWriting(option, /*create=*/false));
    MINNOW_RETURN_IF_ERROR(store->RunMaintenance(/*at_end=*/true));
    MINNOW_RETURN_IF_ERROR(store->Backup(folder.File("store.db"), forever));
  }
  MINNOW_ASSIGN_OR_RETURN(copy.store, MappedFile::Open(folder.File("store.db")));
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder.path(), error)) {
    const int64_t number = IndexNumber(entry.path().filename().string(), "copy.db-vectors-");
    if (number == 0) continue;
    MINNOW_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(entry.path().string()));
    copy.vectors.emplace(number, std::move(file));
  }
  return copy;
}

// None of what is read may be what is written. A store is also the files beside it ("my.db-wal").
Status CheckOutput(const BundleCommand& command) {
  std::error_code error;
  if (fs::is_directory(command.model, error)) {
    return Error{Code::kInvalidArgument,
                 command.model + ": is a directory; minnow pack makes one file of it"};
  }
  MINNOW_RETURN_IF_ERROR(RefuseSameFile(command.output, command.model, "the model itself"));
  MINNOW_RETURN_IF_ERROR(RefuseSameFile(command.output, kThisProgram, "the running program"));
  const fs::path store = command.store.path;
  if (store.empty())
    return CheckReplaceable(command.output, "program", /*offset=*/0, kProgramBegins);
  MINNOW_RETURN_IF_ERROR(RefuseSameFile(command.output, store, "the store itself"));
  const fs::path folder = store.has_parent_path() ? store.parent_path() : fs::path(".");
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with(store.filename().string() + "-")) continue;
    MINNOW_RETURN_IF_ERROR(RefuseSameFile(command.output, it->path(), "a part of the store"));
  }
  return CheckReplaceable(command.output, "program", /*offset=*/0, kProgramBegins);
}

Status Bundle(const BundleCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckOutput(command));
  MINNOW_ASSIGN_OR_RETURN(const auto model, PackedFile::Open(command.model));
  MINNOW_RETURN_IF_ERROR(model->Verify());
  BundleParts parts;
  parts.model = model->file_bytes();
  std::string carries = model->header().model_id + ", " + Megabytes(model->bytes());
  std::optional<WorkFolder> folder;
  std::optional<StoreCopy> copy;
  if (!command.store.path.empty()) {
    MINNOW_ASSIGN_OR_RETURN(WorkFolder made, WorkFolder::Make(command.output));
    folder.emplace(std::move(made));
    MINNOW_ASSIGN_OR_RETURN(copy, CopyStore(command, *model, *folder));
    parts.store = copy->store->bytes();
    size_t bytes = parts.store.size();
    for (const auto& [index, file] : copy->vectors) {
      parts.vectors[index] = file.bytes();
      bytes += file.bytes().size();
    }
    carries += "; an index of " + Plural(copy->documents, "document") + ", " + Megabytes(bytes);
  }
  MINNOW_RETURN_IF_ERROR(WriteBundle(parts, command.output));
  Output output;
  output.Write(command.output + ": carries " + carries + "\n");
  return output.Finish();
}

}  // namespace

void AddBundleCommand(Command app) {
  Command bundle = app.AddCommand(
      "bundle", "Write a copy of this program that carries a packed model, and an index");
  auto command = std::make_shared<BundleCommand>();
  bundle.AddOption("--model", command->model, "Packed file").Required();
  bundle.AddOption("--index", command->store.path, "A store, whose vectors are this model's");
  bundle.AddOption("-o,--output", command->output, "The program to write").Required();
  bundle.Footer(
      "The program that is written needs no --model, no --index and no other file. What it\n"
      "carries it only reads.\n\n"
      "Examples:\n"
      "  minnow bundle --model model.minnow -o my-embedder\n"
      "  ./my-embedder embed \"a sentence\"\n"
      "  minnow bundle --model model.minnow --index my.db -o my-search\n"
      "  ./my-search search \"a question\"\n"
      "  ./my-search serve");
  bundle.OnChosen([command] { return ExitCode(Bundle(*command)); });
}

}  // namespace minnow
