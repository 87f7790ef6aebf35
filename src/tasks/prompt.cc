// SPDX-License-Identifier: Apache-2.0
// After sentence-transformers' encode, encode_query and encode_document.
#include "tasks/prompt.h"

#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kMaxListedNames = 20;

Error UnknownName(const PromptSet& prompts, const std::string& name) {
  std::string message = "prompt_name: " + QuoteForMessage(name) + " is not one of this model's";
  if (prompts.named.empty())
    message = "prompt_name: " + QuoteForMessage(name) + ": this model has no prompts";
  for (size_t i = 0; i < prompts.named.size() && i < kMaxListedNames; ++i) {
    message += (i == 0 ? ": " : ", ") + QuoteForMessage(prompts.named[i].first);
  }
  if (prompts.named.size() > kMaxListedNames) message += ", ...";
  return Error{Code::kInvalidArgument, std::move(message)};
}

}  // namespace

Result<std::string> FindPrompt(const PromptSet& prompts, const PromptChoice& choice) {
  const std::string* found = nullptr;
  switch (choice.kind) {
    case PromptChoice::Kind::kDefault:
      if (!prompts.default_name.empty()) found = prompts.Find(prompts.default_name);
      break;
    case PromptChoice::Kind::kQuery:
      found = prompts.query();
      break;
    case PromptChoice::Kind::kDocument:
      found = prompts.document();
      break;
    case PromptChoice::Kind::kNamed:
      found = prompts.Find(choice.value);
      if (found == nullptr) return UnknownName(prompts, choice.value);
      break;
    case PromptChoice::Kind::kText:
      return choice.value;
    case PromptChoice::Kind::kNone:
      break;
  }
  return found == nullptr ? std::string() : *found;
}

}  // namespace minnow
