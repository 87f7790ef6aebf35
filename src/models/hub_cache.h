// SPDX-License-Identifier: Apache-2.0
// The cache that Hugging Face's tools download models into. It is only read: nothing is downloaded.
//
// Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
//   HF_HOME/hub/models--ORG--NAME/refs/REVISION              the commit's hash
//   HF_HOME/hub/models--ORG--NAME/snapshots/COMMIT/config.json
#pragma once

#include <string>

#include "base/result.h"

namespace minnow {

// $HF_HOME, else ~/.cache/huggingface.
std::string HubHome();

// The directory of the model's snapshot. `model_id`: "org/name"; `revision`: a branch, "refs/pr/21"
// or a commit; empty: main, else the only snapshot there is. kInvalidArgument for a bad name;
// kNotFound says where it was looked for.
Result<std::string> FindInHubCache(const std::string& home, const std::string& model_id,
                                   const std::string& revision);

// The name of the model in `directory`: "org/name" for a snapshot of the cache
// (models--org--name/snapshots/COMMIT), else the directory's own, even for "." and "..".
std::string ModelNameOf(const std::string& directory);

}  // namespace minnow
