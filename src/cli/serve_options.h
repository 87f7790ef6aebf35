// SPDX-License-Identifier: Apache-2.0
// The command line of minnow serve.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/command_line/command.h"
#include "serving/application.h"

namespace minnow {

struct ServeCommand {
  ApplicationOptions application;  // its models: known after ReadServeOptions
  std::vector<std::string> models;
  std::vector<std::string> served_model_names;
  std::vector<std::string> dtypes;
  std::vector<std::string> vaes;
  std::vector<std::string> loras;
  std::string host = "0.0.0.0";
  int port = 8080;
  size_t max_client_batch_size = 0;
  size_t payload_limit = 2'000'000;
  size_t max_connections = 4096;
  size_t documents_payload_limit = size_t{64} << 20;
  size_t image_payload_limit = size_t{64} << 20;
  uint64_t max_image_pixels = uint64_t{16} << 20;
  int drain_seconds = 10;
  int shutdown_delay_seconds = 0;
  bool ci = false;
  bool offline = false;
  std::string model_id;
  std::string revision;
  std::string memory_limit;
  std::string refresh = "60s";
  std::string log_format = "text";
  bool log_requests = false;
  bool allow_foreign_token_ids = false;
  std::vector<std::string> api_keys;
  std::vector<std::string> cors_origins;
};

// Adds the options and the help of `serve`. Returns --port, for ReadPortVariable. `command`
// outlives the App.
Option AddServeOptions(Command serve, ServeCommand& command);

// For the command's callback: what the options say together, and $PORT, which platforms set;
// `port`,
// --port or MINNOW_PORT, goes before it. Ends the command line's parsing as wrong usage where they
// do not fit each other.
void ReadServeOptions(Command serve, Option port, ServeCommand& command);

}  // namespace minnow
