// SPDX-License-Identifier: Apache-2.0
// Elements of maps, in fp32 or bf16, as vectors of floats; included in an ISA file's anonymous
// namespace after its vector type.

inline VF VLoadElements(const float* p) { return VLoad(p); }
inline VF VLoadElements(const uint16_t* p) { return VFromBf16(p); }
inline void VStoreElements(float* p, VF v) { VStore(p, v); }
inline void VStoreElements(uint16_t* p, VF v) { VStoreBf16(p, v); }

// The first n < kLanes of them; the others of a vector that is loaded are zero.
inline VF VLoadElementsPart(const float* p, size_t n) { return VLoadPart(p, n); }
inline void VStoreElementsPart(float* p, size_t n, VF v) { VStorePart(p, n, v); }
#ifdef MINNOW_BF16_PARTS  // the instruction set has its own
inline VF VLoadElementsPart(const uint16_t* p, size_t n) { return VFromBf16Part(p, n); }
inline void VStoreElementsPart(uint16_t* p, size_t n, VF v) { VStoreBf16Part(p, n, v); }
#else
inline VF VLoadElementsPart(const uint16_t* p, size_t n) {
  uint16_t elements[kLanes] = {0};
  for (size_t i = 0; i < n; ++i) elements[i] = p[i];
  return VFromBf16(elements);
}
inline void VStoreElementsPart(uint16_t* p, size_t n, VF v) {
  uint16_t elements[kLanes];
  VStoreBf16(elements, v);
  for (size_t i = 0; i < n; ++i) p[i] = elements[i];
}
#endif
