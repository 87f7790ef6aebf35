// SPDX-License-Identifier: Apache-2.0
// Lookup tables of the vector search by AVX2, for all x86 tables; included by scan_*.cc in their
// anonymous namespace, before scan_body.h.

inline __m256i ScaledWords(const float* query, __m256 scale) {
  return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(query), scale));
}

// For each of four tables: -+v -+w, in the order of two bits of an entry, v and w being those of
// the table's words that `first` and `second` choose.
inline __m256i FourSums(__m256i words, __m256i first, __m256i second) {
  const __m256i odd = _mm256_set1_epi32((int)0x0001ffff);
  const __m256i upper = _mm256_set1_epi64x((long long)0x00010001ffffffffull);
  return _mm256_add_epi16(_mm256_sign_epi16(_mm256_shuffle_epi8(words, first), odd),
                          _mm256_sign_epi16(_mm256_shuffle_epi8(words, second), upper));
}

// Two tables of 16 words each from their four sums of bits 0 and 1 and their four of bits 2 and 3.
inline __m256i TableWords(const int16_t* low, const int16_t* high) {
  const __m256i spread = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3,  //
                                          4, 5, 4, 5, 4, 5, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7);
  const __m256i a = _mm256_castpd_si256(_mm256_broadcast_sd((const double*)low));
  const __m256i b = _mm256_castpd_si256(_mm256_broadcast_sd((const double*)high));
  return _mm256_srli_epi16(_mm256_add_epi16(a, _mm256_shuffle_epi8(b, spread)), kScanTableBits);
}

inline void MakeTables(const float* query, float scale_scalar, size_t n, uint8_t* tables) {
  const __m256 scale = _mm256_set1_ps(scale_scalar);
  const __m256i middle = _mm256_set1_epi16(kScanTableFull + (1 << (kScanTableBits - 1)));
  // Each of the two tables' words in a lane, four times.
  const __m256i both = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 8, 9, 8, 9, 8, 9, 8, 9,  //
                                        0, 1, 0, 1, 0, 1, 0, 1, 8, 9, 8, 9, 8, 9, 8, 9);
  const __m256i word = _mm256_set1_epi8(2);
  const __m256i word0 = both, word1 = _mm256_add_epi8(word0, word);
  const __m256i word2 = _mm256_add_epi8(word1, word), word3 = _mm256_add_epi8(word2, word);
  for (size_t i = 0; i < n; i += 16) {
    // Four tables' words, in the order 0 1 2 3 after the permutation.
    const __m256i words = _mm256_permute4x64_epi64(
        _mm256_packs_epi32(ScaledWords(query + i, scale), ScaledWords(query + i + 8, scale)), 0xd8);
    alignas(32) int16_t low[16], high[16];
    _mm256_store_si256((__m256i*)low, FourSums(words, word0, word1));
    _mm256_store_si256((__m256i*)high, _mm256_add_epi16(FourSums(words, word2, word3), middle));
#pragma GCC unroll 2
    for (int j = 0; j < 16; j += 8) {
      const __m256i entries =
          _mm256_packus_epi16(TableWords(low + j, high + j), TableWords(low + j + 4, high + j + 4));
      _mm256_storeu_si256((__m256i*)(tables + 4 * (i + j)),
                          _mm256_permute4x64_epi64(entries, 0xd8));
    }
  }
}
