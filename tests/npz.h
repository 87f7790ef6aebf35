// SPDX-License-Identifier: Apache-2.0
// Reads numpy's .npy and .npz files for tests; what they hold is trusted.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace minnow {

struct NpyArray {
  std::string type;  // "<f4", "<i8"
  std::string data;

  template <class T>
  std::vector<T> As() const {
    std::vector<T> out(data.size() / sizeof(T));
    std::memcpy(out.data(), data.data(), out.size() * sizeof(T));
    return out;
  }
};

inline std::string ReadTestFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

template <class T>
T ReadLittleEndian(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

inline NpyArray ParseNpy(const std::string& bytes) {
  const size_t header = ReadLittleEndian<uint16_t>(bytes, 8);
  const std::string text = bytes.substr(10, header);
  const size_t at = text.find("'descr': '") + 10;
  return {text.substr(at, text.find('\'', at) - at), bytes.substr(10 + header)};
}

// Raw deflate, as zip files hold it.
inline std::string InflateRaw(const std::string& packed, size_t size) {
  std::string out(size, '\0');
  z_stream stream = {};
  inflateInit2(&stream, -MAX_WBITS);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // only read
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(size);
  inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  return out;
}

// By name, without .npy.
inline std::map<std::string, NpyArray> ReadNpz(const std::string& path) {
  const std::string bytes = ReadTestFile(path);
  std::map<std::string, NpyArray> arrays;
  size_t at = 0;
  while (at + 30 <= bytes.size() && bytes.compare(at, 4, "PK\x03\x04") == 0) {
    const bool deflated = ReadLittleEndian<uint16_t>(bytes, at + 8) != 0;
    uint64_t packed = ReadLittleEndian<uint32_t>(bytes, at + 18);
    uint64_t size = ReadLittleEndian<uint32_t>(bytes, at + 22);
    const size_t name_size = ReadLittleEndian<uint16_t>(bytes, at + 26);
    const size_t extra = at + 30 + name_size;
    const std::string name = bytes.substr(at + 30, name_size);
    // numpy writes sizes of 64 bits, which come first in the extra field.
    if (packed == UINT32_MAX) {
      size = ReadLittleEndian<uint64_t>(bytes, extra + 4);
      packed = ReadLittleEndian<uint64_t>(bytes, extra + 12);
    }
    at = extra + ReadLittleEndian<uint16_t>(bytes, at + 28);
    const std::string data = bytes.substr(at, packed);
    arrays.emplace(name.substr(0, name.rfind(".npy")),
                   ParseNpy(deflated ? InflateRaw(data, size) : data));
    at += packed;
  }
  return arrays;
}

}  // namespace minnow
