// SPDX-License-Identifier: Apache-2.0
// Choice of the kernel table for this machine.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "kernels/kernels.h"

namespace minnow {

// The tables that this program holds and this machine can run, slowest (scalar) first.
std::vector<const Kernels*> AvailableKernels();
// Names of all the tables in this program for this architecture, runnable here or not.
std::vector<std::string> KnownKernelNames();

// The table named `name`; kInvalidArgument when it is unknown or this machine cannot run it.
Result<const Kernels*> FindKernels(const std::string& name);

// The table in use: MINNOW_ISA's when that is set, else the fastest. Chosen at first call;
// thread-safe. REQUIRES: CheckIsaEnvironment() succeeded (main asks it once, so that a bad value is
// an error message).
const Kernels& ActiveKernels();
Status CheckIsaEnvironment();

}  // namespace minnow
