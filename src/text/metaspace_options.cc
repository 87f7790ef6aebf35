// SPDX-License-Identifier: Apache-2.0
// Metaspace's fields, of newer and of older files.
#include "text/metaspace_options.h"

#include "base/utf8.h"
#include "text/component_json.h"

namespace minnow {

Result<MetaspaceOptions> ReadMetaspaceOptions(const JsonView& json) {
  MetaspaceOptions options;
  MINNOW_ASSIGN_OR_RETURN(options.mark, json.GetString("replacement"));
  if (CountCodePoints(options.mark) != 1)
    return json.Find("replacement")->Expected("one character");
  MINNOW_ASSIGN_OR_RETURN(options.split, json.GetBool("split", true));
  MINNOW_ASSIGN_OR_RETURN(const bool prefix_space, json.GetBool("add_prefix_space", true));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view scheme,
                          json.GetString("prepend_scheme", prefix_space ? "always" : "never"));
  if (scheme == "always") {
    options.prepend = PrependScheme::kAlways;
  } else if (scheme == "first") {
    options.prepend = PrependScheme::kFirst;
  } else if (scheme == "never") {
    options.prepend = PrependScheme::kNever;
  } else {
    return UnknownComponent(*json.Find("prepend_scheme"), "always, first, never");
  }
  if (!prefix_space && options.prepend != PrependScheme::kNever)
    return json.Find("add_prefix_space")->Wrong(Code::kCorrupt, "does not match prepend_scheme");
  return options;
}

}  // namespace minnow
