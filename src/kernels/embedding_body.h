// SPDX-License-Identifier: Apache-2.0
// Rows of embedding tables, added up in fp32; included in an ISA file's anonymous namespace by
// f32_body.h.
//
// An ISA file defines VFromI8(p) (kLanes signed bytes), VFromLowNibbles(p) and VFromHighNibbles(p)
// (the halves of kLanes bytes, 0 to 15), all as floats.

void AddRowF32(const float* row, size_t n, float* out) {
  for (size_t i = 0; i < n; i += kLanes) {
    StoreUpTo(out + i, n - i, VAdd(LoadUpTo(out + i, n - i), LoadUpTo(row + i, n - i)));
  }
}

void AddRowI8(const int8_t* row, float scale, size_t n, float* out) {
  const VF factor = VSet(scale);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    VStore(out + i, VMulAdd(VFromI8(row + i), factor, VLoad(out + i)));
  for (; i < n; ++i) out[i] = __builtin_fmaf((float)row[i], scale, out[i]);
}

// One group of 64: byte j holds elements j and j + 32.
inline void AddGroupI4(const uint8_t* bytes, float scale, float* out) {
  const VF factor = VSet(scale), middle = VSet(-8.0f * scale);
  for (size_t i = 0; i < 32; i += kLanes) {
    VStore(out + i, VAdd(VMulAdd(VFromLowNibbles(bytes + i), factor, middle), VLoad(out + i)));
    VStore(out + 32 + i,
           VAdd(VMulAdd(VFromHighNibbles(bytes + i), factor, middle), VLoad(out + 32 + i)));
  }
}

void AddRowI4(const uint8_t* row, const float* scales, size_t n, float* out) {
  size_t i = 0;
  for (; i + kInt4Group <= n; i += kInt4Group)
    AddGroupI4(row + i / 2, scales[i / kInt4Group], out + i);
  if (i == n) return;
  float last[kInt4Group];
  __builtin_memset(last, 0, sizeof last);
  __builtin_memcpy(last, out + i, (n - i) * sizeof(float));
  AddGroupI4(row + i / 2, scales[i / kInt4Group], last);
  __builtin_memcpy(out + i, last, (n - i) * sizeof(float));
}
