// SPDX-License-Identifier: Apache-2.0
// The fields of a request for pictures, wherever they stand: in JSON, or in a form, where all are
// texts. Absent and null, and in a form empty but for texts, are the same. Errors name the field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/json.h"
#include "http/form/multipart.h"

namespace minnow::api {

class ImageFields {
 public:
  ImageFields() = default;
  ImageFields(const ImageFields&) = delete;
  ImageFields& operator=(const ImageFields&) = delete;
  virtual ~ImageFields() = default;

  virtual Result<std::optional<std::string>> Text(std::string_view name) const = 0;
  virtual Result<std::optional<double>> Number(std::string_view name) const = 0;
  virtual Result<std::optional<int64_t>> Integer(std::string_view name, int64_t least,
                                                 int64_t most) const = 0;
  virtual Result<std::optional<bool>> Flag(std::string_view name) const = 0;
  // The field "seed": all that torch takes as one and is not below 0; -1, for chance, is as absent.
  virtual Result<std::optional<uint64_t>> Seed() const = 0;
};

class JsonImageFields : public ImageFields {
 public:
  // REQUIRES: an object.
  explicit JsonImageFields(const JsonView& object) : object_(object) {}
  Result<std::optional<std::string>> Text(std::string_view name) const override;
  Result<std::optional<double>> Number(std::string_view name) const override;
  Result<std::optional<int64_t>> Integer(std::string_view name, int64_t least,
                                         int64_t most) const override;
  Result<std::optional<bool>> Flag(std::string_view name) const override;
  Result<std::optional<uint64_t>> Seed() const override;

 private:
  std::optional<JsonView> Find(std::string_view name) const;
  const JsonView object_;
};

// Of parts of the same name the first counts. What it is made of outlives it.
class FormImageFields : public ImageFields {
 public:
  explicit FormImageFields(const std::vector<http::FormPart>& parts) : parts_(parts) {}
  Result<std::optional<std::string>> Text(std::string_view name) const override;
  Result<std::optional<double>> Number(std::string_view name) const override;
  Result<std::optional<int64_t>> Integer(std::string_view name, int64_t least,
                                         int64_t most) const override;
  Result<std::optional<bool>> Flag(std::string_view name) const override;
  Result<std::optional<uint64_t>> Seed() const override;

 private:
  std::optional<std::string_view> Find(std::string_view name) const;
  const std::vector<http::FormPart>& parts_;
};

// `value`, where it is there, to `to`.
template <class T, class To>
Status SetIfThere(Result<std::optional<T>> value, To& to) {
  if (!value.ok()) return std::move(value).error();
  if (*value) to = *std::move(*value);
  return {};
}

}  // namespace minnow::api
