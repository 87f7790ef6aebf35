// SPDX-License-Identifier: Apache-2.0
// Counting, and the messages of refusal.
#include "engine/admission.h"

#include <string>

namespace minnow {
namespace {

Error Overloaded(const char* unit, size_t waiting, size_t limit) {
  return Error{Code::kOverloaded, "overloaded: " + std::to_string(waiting) + " " + unit +
                                      " at work or waiting, limit " + std::to_string(limit)};
}

}  // namespace

Status Admission::Admit(size_t items, size_t tokens) {
  if (load_.jobs >= limits_.jobs) return Overloaded("requests", load_.jobs, limits_.jobs);
  if (load_.jobs > 0) {
    // Subtraction on the side that cannot wrap: the counts come from requests.
    const size_t free_items =
        limits_.items - (load_.items < limits_.items ? load_.items : limits_.items);
    const size_t free_tokens =
        limits_.tokens - (load_.tokens < limits_.tokens ? load_.tokens : limits_.tokens);
    if (items > free_items) return Overloaded("texts", load_.items, limits_.items);
    if (tokens > free_tokens) return Overloaded("tokens", load_.tokens, limits_.tokens);
  }
  ++load_.jobs;
  load_.items += items;
  load_.tokens += tokens;
  return {};
}

void Admission::Correct(size_t expected_tokens, size_t tokens) {
  CHECK(load_.tokens >= expected_tokens);
  load_.tokens += tokens - expected_tokens;
}

void Admission::Release(size_t items, size_t tokens) {
  CHECK(load_.jobs > 0 && load_.items >= items && load_.tokens >= tokens);
  --load_.jobs;
  load_.items -= items;
  load_.tokens -= tokens;
}

}  // namespace minnow
