// SPDX-License-Identifier: Apache-2.0
// The command line of minnow serve.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/command_line/command.h"
#include "serving/served_store_options.h"

namespace minnow {

struct ServeCommand {
  std::string model;
  std::string served_model_name;
  std::string dtype = "auto";
  std::string host = "0.0.0.0";
  int port = 8080;
  int threads = 0;
  int tokenization_threads = 0;
  size_t max_batch_tokens = 2048;
  size_t max_client_batch_size = 0;
  size_t max_concurrent_requests = 512;
  size_t payload_limit = 2'000'000;
  size_t max_connections = 4096;
  size_t documents_payload_limit = size_t{64} << 20;
  int drain_seconds = 10;
  ServedStoreOptions store;
  bool ci = false;
  bool offline = false;
  std::string model_id;
  std::string revision;
  std::string log_format = "text";
  bool log_requests = false;
  std::vector<std::string> api_keys;
  std::vector<std::string> cors_origins;
};

// Adds the options and the help of `serve`. Returns --port, for ReadPortVariable. `command`
// outlives the App.
Option AddServeOptions(Command serve, ServeCommand& command);

// $PORT, which platforms set; --port and MINNOW_PORT go before it. Ends the command line's parsing
// as wrong usage where it is no port.
void ReadPortVariable(Option option, ServeCommand& command);

}  // namespace minnow
