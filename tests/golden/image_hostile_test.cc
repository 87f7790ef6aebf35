// SPDX-License-Identifier: Apache-2.0
// Damaged picture files and bombs: the right answer or a clean error, in little memory and time.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "image/read.h"
#include "image/write.h"
#include "tests/golden/image_files.h"

namespace minnow {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasuresMemory = false;
#else
constexpr bool kMeasuresMemory = true;
#endif

// What is told for the Huffman codes of a large WebP.
constexpr size_t kWebpTableBytes = size_t{2600} * 20'640;

std::string Chunk(const std::string& type, const std::string& data) {
  const auto number = [](uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
  };
  const std::string checked = type + data;
  const auto* begin = reinterpret_cast<const Bytef*>(checked.data());
  const auto sum = ::crc32(0, begin, static_cast<uInt>(checked.size()));
  return number(static_cast<uint32_t>(data.size())) + checked + number(static_cast<uint32_t>(sum));
}

// Grey of 8 bits.
std::string Png(uint16_t width, uint16_t height, const std::string& compressed) {
  const std::string header = {0,
                              0,
                              static_cast<char>(width >> 8),
                              static_cast<char>(width),
                              0,
                              0,
                              static_cast<char>(height >> 8),
                              static_cast<char>(height),
                              8,
                              0,
                              0,
                              0,
                              0};
  return "\x89PNG\r\n\x1a\n" + Chunk("IHDR", header) + Chunk("IDAT", compressed) +
         Chunk("IEND", "");
}

// A zlib stream of `blocks` MiB of zeros, without its end.
std::string Zeros(size_t blocks) {
  std::string zeros(size_t{1} << 20, '\0');
  std::string out(zeros.size(), '\0');
  z_stream stream{};
  EXPECT_EQ(::deflateInit(&stream, 9), Z_OK);
  const auto block = [&] {
    stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
    stream.avail_in = static_cast<uInt>(zeros.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(::deflate(&stream, Z_FULL_FLUSH), Z_OK);
    return out.substr(0, out.size() - stream.avail_out);
  };
  std::string bomb = block();
  const std::string next = block();  // the same for all blocks but the first
  ::deflateEnd(&stream);
  for (size_t i = 1; i < blocks; ++i) bomb += next;
  return bomb;
}

// A line of /proc/self/status, in bytes.
size_t StatusBytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoul(line.substr(name.size())) * 1024;
  }
  return 0;
}

// By how much the highest memory of a process grows that runs `work`; it must not fail. `warm_up`
// runs the same code on little: pages of the program that are read for it do not count.
template <class WarmUp, class Work>
size_t GrowthOf(const WarmUp& warm_up, const Work& work) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    warm_up();
    ::malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";  // the highest is the present
    const size_t before = StatusBytes("VmRSS:");
    work();
    const size_t growth = StatusBytes("VmHWM:") - before;
    const bool written = ::write(ends[1], &growth, sizeof growth) == sizeof growth;
    ::_exit(written ? 0 : 1);
  }
  size_t growth = 0;
  EXPECT_EQ(::read(ends[0], &growth, sizeof growth), static_cast<ssize_t>(sizeof growth));
  ::close(ends[0]);
  ::close(ends[1]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return growth;
}

TEST(ImageHostile, HugeSidesAreRefusedFromTheHeader) {
  const std::string bomb = Png(30'000, 30'000, std::string(900, 'x'));
  const auto refuse = [&] {
    const auto image = ReadImage(AsBytes(bomb), AlphaChannel::kKeep, {});
    EXPECT_FALSE(image.ok());
    EXPECT_EQ(image.error().code, Code::kInvalidArgument);
    EXPECT_EQ(image.error().message, "image: 30000 x 30000 pixels, limit 16777216 in all");
  };
  refuse();
  if (kMeasuresMemory) {
    EXPECT_LT(GrowthOf(refuse, refuse), size_t{1} << 20);
  }
}

TEST(ImageHostile, InflationEndsWhereTheHeaderSaysSo) {
  const std::string bomb = Png(8, 8, Zeros(4000));
  EXPECT_LT(bomb.size(), size_t{8} << 20);
  const auto begin = std::chrono::steady_clock::now();
  const auto image = ReadImage(AsBytes(bomb), AlphaChannel::kDrop, {});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().message, "image: PNG: more data than its header implies");
  EXPECT_LT(seconds.count(), 5.0);
}

TEST(ImageHostile, TooFewPixelsAreAnError) {
  const auto image = ReadImage(AsBytes(Png(2000, 2000, Zeros(1))), AlphaChannel::kDrop, {});
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code, Code::kCorrupt);
}

TEST(ImageHostile, TextDoesNotInflateWithoutEnd) {
  const std::string text = Chunk("zTXt", std::string("parameters\0\0", 12) + Zeros(100));
  std::string file = WritePng(NewImage(2, 2, 3), "").value();
  file.insert(33, text);
  EXPECT_EQ(ReadParameters(AsBytes(file)), "");
  EXPECT_TRUE(ReadImage(AsBytes(file), AlphaChannel::kDrop, {}).ok());
}

// Bits in WebP's order: the low ones first.
class BitWriter {
 public:
  void Put(uint32_t value, int bits) {
    for (int i = 0; i < bits; ++i) {
      if (used_ % 8 == 0) bytes_ += '\0';
      bytes_.back() = static_cast<char>(bytes_.back() | (value >> i & 1) << used_ % 8);
      ++used_;
    }
  }
  // A symbol of a Huffman code: the high bit first.
  void PutCode(uint32_t code, int bits) {
    for (int i = bits - 1; i >= 0; --i) Put(code >> i, 1);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  size_t used_ = 0;
};

// A Huffman code in which 256 symbols have eight bits each, of an alphabet of so many.
void PutBytesCode(size_t alphabet, BitWriter& bits) {
  bits.Put(0, 1);       // not a simple one
  bits.Put(12 - 4, 4);  // lengths of lengths: 17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8
  for (const uint32_t length : {0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1}) bits.Put(length, 3);
  bits.Put(0, 1);  // of all symbols
  for (size_t i = 0; i < alphabet; ++i) bits.Put(i < 256 ? 1 : 0, 1);
}
// One in which all is the symbol 0, and takes no bit.
void PutConstantCode(BitWriter& bits) { bits.Put(1, 4); }

// A black lossless WebP that has a set of Huffman codes for each 4x4 pixels, up to 65,536.
std::string WebpOfManyCodes(uint32_t side, size_t sets) {
  BitWriter bits;
  bits.Put(0x2f, 8);
  bits.Put(side - 1, 14);
  bits.Put(side - 1, 14);
  bits.Put(0, 1 + 3);  // alpha, version
  bits.Put(0, 1);      // no transform
  bits.Put(1, 1);      // a colour cache,
  bits.Put(11, 4);     // of the largest size
  bits.Put(1, 1);      // several sets of codes,
  bits.Put(0, 3);      // one for 4x4 pixels; which one is for where says a picture:
  bits.Put(0, 1);      // no colour cache
  PutBytesCode(256 + 24, bits);
  PutBytesCode(256, bits);
  for (int i = 0; i < 3; ++i) PutConstantCode(bits);
  for (size_t i = 0; i < size_t{side / 4} * (side / 4); ++i) {
    const auto set = static_cast<uint32_t>(i % sets);
    bits.PutCode(set & 255, 8);  // green
    bits.PutCode(set >> 8, 8);   // red
  }
  for (size_t i = 0; i < sets; ++i) {
    for (int code = 0; code < 5; ++code) PutConstantCode(bits);
  }
  const auto number = [](size_t value) {
    std::string four;
    for (int i = 0; i < 4; ++i) four += static_cast<char>(value >> 8 * i);
    return four;
  };
  std::string data = bits.bytes();
  data.resize(data.size() + data.size() % 2 + 8);
  return "RIFF" + number(data.size() + 12) + "WEBPVP8L" + number(data.size()) + data;
}

TEST(ImageHostile, CodesOfALosslessWebpAreBounded) {
  const std::string few = WebpOfManyCodes(1024, 500);
  const auto black = ReadImage(AsBytes(few), AlphaChannel::kDrop, {});
  ASSERT_TRUE(black.ok()) << black.error().message;
  EXPECT_EQ(black->pixels, NewImage(1024, 1024, 3).pixels);
  const std::string bomb = WebpOfManyCodes(1024, 65'536);
  EXPECT_LT(bomb.size(), 400'000u);
  const auto begin = std::chrono::steady_clock::now();
  const auto refuse = [&] {
    const auto image = ReadImage(AsBytes(bomb), AlphaChannel::kDrop, {});
    ASSERT_FALSE(image.ok());
    EXPECT_NE(image.error().message.find("more Huffman codes"), std::string::npos)
        << image.error().message;
  };
  refuse();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(seconds.count(), 2.0);
  if (!kMeasuresMemory) return;
  const size_t told = ReadImageInfo(AsBytes(bomb), AlphaChannel::kDrop, {}).value().decode_bytes;
  EXPECT_LT(told, size_t{80} << 20);
  const std::string small = WebpOfManyCodes(16, 4);
  const auto warm_up = [&] {
    EXPECT_TRUE(ReadImage(AsBytes(small), AlphaChannel::kDrop, {}).ok());
  };
  EXPECT_LT(GrowthOf(warm_up, refuse), told);
}

// PNG has checksums, so that a change is found or changes nothing; of the others any picture of the
// header's size may come.
void FlipBits(const std::string& name, const std::string& file, size_t flips, uint32_t seed) {
  std::mt19937 random(seed);
  const auto original = ReadImage(AsBytes(file), AlphaChannel::kKeep, {});
  const ImageLimits limits = {.max_bytes = size_t{1} << 20, .max_pixels = 1 << 20};
  for (size_t i = 0; i < flips; ++i) {
    std::string flipped = file;
    const size_t at = random() % file.size();
    flipped[at] = static_cast<char>(flipped[at] ^ 1 << random() % 8);
    if (i % 16 == 0) flipped.resize(random() % file.size());
    SCOPED_TRACE(name + ", byte " + std::to_string(at) + ", flip " + std::to_string(i));
    const auto image = ReadImage(AsBytes(flipped), AlphaChannel::kKeep, limits);
    const auto info = ReadImageInfo(AsBytes(flipped), AlphaChannel::kKeep, limits);
    (void)ReadParameters(AsBytes(flipped));
    if (!image.ok()) {
      EXPECT_TRUE(image.error().message.starts_with("image: "));
      EXPECT_LT(image.error().message.size(), 200u);
      continue;
    }
    ASSERT_TRUE(info.ok() && original.ok());
    EXPECT_EQ(image->width, info->width);
    EXPECT_EQ(image->height, info->height);
    if (name.ends_with(".png")) {
      EXPECT_EQ(image->pixels, original->pixels);
    }
  }
}

TEST(ImageHostile, FlippedBitsGiveTheRightPixelsOrAnError) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ImageGolden("files"))) {
    const std::string name = "files/" + entry.path().filename().string();
    FlipBits(name, ImageFile(name).value(), 260, 1);
    ++files;
  }
  EXPECT_GE(files * 260, 10'000u);
}

Image Pattern(uint32_t width, uint32_t height, uint32_t channels) {
  Image image = NewImage(width, height, channels);
  std::mt19937 random(1);
  for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(random() % 32 + 100);
  return image;
}

TEST(ImageHostile, DecodingTakesTheMemoryThatWasTold) {
  if (!kMeasuresMemory) GTEST_SKIP() << "a sanitizer has memory of its own";
  const Image rgb = Pattern(1200, 1000, 3);
  const Image rgba = Pattern(1200, 1000, 4);
  const auto files_of = [](const Image& three, const Image& four) {
    return std::vector{WritePng(three, "").value(), WritePng(four, "").value(),
                       WriteJpeg(three, 90, "").value(), WriteWebp(three, 80, "").value(),
                       WriteWebp(four, 80, "").value()};
  };
  const std::vector<std::string> files = files_of(rgb, rgba);
  const std::vector<std::string> small = files_of(Pattern(40, 40, 3), Pattern(40, 40, 4));
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string& file = files[i];
    for (const AlphaChannel alpha : {AlphaChannel::kDrop, AlphaChannel::kKeep}) {
      const auto read = [alpha](const std::string& bytes) {
        EXPECT_TRUE(ReadImage(AsBytes(bytes), alpha, {}).ok());
      };
      const size_t told = ReadImageInfo(AsBytes(file), alpha, {}).value().decode_bytes;
      const size_t grown = GrowthOf([&] { read(small[i]); }, [&] { read(file); });
      EXPECT_LT(grown, told + (size_t{1} << 20));
      // The alpha of a WebP might have more tables than libwebp writes.
      const bool tables = i == files.size() - 1;
      EXPECT_GT(grown, (told - (tables ? kWebpTableBytes : 0)) / 10 * 7);
    }
  }
}

}  // namespace
}  // namespace minnow
