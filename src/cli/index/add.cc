// SPDX-License-Identifier: Apache-2.0
// minnow index add: files and folders into an index, and vectors for what they hold.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "cli/command_line/command.h"
#include "cli/index/embed_turn.h"
#include "cli/index/index.h"
#include "cli/index/store_option.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "formats/json.h"
#include "ingest/added_from.h"
#include "ingest/ingester.h"
#include "ingest/input/encoding.h"
#include "ingest/kuberian_record.h"
#include "ingest/pending_embedder.h"

namespace minnow {
namespace {

constexpr const char* kStandardInput = "-";
// Further messages about records are counted only.
constexpr size_t kShownRejections = 100;
constexpr std::chrono::milliseconds kTurnPause{100};

using Clock = std::chrono::steady_clock;

struct AddCommand {
  StoreOption store;
  std::string model;
  std::string dtype = "auto";
  std::vector<std::string> files;
  std::vector<std::string> text_fields;
  std::string id_field;
  std::string root;
  std::vector<std::string> exclude;
  std::string encoding;
  std::string delimiter;
  int threads = 0;
  bool reembed = false;
  bool prune = false;
  bool moved = false;
  bool quiet = false;
  bool verbose = false;
  bool json = false;
};

double Seconds(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Tells what happens, and stops when the user asks for it.
class Reporter : public IngestObserver {
 public:
  Reporter(const AddCommand& command, size_t files)
      : command_(command), files_(files), bar_(command.quiet) {}

  void Rejected(const std::string& message) override {
    if (++rejections_ > kShownRejections) return;
    bar_.Clear();
    PrintError(message);
    if (rejections_ == kShownRejections) PrintError("further messages of this kind are left out");
  }

  void Skipped(const std::string& path, SkipReason reason) override {
    ++skipped_[reason];
    if (!command_.verbose) return;
    bar_.Clear();
    PrintError("skipped " + path + ": " + SkipReasonText(reason));
  }

  bool Progress(const IngestCounts& counts) override {
    if (files_ > 1) {
      bar_.Show("reading", counts.files, files_, "files");
    } else {
      bar_.Show("reading", counts.documents(), 0, "documents");
    }
    return !Interruptible::requested();
  }

  ProgressBar& bar() { return bar_; }
  const std::map<SkipReason, size_t>& skipped() const { return skipped_; }

 private:
  const AddCommand& command_;
  const size_t files_;
  ProgressBar bar_;
  size_t rejections_ = 0;
  std::map<SkipReason, size_t> skipped_;
};

struct Summary {
  IngestCounts counts;
  size_t contested_files = 0;
  EmbedCounts embedded;
  double seconds = 0;
  double embed_seconds = 0;
  bool interrupted = false;
};

std::string SkippedText(const std::map<SkipReason, size_t>& skipped) {
  std::string text;
  for (const auto& [reason, count] : skipped) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + SkipReasonText(reason);
  }
  return text;
}

// Rates are of what went through the model, which equal chunks side by side do as one text.
std::string EmbeddedText(const EmbedCounts& embedded, double seconds) {
  seconds = std::max(seconds, 1e-9);
  const bool equal = embedded.texts < embedded.chunks;
  char text[160];
  std::snprintf(text, sizeof text, " embedded in %.1f s%s: %.0f %s/s, %.0f tokens/s\n", seconds,
                equal ? (", as " + Plural(embedded.texts, "text")).c_str() : "",
                static_cast<double>(embedded.texts) / seconds, equal ? "texts" : "chunks",
                static_cast<double>(embedded.tokens) / seconds);
  return Plural(embedded.chunks, "chunk") + text;
}

std::string TextSummary(const Summary& summary, const Reporter& reporter, const IndexStats& stats) {
  const IngestCounts& counts = summary.counts;
  std::string text = Plural(counts.added, "document") + " added, " +
                     std::to_string(counts.replaced) + " replaced, " +
                     std::to_string(counts.unchanged) + " unchanged";
  if (counts.deleted > 0) text += ", " + std::to_string(counts.deleted) + " deleted";
  if (counts.rejected > 0) text += ", " + std::to_string(counts.rejected) + " rejected";
  text += "\n";
  if (summary.embedded.chunks > 0) text += EmbeddedText(summary.embedded, summary.embed_seconds);
  if (!reporter.skipped().empty()) text += "skipped: " + SkippedText(reporter.skipped()) + "\n";
  char line[128];
  std::snprintf(line, sizeof line, "the index has %s in %s, after %.1f s\n",
                Plural(stats.documents, "document").c_str(), Plural(stats.chunks, "chunk").c_str(),
                summary.seconds);
  return text + line;
}

std::string JsonSummary(const Summary& summary, const Reporter& reporter, const IndexStats& stats) {
  std::string text;
  JsonWriter json(&text);
  const auto number = [&json](const char* key, size_t value) {
    json.Key(key);
    json.Uint(value);
  };
  json.BeginObject();
  number("files", summary.counts.files);
  number("added", summary.counts.added);
  number("replaced", summary.counts.replaced);
  number("unchanged", summary.counts.unchanged);
  number("deleted", summary.counts.deleted);
  number("rejected", summary.counts.rejected);
  json.Key("skipped");
  json.BeginObject();
  for (const auto& [reason, count] : reporter.skipped()) number(SkipReasonText(reason), count);
  json.EndObject();
  number("embedded_chunks", summary.embedded.chunks);
  number("embedded_texts", summary.embedded.texts);
  number("embedded_tokens", summary.embedded.tokens);
  json.Key("embed_seconds");
  json.Double(summary.embed_seconds);
  json.Key("seconds");
  json.Double(summary.seconds);
  json.Key("interrupted");
  json.Bool(summary.interrupted);
  number("documents", stats.documents);
  number("chunks", stats.chunks);
  number("pending_chunks", stats.pending_chunks);
  number("refused_chunks", stats.refused_chunks);
  json.EndObject();
  return text + "\n";
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text.empty() ? "the default ones" : text;
}

class Adding {
 public:
  explicit Adding(const AddCommand& command) : command_(command) {}

  Status Run() {
    const Clock::time_point begin = Clock::now();
    MINNOW_RETURN_IF_ERROR(FindFiles());
    Reporter reporter(command_, walk_.files.size());
    for (const auto& [path, reason] : skipped_) reporter.Skipped(path, reason);
    MINNOW_ASSIGN_OR_RETURN(loaded_,
                            LoadModelToAdd(command_.store, command_.model, command_.dtype));
    MINNOW_ASSIGN_OR_RETURN(store_, OpenForWriting(command_.store, /*create=*/true));
    MINNOW_RETURN_IF_ERROR(OpenIndex());
    // What can refuse comes before what changes: another model, or, where it is welcome and all
    // vectors will go, the note.
    if (!command_.reembed) MINNOW_RETURN_IF_ERROR(index_->UseModel(loaded_.identity, false));
    const AddRule rule = command_.moved   ? AddRule::kMoved
                         : command_.prune ? AddRule::kPrune
                                          : AddRule::kKeep;
    AddedFrom from(index_.get(), &walk_, rule);
    MINNOW_RETURN_IF_ERROR(from.Note());
    if (command_.reembed) MINNOW_RETURN_IF_ERROR(index_->UseModel(loaded_.identity, true));
    const Interruptible interruptible;
    ThreadPool pool(command_.threads > 0 ? command_.threads : Cpu().usable_cores());
    MINNOW_RETURN_IF_ERROR(AddFiles(from, reporter, pool));
    MINNOW_RETURN_IF_ERROR(Embed(reporter, pool));
    reporter.bar().Clear();
    MINNOW_RETURN_IF_ERROR(store_->RunMaintenance(/*at_end=*/true));
    summary_.seconds = Seconds(begin);
    return Report(reporter);
  }

 private:
  bool FromStandardInput() const {
    return std::find(command_.files.begin(), command_.files.end(), kStandardInput) !=
           command_.files.end();
  }

  FileReading Reading() const {
    FileReading reading;
    reading.encoding = FindEncoding(command_.encoding);
    if (!command_.delimiter.empty()) {
      reading.delimiter = command_.delimiter == "\\t" ? '\t' : command_.delimiter[0];
    }
    if (!command_.quiet) reading.note = [](const std::string& message) { PrintError(message); };
    return reading;
  }

  Status FindFiles() {
    std::vector<std::string> arguments;
    for (const std::string& file : command_.files) {
      if (file != kStandardInput) arguments.push_back(file);
    }
    WalkOptions options;
    options.root = command_.root;
    options.exclude = command_.exclude;
    options.reading = Reading();
    options.skipped = [this](const std::string& path, SkipReason reason) {
      skipped_.emplace_back(path, reason);
    };
    MINNOW_ASSIGN_OR_RETURN(walk_, WalkFiles(arguments, options));
    MINNOW_RETURN_IF_ERROR(CheckPrune());
    // Folders that are empty now may have been full.
    if (command_.prune) return {};
    if (walk_.files.empty() && !arguments.empty() && !FromStandardInput()) {
      if (!walk_.problems.empty()) {
        return Error{Code::kInvalidArgument, walk_.problems.front().message};
      }
      const std::string skipped = SkippedText(walk_.skipped);
      return Error{Code::kInvalidArgument, arguments.front() + ": no files to index" +
                                               (skipped.empty() ? "" : " (" + skipped + ")")};
    }
    return {};
  }

  // Ids do not say which folder they are relative to: what was added from elsewhere would be taken
  // for gone, and all of it where the whole root is pruned.
  Status CheckPrune() const {
    const auto& prefixes = walk_.prefixes;
    const bool whole = std::find(prefixes.begin(), prefixes.end(), "") != prefixes.end();
    if (!command_.prune || !command_.root.empty() || !whole) return {};
    return Error{Code::kInvalidArgument,
                 "--prune of the current folder itself deletes every file's documents that are not "
                 "found in it; give --root . as well if the index is of this folder alone, or name "
                 "the folders in it"};
  }

  // Kuberian's lines say themselves which field is their text.
  Result<IndexSettings> NewSettings() const {
    IndexSettings settings;
    settings.text_fields = command_.text_fields;
    if (!command_.id_field.empty()) settings.id_field = command_.id_field;
    if (!settings.text_fields.empty()) return settings;
    for (const FoundFile& file : walk_.files) {
      if (file.kind.format != FileFormat::kJsonLines) continue;
      const auto opened = OpenSource(file, settings);
      if (opened.ok() && opened->kuberian) settings.text_fields = {kKuberianTextField};
      break;
    }
    return settings;
  }

  Status OpenIndex() {
    auto found = store_->FindIndex(command_.store.name);
    if (!found.ok() && found.error().code == Code::kNotFound) {
      MINNOW_ASSIGN_OR_RETURN(const IndexSettings settings, NewSettings());
      MINNOW_ASSIGN_OR_RETURN(index_, store_->CreateIndex(command_.store.name, settings));
      return {};
    }
    if (!found.ok()) return std::move(found).error();
    index_ = std::move(found).value();
    const IndexSettings settings = index_->settings();
    const bool other_fields =
        !command_.text_fields.empty() && command_.text_fields != settings.text_fields;
    const bool other_id = !command_.id_field.empty() && command_.id_field != settings.id_field;
    if (!other_fields && !other_id) return {};
    return Error{Code::kInvalidArgument,
                 command_.store.path + ": index " + QuoteForMessage(index_->name()) +
                     " was made with text fields " + Joined(settings.text_fields) +
                     " and id field " + settings.id_field +
                     "; an index keeps its fields: choose another --name"};
  }

  Status AddFiles(const AddedFrom& from, Reporter& reporter, ThreadPool& pool) {
    const Chunker chunker = ChunkerOf(*loaded_.model);
    Ingester ingester(index_.get(), &chunker, &pool, &reporter);
    bool wanted = true;
    if (FromStandardInput()) {
      MINNOW_ASSIGN_OR_RETURN(const OpenedSource opened, OpenStream(STDIN_FILENO, "standard input",
                                                                    Reading(), index_->settings()));
      if (opened.source) {
        MINNOW_ASSIGN_OR_RETURN(wanted, ingester.Add(*opened.source, "standard input"));
      }
    }
    for (const WalkProblem& problem : walk_.problems) ingester.Reject(problem);
    for (const FoundFile& file : walk_.files) {
      if (!wanted) break;
      MINNOW_ASSIGN_OR_RETURN(wanted, ingester.Add(file));
      if (wanted) wanted = reporter.Progress(ingester.counts());
    }
    MINNOW_ASSIGN_OR_RETURN(const bool more, ingester.Flush());
    wanted = wanted && more;
    if (command_.prune && wanted) MINNOW_RETURN_IF_ERROR(ingester.Prune(walk_.prefixes, from));
    MINNOW_ASSIGN_OR_RETURN(summary_.contested_files,
                            from.CountContested(ingester.replaced_files()));
    summary_.counts = ingester.counts();
    summary_.interrupted = !wanted;
    return {};
  }

  // False where the user wants no more.
  bool AwaitTurn(const EmbedTurn& turn, Reporter& reporter) {
    bool told = command_.quiet;
    while (!turn.Take()) {
      if (Interruptible::requested()) return false;
      reporter.bar().Clear();
      if (!std::exchange(told, true)) {
        PrintError("waiting: another process embeds the chunks of " + command_.store.path);
      }
      std::this_thread::sleep_for(kTurnPause);
    }
    return true;
  }

  Status Embed(Reporter& reporter, ThreadPool& pool) {
    if (summary_.interrupted) return {};
    const EmbedTurn turn(command_.store.path);
    summary_.interrupted = !AwaitTurn(turn, reporter);
    if (summary_.interrupted) return {};
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index_->Stats());
    if (stats.pending_chunks == 0) return {};
    const Clock::time_point begin = Clock::now();
    PendingEmbedder embedder(*loaded_.model, loaded_.identity, &pool);
    MINNOW_ASSIGN_OR_RETURN(summary_.embedded,
                            embedder.Run(*index_, [&](const EmbedCounts& counts) {
                              // Others may add meanwhile.
                              const size_t all = std::max(stats.pending_chunks, counts.chunks);
                              reporter.bar().Show("embedding", counts.chunks, all, "chunks");
                              return !Interruptible::requested();
                            }));
    summary_.embed_seconds = Seconds(begin);
    summary_.interrupted = Interruptible::requested();
    return {};
  }

  Status Report(const Reporter& reporter) {
    if (summary_.contested_files > 0 && !command_.quiet) {
      PrintError(
          "documents of " + Plural(summary_.contested_files, "file") +
          " were replaced that may have been another folder's, from which files with such ids "
          "were added, too: give each project an index of its own (--name), or a common "
          "--root");
    }
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index_->Stats());
    Output output;
    if (command_.json) {
      output.Write(JsonSummary(summary_, reporter, stats));
    } else if (!command_.quiet) {
      output.Write(TextSummary(summary_, reporter, stats));
    }
    MINNOW_RETURN_IF_ERROR(output.Finish());
    if (summary_.interrupted) {
      return Error{Code::kDeadline,
                   "interrupted; what is done is kept, and the same command goes on"};
    }
    const IngestCounts& counts = summary_.counts;
    if (counts.rejected > 0) {
      return Error{Code::kInvalidArgument, Plural(counts.rejected, "record") + " rejected, " +
                                               Plural(counts.documents(), "document") + " kept"};
    }
    if (!command_.files.empty() && counts.documents() == 0 && !command_.prune) {
      return Error{Code::kInvalidArgument, command_.files.front() + ": no documents in it"};
    }
    return {};
  }

  const AddCommand& command_;
  Walk walk_;
  std::vector<std::pair<std::string, SkipReason>> skipped_;
  IdentifiedModel loaded_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<SearchIndex> index_;
  Summary summary_;
};

void AddInputOptions(Command add, AddCommand& command) {
  add.AddOption("FILE", command.files, "Files and folders; - reads JSON lines from standard input");
  add.AddOption("--text-fields", command.text_fields,
                "JSON and CSV fields that are the text, a,b; default: title and text, else every "
                "string")
      .Delimiter(',')
      .OneValueEach();
  add.AddOption("--id-field", command.id_field, "JSON and CSV field that is the id; default: id");
  add.AddOption("--root", command.root,
                "Ids of files are paths relative to this folder; default: the current one");
  add.AddOption("--exclude", command.exclude,
                "Pattern of names or paths in folders to leave out, '*.log'; may be repeated")
      .OneValueEach();
  add.AddOption("--encoding", command.encoding,
                "What files without a byte order mark are written in: " + EncodingNames() +
                    "; default: UTF-8, or UTF-16 where zero bytes tell it");
  add.AddOption(
      "--delimiter", command.delimiter,
      "Between the fields of CSV files, one character or \\t; default: found by the first "
      "row (comma, semicolon, tab or pipe)");
  add.AddFlag("--prune", command.prune,
              "Delete documents made from files that are gone from the folders given");
  add.AddFlag(
      "--moved", command.moved,
      "What was added with the same ids from another folder is of this project, too: it may be "
      "replaced and pruned");
}

}  // namespace

void AddIndexAddCommand(Command group) {
  Command add = group.AddCommand("add", "Add files and folders to an index");
  auto command = std::make_shared<AddCommand>();
  AddStoreOptions(add, command->store);
  AddModelOption(add, command->model);
  AddDtypeOption(add, command->dtype);
  AddInputOptions(add, *command);
  add.AddFlag("--reembed", command->reembed,
              "Make all vectors anew where they are of another model");
  AddThreadsOption(add, command->threads);
  add.AddFlag("--quiet", command->quiet, "Errors only");
  add.AddFlag("--verbose", command->verbose, "Name each file that is skipped");
  add.AddFlag("--json", command->json, "The summary as one JSON object");
  add.Footer(
      "Reads JSONL, NDJSON, JSON, CSV, TSV, Markdown, HTML, notebooks, text and source code (by\n"
      "function where it can).\n"
      "Adding again adds what is new, replaces what has changed and leaves the rest, without "
      "--model\n"
      "by the model of the vectors that are there; after a kill the same command goes on. Hidden, "
      "binary and very large files are skipped; "
      "texts\n"
      "that are not UTF-8 are refused, unless --encoding says what they are.\n"
      "Lines that are no document are reported, the others are added, and the exit code is 1; so\n"
      "are lines whose id an earlier one of the run has. Records of JSON and CSV files have their\n"
      "own fields only, no path or kind, and --prune leaves them alone.\n\n"
      "Examples:\n"
      "  minnow index add docs src --index my.db --model model.minnow\n"
      "  minnow index add articles.jsonl --index my.db --text-fields headline,body\n"
      "  minnow index add docs --index my.db --prune       (docs has changed)\n"
      "  jq -c '.[]' data.json | minnow index add - --index my.db\n"
      "  minnow index add --index my.db --model other.minnow --reembed");
  add.OnChosen([command] {
    RequireStore(command->store, EmbeddedStore::kRefused);
    // A store that is there may know its model.
    std::error_code ignored;
    if (!std::filesystem::exists(command->store.path, ignored)) RequireModel(command->model);
    if (command->files.empty() && !command->reembed) RequireArgument("FILE");
    if (!command->encoding.empty() && !FindEncoding(command->encoding)) {
      RefuseArgument("--encoding", "not known; there are " + EncodingNames());
    }
    const std::string& delimiter = command->delimiter;
    const bool one = delimiter.size() == 1 &&
                     std::string_view("\"\r\n").find(delimiter) == std::string_view::npos;
    if (!delimiter.empty() && !one && delimiter != "\\t") {
      RefuseArgument("--delimiter", "expected one character, no quote or line break, or \\t");
    }
    return ExitCode(Adding(*command).Run());
  });
}

}  // namespace minnow
