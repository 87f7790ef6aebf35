// SPDX-License-Identifier: Apache-2.0
// Which tables exist, which run here, and which is in use.
#include "kernels/dispatch.h"

#include <cstdio>
#include <cstdlib>

#include "base/cpu.h"
#include "kernels/self_check.h"

#if defined(__x86_64__)
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace minnow {

extern const Kernels kScalarKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const PackedKernels kAvxVnniInt8;
extern const PackedKernels kAvx512VnniInt8;
extern const PackedKernels kAvx512Bf16;
extern const PackedKernels kAmxInt8;
extern const PackedKernels kAmxBf16;
void AttentionAvxVnni(const AttentionF32* args);
size_t AttentionScratchAvxVnni(size_t length, size_t head_dim);
void AttentionAvx512Vnni(const AttentionF32* args);
size_t AttentionScratchAvx512Vnni(size_t length, size_t head_dim);
void AttentionAvx512Bf16(const AttentionF32* args);
size_t AttentionScratchAvx512Bf16(size_t length, size_t head_dim);
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
extern const PackedKernels kNeonDotprodInt8;
extern const PackedKernels kNeonI8mmInt8;
extern const PackedKernels kNeonBf16Dot;
#endif

namespace {

struct Entry {
  const Kernels* kernels;
  // Asked only when the table is wanted: the answer for AMX takes a permission and a trial.
  bool (*runs_here)();
};

[[maybe_unused]] const CpuFeatures& Features() { return Cpu().features; }

// The tables that add one precision's kernels to a smaller instruction set's.
[[maybe_unused]] Kernels Named(Kernels kernels, const char* name) {
  kernels.name = name;
  return kernels;
}

[[maybe_unused]] Kernels WithInt8(Kernels kernels, const PackedKernels& int8, const char* name) {
  kernels.int8 = &int8;
  kernels.int8_light = nullptr;
  return Named(kernels, name);
}

[[maybe_unused]] Kernels WithInt8Attention(Kernels kernels, void (*run)(const AttentionF32* args),
                                           size_t (*scratch)(size_t length, size_t head_dim)) {
  kernels.attention_int8 = run;
  kernels.attention_int8_scratch_floats = scratch;
  return kernels;
}

[[maybe_unused]] Kernels WithBf16(Kernels kernels, const PackedKernels& bf16, const char* name) {
  kernels.bf16 = &bf16;
  return Named(kernels, name);
}

#if defined(__x86_64__)
const Kernels& AvxVnniKernels() {
  static const Kernels kernels = WithInt8Attention(WithInt8(kAvx2Kernels, kAvxVnniInt8, "avx_vnni"),
                                                   AttentionAvxVnni, AttentionScratchAvxVnni);
  return kernels;
}

const Kernels& Avx512VnniKernels() {
  static const Kernels kernels =
      WithInt8Attention(WithInt8(kAvx512Kernels, kAvx512VnniInt8, "avx512_vnni"),
                        AttentionAvx512Vnni, AttentionScratchAvx512Vnni);
  return kernels;
}

const Kernels& Avx512Bf16Kernels() {
  static const Kernels kernels = [] {
    Kernels k = WithBf16(Avx512VnniKernels(), kAvx512Bf16, "avx512_bf16");
    k.attention_packed = AttentionAvx512Bf16;
    k.attention_packed_scratch_floats = AttentionScratchAvx512Bf16;
    return k;
  }();
  return kernels;
}

const Kernels& AmxInt8Kernels() {
  static const Kernels kernels = WithInt8(Avx512Bf16Kernels(), kAmxInt8, "amx_int8");
  return kernels;
}

const Kernels& AmxBf16Kernels() {
  static const Kernels kernels = WithBf16(AmxInt8Kernels(), kAmxBf16, "amx_bf16");
  return kernels;
}

bool Avx512Bf16RunsHere() {
  const CpuFeatures& f = Features();
  return f.avx2 && f.avx512 && f.avx512_vnni && f.avx512_bf16;
}

// Linux enlarges a process's saved state by the tiles only once it has asked; all of its threads
// may use them from then on.
bool TilesPermitted() {
  constexpr unsigned long kTileData = 18;  // the state's number in XCR0
  static const bool permitted = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, kTileData) == 0;
  return permitted;
}

bool Proven(const char* name, const PackedKernels& candidate, const PackedKernels& reference,
            PackedPrecision precision) {
  const bool agrees = AgreesWithReference(candidate, reference, precision);
  if (!agrees) {
    std::fprintf(stderr, "minnow: the %s kernels miscalculate on this machine and are not used\n",
                 name);
  }
  return agrees;
}

bool AmxInt8RunsHere() {
  if (!Avx512Bf16RunsHere() || !Features().amx_int8 || !TilesPermitted()) return false;
  static const bool proven =
      Proven("amx_int8", kAmxInt8, *kScalarKernels.int8, PackedPrecision::kInt8);
  return proven;
}

bool AmxBf16RunsHere() {
  if (!Features().amx_bf16 || !AmxInt8RunsHere()) return false;
  static const bool proven =
      Proven("amx_bf16", kAmxBf16, *kScalarKernels.bf16, PackedPrecision::kBf16);
  return proven;
}
#elif defined(__aarch64__)
const Kernels& NeonDotprodKernels() {
  static const Kernels kernels = WithInt8(kNeonKernels, kNeonDotprodInt8, "neon_dotprod");
  return kernels;
}

const Kernels& NeonI8mmKernels() {
  static const Kernels kernels = WithInt8(NeonDotprodKernels(), kNeonI8mmInt8, "neon_i8mm");
  return kernels;
}

const Kernels& NeonBf16Kernels() {
  static const Kernels kernels = WithBf16(NeonI8mmKernels(), kNeonBf16Dot, "neon_bf16");
  return kernels;
}

bool NeonI8mmRunsHere() {
  return Features().neon && Features().neon_dotprod && Features().neon_i8mm;
}
#endif

// Slowest first. clang-format would join the lines of the table.
// clang-format off
std::vector<Entry> Entries() {
  return {
      {&kScalarKernels, [] { return true; }},
#if defined(__x86_64__)
      {&kAvx2Kernels, [] { return Features().avx2; }},
      {&AvxVnniKernels(), [] { return Features().avx2 && Features().avx_vnni; }},
      {&kAvx512Kernels, [] { return Features().avx2 && Features().avx512; }},
      {&Avx512VnniKernels(),
       [] { return Features().avx2 && Features().avx512 && Features().avx512_vnni; }},
      {&Avx512Bf16Kernels(), Avx512Bf16RunsHere},
      {&AmxInt8Kernels(), AmxInt8RunsHere},
      {&AmxBf16Kernels(), AmxBf16RunsHere},
#elif defined(__aarch64__)
      {&kNeonKernels, [] { return Features().neon; }},
      {&NeonDotprodKernels(), [] { return Features().neon && Features().neon_dotprod; }},
      {&NeonI8mmKernels(), NeonI8mmRunsHere},
      {&NeonBf16Kernels(), [] { return NeonI8mmRunsHere() && Features().neon_bf16; }},
#endif
  };
}
// clang-format on

Result<const Kernels*> Choose() {
  const char* forced = std::getenv("MINNOW_ISA");
  if (forced != nullptr && *forced != '\0') {
    auto found = FindKernels(forced);
    if (!found.ok()) return Annotate(found.error(), "MINNOW_ISA");
    return found;
  }
  // The last is the fastest; nothing after the first that runs is tried.
  std::vector<Entry> entries = Entries();
  while (!entries.back().runs_here()) entries.pop_back();
  return entries.back().kernels;
}

}  // namespace

std::vector<const Kernels*> AvailableKernels() {
  std::vector<const Kernels*> available;
  for (const Entry& entry : Entries()) {
    if (entry.runs_here()) available.push_back(entry.kernels);
  }
  return available;
}

std::vector<std::string> KnownKernelNames() {
  std::vector<std::string> names;
  for (const Entry& entry : Entries()) names.emplace_back(entry.kernels->name);
  return names;
}

Result<const Kernels*> FindKernels(const std::string& name) {
  for (const Entry& entry : Entries()) {
    if (name == entry.kernels->name && entry.runs_here()) return entry.kernels;
  }
  std::string runnable;
  for (const Kernels* kernels : AvailableKernels())
    runnable += (runnable.empty() ? "" : ", ") + std::string(kernels->name);
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
