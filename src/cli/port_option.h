// SPDX-License-Identifier: Apache-2.0
// --port, which the server and who asks it share, and the environment that platforms give it.
#pragma once

#include <string>

#include "cli/command_line/command.h"

namespace minnow {

// Adds --port (MINNOW_PORT). `port` holds the default and outlives the parse.
Option AddPortOption(Command command, int& port, const std::string& description);

// For the command's callback where --port was not given: $PORT, if it is set. Ends the command
// line's parsing as wrong usage where it is no port.
void ReadPortVariable(int& port);

}  // namespace minnow
