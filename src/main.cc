// SPDX-License-Identifier: Apache-2.0
// Wiring of subcommands; nothing else.
#include "cli/commands.h"

int main(int argc, char** argv) { return minnow::RunCommandLine(argc, argv); }
