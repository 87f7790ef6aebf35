// SPDX-License-Identifier: Apache-2.0
// Any bytes as a picture; the corpus is of PNG.
#include "fuzz/image_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  minnow::FuzzImage(data, size);
  return 0;
}
