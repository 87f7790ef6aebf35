// SPDX-License-Identifier: Apache-2.0
// minnow bench index: vector search on vectors of your own: how long it takes, and what it misses.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/process_usage.h"
#include "cli/bench/bench.h"
#include "cli/bench/index_data.h"
#include "cli/bench/timing.h"
#include "cli/command_line/command.h"
#include "cli/output.h"
#include "formats/json.h"
#include "index/vectors/vector_index.h"
#include "kernels/dispatch.h"

namespace minnow {
namespace {

struct IndexBenchOptions {
  IndexBenchSource source = {
      .path = {}, .dimensions = 384, .rows = 0, .queries = 500, .noise = 0.5, .seed = 1};
  size_t limit = 10;
  size_t every = 100;
  int threads = 1;
  int rounds = 5;
  bool exact = false;
  bool json = false;
  std::string sidecar;
};

using Truth = std::vector<std::vector<int64_t>>;

// One way of asking.
struct Way {
  const char* name;
  bool exact = false;
  size_t every = 1;  // the filter lets each so many-th row through
};

struct Measured {
  std::string name;
  double first_ms = 0;  // the first query: nothing was read before
  double median_ms = 0;
  double p99_ms = 0;
  double mean_ms = 0;  // of all rounds
  double recall = 0;
};

double RecallOf(const std::vector<VectorHit>& hits, const std::vector<int64_t>& truth) {
  size_t found = 0;
  for (const VectorHit& hit : hits)
    found += std::find(truth.begin(), truth.end(), hit.key) != truth.end() ? 1 : 0;
  return truth.empty() ? 1 : static_cast<double>(found) / static_cast<double>(truth.size());
}

// Groups of the rows that a filter allows, as a bitmap.
std::vector<uint64_t> EveryNth(size_t rows, size_t every) {
  constexpr size_t kWordBits = 64;
  std::vector<uint64_t> bits(rows / kWordBits + 1);
  for (size_t row = 0; row < rows; row += every)
    bits[row / kWordBits] |= uint64_t{1} << row % kWordBits;
  return bits;
}

// Median and p99 are over queries, of whose rounds the fastest counts: others tell of the machine's
// other work. A filter is made anew for each search, as a store does.
Result<Measured> Measure(const VectorIndex& index, const IndexBenchData& data, const Truth& truth,
                         const Way& way, const IndexBenchOptions& options, ThreadPool* pool) {
  Measured measured = {.name = way.name};
  const std::vector<uint64_t> bits = EveryNth(data.rows, way.every);
  std::vector<double> times(data.queries, std::numeric_limits<double>::infinity());
  for (int round = 0; round < options.rounds; ++round) {
    for (size_t q = 0; q < data.queries; ++q) {
      std::vector<uint64_t> allowed = way.every > 1 ? bits : std::vector<uint64_t>();
      const auto begin = BenchClock::now();
      const RowFilter filter = RowFilter::FromBitmap(0, std::move(allowed));
      const VectorQuery query = {.vector = {data.query(q), data.dimensions},
                                 .limit = options.limit,
                                 .exact = way.exact,
                                 .filter = way.every > 1 ? &filter : nullptr,
                                 .pool = pool};
      MINNOW_ASSIGN_OR_RETURN(const std::vector<VectorHit> hits, index.Search(query));
      const double ms = MillisecondsSince(begin);
      if (round == 0) measured.recall += RecallOf(hits, truth[q]);
      if (round == 0 && q == 0) measured.first_ms = ms;
      times[q] = std::min(times[q], ms);
      measured.mean_ms += ms / static_cast<double>(data.queries) / options.rounds;
    }
  }
  measured.recall /= static_cast<double>(truth.size());
  const TimeSummary summary = Summarize(std::move(times));
  measured.median_ms = summary.median;
  measured.p99_ms = summary.p99;
  return measured;
}

struct Report {
  size_t rows = 0, dimensions = 0, queries = 0, limit = 0, lists = 0;
  int threads = 1;
  double build_ms = 0, save_ms = 0, open_ms = 0, verify_ms = 0;
  double file_mb = 0, resident_mb = 0;
  std::vector<Measured> searches;
};

std::string AsText(const Report& report) {
  char line[256];
  std::string text;
  const auto add = [&](const char* format, auto... values) {
    std::snprintf(line, sizeof line, format, values...);
    text += line;
  };
  add("%zu rows of %zu, %zu lists, %zu queries for %zu, %d threads\n", report.rows,
      report.dimensions, report.lists, report.queries, report.limit, report.threads);
  add("build %.0f ms  save %.0f ms  open %.1f ms  verify %.0f ms  file %.1f MB\n", report.build_ms,
      report.save_ms, report.open_ms, report.verify_ms, report.file_mb);
  for (const Measured& search : report.searches) {
    add("%-14s median %.3f p99 %.3f mean %.3f first %.3f ms  recall %.4f\n", search.name.c_str(),
        search.median_ms, search.p99_ms, search.mean_ms, search.first_ms, search.recall);
  }
  add("resident %.1f MB after searching the file\n", report.resident_mb);
  return text;
}

std::string AsJson(const Report& report) {
  std::string text;
  JsonWriter json(&text);
  const auto number = [&](const char* name, double value) {
    json.Key(name);
    json.Double(value);
  };
  json.BeginObject();
  number("rows", static_cast<double>(report.rows));
  number("dimensions", static_cast<double>(report.dimensions));
  number("lists", static_cast<double>(report.lists));
  number("queries", static_cast<double>(report.queries));
  number("limit", static_cast<double>(report.limit));
  number("threads", report.threads);
  number("build_ms", report.build_ms);
  number("save_ms", report.save_ms);
  number("open_ms", report.open_ms);
  number("verify_ms", report.verify_ms);
  number("file_mb", report.file_mb);
  number("resident_mb", report.resident_mb);
  json.Key("searches");
  json.BeginObject();
  for (const Measured& search : report.searches) {
    json.Key(search.name);
    json.BeginObject();
    number("median_ms", search.median_ms);
    number("p99_ms", search.p99_ms);
    number("mean_ms", search.mean_ms);
    number("first_ms", search.first_ms);
    number("recall", search.recall);
    json.EndObject();
  }
  json.EndObject();
  json.EndObject();
  return text + "\n";
}

// The sidecar's place; a file of our own goes when the work ends.
struct SidecarPath {
  explicit SidecarPath(const std::string& given)
      : path(given.empty() ? (std::filesystem::temp_directory_path() /
                              ("minnow-bench-" + std::to_string(::getpid())))
                                 .string()
                           : given),
        own(given.empty()) {}
  ~SidecarPath() {
    if (own) ::unlink(path.c_str());
  }
  const std::string path;
  const bool own;
};

// Builds the index, measures it in memory, and writes it to `path`.
Status BuildAndSave(const IndexBenchData& data, const Truth& truth,
                    const IndexBenchOptions& options, const std::string& path,
                    const SidecarIdentity& identity, ThreadPool* pool, Report* report) {
  std::vector<int64_t> keys(data.rows);
  for (size_t row = 0; row < data.rows; ++row) keys[row] = static_cast<int64_t>(row);
  VectorIndex index(data.dimensions);
  auto begin = BenchClock::now();
  MINNOW_RETURN_IF_ERROR(
      index.Append(keys, keys, {data.row_values.data(), data.row_values.size()}));
  report->build_ms = MillisecondsSince(begin);
  report->lists = index.stats().lists;
  MINNOW_ASSIGN_OR_RETURN(Measured measured,
                          Measure(index, data, truth, {"memory"}, options, pool));
  report->searches.push_back(std::move(measured));
  begin = BenchClock::now();
  MINNOW_RETURN_IF_ERROR(index.Save(path, identity, pool));
  report->save_ms = MillisecondsSince(begin);
  return {};
}

Result<Report> RunIndexBench(const IndexBenchOptions& options) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(IndexBenchData data, LoadIndexBenchData(options.source));
  Report report = {.rows = data.rows, .dimensions = data.dimensions, .queries = data.queries};
  report.limit = options.limit;
  report.threads = options.threads;
  std::vector<Way> ways = {{"file"}, {"filter", false, options.every}};
  if (options.exact) ways.push_back({"exact", true});
  Truth all, filtered;
  {
    ThreadPool every_core(Cpu().usable_cores());
    all = BruteForce(data, options.limit, 1, &every_core);
    filtered = BruteForce(data, options.limit, options.every, &every_core);
  }
  std::unique_ptr<ThreadPool> pool;
  if (options.threads > 1) pool = std::make_unique<ThreadPool>(options.threads);
  const SidecarPath sidecar(options.sidecar);
  SidecarIdentity identity;
  identity.dimensions = data.dimensions;
  MINNOW_RETURN_IF_ERROR(
      BuildAndSave(data, all, options, sidecar.path, identity, pool.get(), &report));
  data.row_values = {};

  const auto begin = BenchClock::now();
  MINNOW_ASSIGN_OR_RETURN(const auto index, VectorIndex::Open(sidecar.path, identity));
  report.open_ms = MillisecondsSince(begin);
  report.file_mb = static_cast<double>(std::filesystem::file_size(sidecar.path)) / 1e6;
  for (const Way& way : ways) {
    MINNOW_ASSIGN_OR_RETURN(Measured measured, Measure(*index, data, way.every > 1 ? filtered : all,
                                                       way, options, pool.get()));
    report.searches.push_back(std::move(measured));
    if (!way.exact)
      report.resident_mb = static_cast<double>(ReadProcessUsage().resident_bytes) / 1e6;
  }
  const auto verify = BenchClock::now();
  MINNOW_RETURN_IF_ERROR(index->Verify());
  report.verify_ms = MillisecondsSince(verify);
  return report;
}

}  // namespace

void AddBenchIndex(Command bench) {
  auto options = std::make_shared<IndexBenchOptions>();
  Command index =
      bench.AddCommand("index",
                       "Vector search: latency and recall beside brute force, in memory, from a "
                       "file, and with a filter");
  index
      .AddOption("VECTORS", options->source.path,
                 "Little-endian f32 rows, as minnow embed --output f32 prints them")
      .Required();
  index.AddOption("--dimensions", options->source.dimensions, "Numbers of a row")
      .Range(size_t{1}, kMaxVectorDimensions);
  index
      .AddOption("--rows", options->source.rows,
                 "Rows; 0: those of the file. Further ones are copies with noise")
      .Range(size_t{0}, size_t{100'000'000});
  index.AddOption("--noise", options->source.noise, "Length of that noise").Range(0.0, 100.0);
  index.AddOption("--seed", options->source.seed, "Of that noise");
  index.AddOption("--queries", options->source.queries, "The last rows of the file ask")
      .Range(size_t{1}, size_t{1'000'000});
  index.AddOption("-k,--limit", options->limit, "Rows to find").Range(size_t{1}, size_t{10'000});
  index.AddOption("--filter-every", options->every, "The filter keeps each so many-th row")
      .Range(size_t{2}, size_t{1'000'000});
  index.AddOption("--threads", options->threads, "Threads of a search").Range(1, kMaxBenchThreads);
  index.AddOption("--rounds", options->rounds, "Times to ask; of each query the fastest counts")
      .Range(1, 10'000);
  index.AddFlag("--exact", options->exact, "Time exact searches too");
  index.AddOption("--sidecar", options->sidecar, "File to write and keep; else a temporary one");
  index.AddFlag("--json", options->json, "Print one JSON object");
  index.OnChosen([options] {
    const Result<Report> report = RunIndexBench(*options);
    if (!report.ok()) return Fail(report.error());
    Output output;
    output.Write(options->json ? AsJson(*report) : AsText(*report));
    return ExitCode(output.Finish());
  });
}

}  // namespace minnow
