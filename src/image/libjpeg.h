// SPDX-License-Identifier: Apache-2.0
// libjpeg's header, which does not include what it needs.
#pragma once

// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
// clang-format on
