// SPDX-License-Identifier: Apache-2.0
// minnow cpu: the machine as minnow sees it.
#include "base/cpu.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "kernels/core_peaks.h"
#include "kernels/dispatch.h"

namespace minnow {
namespace {

std::vector<std::string> FeatureNames(const CpuFeatures& f) {
  const struct {
    bool has;
    const char* name;
  } all[] = {{f.avx2, "avx2"},
             {f.avx512, "avx512"},
             {f.avx512_vnni, "avx512_vnni"},
             {f.avx512_bf16, "avx512_bf16"},
             {f.avx_vnni, "avx_vnni"},
             {f.amx_int8, "amx_int8"},
             {f.amx_bf16, "amx_bf16"},
             {f.neon, "neon"},
             {f.neon_dotprod, "neon_dotprod"},
             {f.neon_i8mm, "neon_i8mm"},
             {f.neon_bf16, "neon_bf16"}};
  std::vector<std::string> names;
  for (const auto& feature : all) {
    if (feature.has) names.push_back(feature.name);
  }
  return names;
}

std::string Join(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

std::string CacheSize(size_t bytes) {
  return bytes == 0 ? "unknown" : std::to_string(bytes / 1024) + " KiB";
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    // The processor's own name has no business with control characters; JSON would need them
    // escaped.
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return quoted + '"';
}

std::vector<std::string> AvailableKernelNames() {
  std::vector<std::string> names;
  for (const Kernels* kernels : AvailableKernels()) names.push_back(kernels->name);
  return names;
}

std::string QuotedList(const std::vector<std::string>& words) {
  return words.empty() ? "[]" : "[\"" + Join(words, "\",\"") + "\"]";
}

// Null where it was not measured (kernels/core_peaks.h).
std::string PeakJson(double peak) { return peak > 0 ? Number(peak) : "null"; }

std::string PeakText(double peak, const char* unit) {
  return peak > 0 ? Number(peak) + " " + unit : "not measured";
}

std::string Text(const CpuInfo& cpu, const std::optional<CorePeaks>& peaks) {
  std::string text;
  text += "processor     " + cpu.model_name + "\n";
  text += "features      " + Join(FeatureNames(cpu.features), " ") + "\n";
  text += "kernels       " + std::string(ActiveKernels().name) + " (of " +
          Join(AvailableKernelNames(), " ") + "; MINNOW_ISA chooses)\n";
  text += "cores         " + std::to_string(cpu.online_cores) + " online, " +
          std::to_string(cpu.affinity_cores) + " by affinity, quota " +
          (cpu.quota_cores > 0 ? Number(cpu.quota_cores) : "none") + ", " +
          std::to_string(cpu.usable_cores()) + " used\n";
  text += "caches        L1d " + CacheSize(cpu.l1d_bytes) + ", L2 " + CacheSize(cpu.l2_bytes) +
          ", L3 " + CacheSize(cpu.l3_bytes) + "\n";
  if (peaks) {
    text += "one core      fp32 " + PeakText(peaks->fp32, "GFLOP/s") + ", bf16 " +
            PeakText(peaks->bf16, "GFLOP/s") + ", int8 " + PeakText(peaks->int8, "GOP/s") +
            ", memory reads " + PeakText(peaks->read_bytes, "GB/s") + "\n";
  }
  return text;
}

std::string Json(const CpuInfo& cpu, const std::optional<CorePeaks>& peaks) {
  std::string json =
      "{\"processor\":" + Quoted(cpu.model_name) +
      ",\"features\":" + QuotedList(FeatureNames(cpu.features)) + ",\"kernels\":\"" +
      ActiveKernels().name + "\",\"available_kernels\":" + QuotedList(AvailableKernelNames()) +
      ",\"online_cores\":" + std::to_string(cpu.online_cores) +
      ",\"affinity_cores\":" + std::to_string(cpu.affinity_cores) +
      ",\"quota_cores\":" + (cpu.quota_cores > 0 ? Number(cpu.quota_cores) : "null") +
      ",\"usable_cores\":" + std::to_string(cpu.usable_cores()) +
      ",\"l1d_bytes\":" + std::to_string(cpu.l1d_bytes) +
      ",\"l2_bytes\":" + std::to_string(cpu.l2_bytes) +
      ",\"l3_bytes\":" + std::to_string(cpu.l3_bytes);
  if (peaks) {
    json += ",\"peaks\":{\"fp32_gflops\":" + PeakJson(peaks->fp32) +
            ",\"bf16_gflops\":" + PeakJson(peaks->bf16) +
            ",\"int8_gops\":" + PeakJson(peaks->int8) +
            ",\"read_gb_per_s\":" + PeakJson(peaks->read_bytes) + "}";
  }
  return json + "}\n";
}

struct CpuCommand {
  bool json = false;
  bool measure = false;
};

Status ShowCpu(const CpuCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  std::optional<CorePeaks> peaks;
  if (command.measure) peaks = MeasureCorePeaks(ActiveKernels());
  Output output;
  output.Write(command.json ? Json(Cpu(), peaks) : Text(Cpu(), peaks));
  return output.Finish();
}

}  // namespace

void AddCpuCommand(Command app) {
  Command cpu = app.AddCommand("cpu", "Show the machine as minnow sees it");
  auto command = std::make_shared<CpuCommand>();
  cpu.AddFlag("--json", command->json, "One JSON object instead of text");
  cpu.AddFlag("--measure", command->measure,
              "Measure one core too: arithmetic in each precision, reading of memory");
  cpu.Footer("MINNOW_ISA=NAME forces one of the kernels listed.");
  cpu.OnChosen([command] { return ExitCode(ShowCpu(*command)); });
}

}  // namespace minnow
