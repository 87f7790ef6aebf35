// SPDX-License-Identifier: Apache-2.0
// Indexes, tasks and documents as JSON.
#pragma once

#include <cstdint>
#include <string>

#include "formats/json.h"
#include "index/store/store.h"

namespace minnow::api {

// {"name","documents","chunks","pending_chunks","text_fields","id_field","model","created_at"};
// "model" is {"name","dtype","dimensions"}, or null before the first vector. Of Kuberian's
// functions also "search_mode":"semantic": how the page searches them unless it is told otherwise.
void WriteIndex(const SearchIndex& index, const IndexStats& stats, bool functions,
                JsonWriter& json);

// {"id","index","kind","status","documents","pending_chunks","error","enqueued_at","finished_at"}
void WriteTask(const TaskRecord& task, JsonWriter& json);

// "2026-11-21T10:15:30.123Z"
std::string IsoTime(int64_t unix_ms);

}  // namespace minnow::api
