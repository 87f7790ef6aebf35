// SPDX-License-Identifier: Apache-2.0
// Which tables exist, which run here, and which is in use.
#include "kernels/dispatch.h"

#include <cstdlib>

#include "base/cpu.h"

namespace minnow {

extern const Kernels kScalarKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const PackedKernels kAvx512VnniInt8;
extern const PackedKernels kAvx512Bf16;
void AttentionAvx512Bf16(const AttentionF32* args);
size_t AttentionScratchAvx512Bf16(size_t length, size_t head_dim);
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
extern const PackedKernels kNeonDotprodInt8;
#endif

namespace {

struct Entry {
  const Kernels* kernels;
  bool runs_here;
};

// The tables that add one precision's kernels to a smaller instruction set's.
#if defined(__x86_64__)
const Kernels& Avx512VnniKernels() {
  static const Kernels kernels = [] {
    Kernels k = kAvx512Kernels;
    k.name = "avx512_vnni";
    k.int8 = &kAvx512VnniInt8;
    return k;
  }();
  return kernels;
}

const Kernels& Avx512Bf16Kernels() {
  static const Kernels kernels = [] {
    Kernels k = Avx512VnniKernels();
    k.name = "avx512_bf16";
    k.bf16 = &kAvx512Bf16;
    k.attention_packed = AttentionAvx512Bf16;
    k.attention_packed_scratch_floats = AttentionScratchAvx512Bf16;
    return k;
  }();
  return kernels;
}
#elif defined(__aarch64__)
const Kernels& NeonDotprodKernels() {
  static const Kernels kernels = [] {
    Kernels k = kNeonKernels;
    k.name = "neon_dotprod";
    k.int8 = &kNeonDotprodInt8;
    return k;
  }();
  return kernels;
}
#endif

// Slowest first; each has all that the one before needs.
std::vector<Entry> Entries() {
  [[maybe_unused]] const CpuFeatures& cpu = Cpu().features;
  // clang-format off
  return {
      {&kScalarKernels, true},
#if defined(__x86_64__)
      {&kAvx2Kernels, cpu.avx2},
      {&kAvx512Kernels, cpu.avx2 && cpu.avx512},
      {&Avx512VnniKernels(), cpu.avx2 && cpu.avx512 && cpu.avx512_vnni},
      {&Avx512Bf16Kernels(), cpu.avx2 && cpu.avx512 && cpu.avx512_vnni && cpu.avx512_bf16},
#elif defined(__aarch64__)
      {&kNeonKernels, cpu.neon},
      {&NeonDotprodKernels(), cpu.neon && cpu.neon_dotprod},
#endif
  };
  // clang-format on
}

Result<const Kernels*> Choose() {
  const char* forced = std::getenv("MINNOW_ISA");
  if (forced != nullptr && *forced != '\0') {
    auto found = FindKernels(forced);
    if (!found.ok()) return Annotate(found.error(), "MINNOW_ISA");
    return found;
  }
  return AvailableKernels().back();
}

}  // namespace

std::vector<const Kernels*> AvailableKernels() {
  std::vector<const Kernels*> available;
  for (const Entry& entry : Entries()) {
    if (entry.runs_here) available.push_back(entry.kernels);
  }
  return available;
}

std::vector<std::string> KnownKernelNames() {
  std::vector<std::string> names;
  for (const Entry& entry : Entries()) names.emplace_back(entry.kernels->name);
  return names;
}

Result<const Kernels*> FindKernels(const std::string& name) {
  std::string runnable;
  for (const Entry& entry : Entries()) {
    if (entry.runs_here && name == entry.kernels->name) return entry.kernels;
    if (entry.runs_here)
      runnable += (runnable.empty() ? "" : ", ") + std::string(entry.kernels->name);
  }
  for (const std::string& known : KnownKernelNames()) {
    if (name == known) {
      return Error{Code::kInvalidArgument,
                   "this machine cannot run \"" + name + "\"; it can run " + runnable};
    }
  }
  return Error{Code::kInvalidArgument,
               "unknown instruction set \"" + name + "\"; this machine can run " + runnable};
}

Status CheckIsaEnvironment() {
  auto chosen = Choose();
  if (!chosen.ok()) return std::move(chosen).error();
  return Status();
}

const Kernels& ActiveKernels() {
  static const Kernels& active = [&]() -> const Kernels& {
    auto chosen = Choose();
    CHECK(chosen.ok());
    return **chosen;
  }();
  return active;
}

}  // namespace minnow
