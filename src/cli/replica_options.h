// SPDX-License-Identifier: Apache-2.0
// --index-from and what belongs to it: the options of a server that is a replica.
#pragma once

#include "cli/command_line/command.h"
#include "cli/serve_options.h"

namespace minnow {

void AddReplicaOptions(Command serve, ServeCommand& command);

// For the command's callback. Ends the command line's parsing as wrong usage where they are wrong.
void ReadReplicaOptions(ServeCommand& command);

}  // namespace minnow
