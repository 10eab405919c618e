// Bad picture files: bombs, damage, truncation, foreign formats. Each gets a status and a message that names the file
// and says what is wrong; the limits are tested on both sides. Not of good files: tests/picture.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "limits.hpp"
#include "picture.hpp"
#include "picture_test.hpp"

using namespace mica;

namespace {

using File = std::vector<uint8_t>;

struct Outcome {
  Code code = Code::ok;
  std::string message;
  uint32_t width = 0, height = 0;
  uint32_t crc32 = 0;  // of the pixels, which are all read so
};

Outcome decode(const File& file) {
  // A copy of exactly the file's size, so that AddressSanitizer sees the first byte read beyond its end.
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[file.size()]);
  if (!file.empty()) std::memcpy(exact.get(), file.data(), file.size());
  Picture picture;
  const Status status = decode_picture(Bytes(exact.get(), file.size()), "photo", &picture);
  Outcome outcome = {status.code(), status.message(), picture.width, picture.height, 0};
  if (status) {
    outcome.crc32 = crc32_of(picture.rgb.get(), size_t{picture.width} * picture.height * 3);
  } else {
    CHECK(picture.rgb == nullptr);
    CHECK_MESSAGE(outcome.message.rfind("photo: ", 0) == 0, outcome.message);
    CHECK_MESSAGE(outcome.message.size() > 20, outcome.message);
  }
  return outcome;
}

void check_error(const File& file, Code code, const char* part_of_message) {
  const Outcome outcome = decode(file);
  CHECK_MESSAGE(outcome.code == code, code_name(outcome.code), ": ", outcome.message);
  CHECK_MESSAGE(outcome.message.find(part_of_message) != std::string::npos, outcome.message);
}

File file_of(std::string_view text) { return File(text.begin(), text.end()); }

void append(File* file, std::initializer_list<int> bytes) {
  for (const int byte : bytes) file->push_back(static_cast<uint8_t>(byte));
}

void append_u32(File* file, uint32_t value) {
  append(file, {int(value >> 24), int(value >> 16 & 0xFF), int(value >> 8 & 0xFF), int(value & 0xFF)});
}

// --- PNG -------------------------------------------------------------------------------------------------------------

void append_chunk(File* file, std::string_view type, const File& data) {
  append_u32(file, static_cast<uint32_t>(data.size()));
  const size_t start = file->size();
  file->insert(file->end(), type.begin(), type.end());
  file->insert(file->end(), data.begin(), data.end());
  append_u32(file, crc32_of(file->data() + start, file->size() - start));
}

// A zlib stream of stored blocks (RFC 1950, 1951).
File stored_stream(const File& data) {
  File stream = {0x78, 0x01};
  uint32_t a = 1, b = 0;  // Adler-32
  for (size_t at = 0; at == 0 || at < data.size(); at += 65535) {
    const size_t count = std::min<size_t>(data.size() - at, 65535);
    append(&stream, {at + count == data.size(), int(count & 0xFF), int(count >> 8), int(~count & 0xFF),
                     int(~count >> 8 & 0xFF)});
    for (size_t i = at; i < at + count; ++i) {
      stream.push_back(data[i]);
      a = (a + data[i]) % 65521;
      b = (b + a) % 65521;
    }
  }
  append_u32(&stream, b << 16 | a);
  return stream;
}

constexpr int kGray = 0, kPalette = 3;

File png_header(uint32_t width, uint32_t height, int depth = 8, int colour_type = kGray) {
  File file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  File header;
  append_u32(&header, width);
  append_u32(&header, height);
  append(&header, {depth, colour_type, 0, 0, 0});
  append_chunk(&file, "IHDR", header);
  return file;
}

void append_pixels(File* file, uint32_t width, uint32_t height) {
  append_chunk(file, "IDAT", stored_stream(File((size_t{width} + 1) * height, 0)));
  append_chunk(file, "IEND", {});
}

File gray_png(uint32_t width, uint32_t height) {
  File file = png_header(width, height);
  append_pixels(&file, width, height);
  return file;
}

// --- JPEG ------------------------------------------------------------------------------------------------------------

constexpr int kBaseline = 0xC0, kProgressive = 0xC2, kLossless = 0xC3;

// Everything up to the first scan's data, which is missing.
File jpeg_header(uint32_t width, uint32_t height, int components = 1, int frame = kBaseline, int precision = 8) {
  File file = {0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0};
  file.insert(file.end(), 64, 1);  // the quantization table
  append(&file, {0xFF, frame, 0, 8 + 3 * components, precision, int(height >> 8), int(height & 0xFF), int(width >> 8),
                 int(width & 0xFF), components});
  for (int i = 1; i <= components; ++i) append(&file, {i, 0x11, 0});
  for (const int table : {0x00, 0x10}) {  // a Huffman table of one code, 0 for 0, for means and for the rest
    append(&file, {0xFF, 0xC4, 0, 20, table, 1});
    file.insert(file.end(), 16, 0);
  }
  append(&file, {0xFF, 0xDA, 0, 6 + 2 * components, components});
  for (int i = 1; i <= components; ++i) append(&file, {i, 0});
  append(&file, {0, frame == kProgressive ? 0 : 63, 0});
  return file;
}

// A progressive picture whose last scan is repeated until there are `scans`.
File jpeg_of_scans(size_t scans) {
  File file = read_test_data("picture/jpeg/progressive.jpg");
  std::vector<size_t> starts;
  for (size_t i = 0; i + 1 < file.size(); ++i) {
    if (file[i] == 0xFF && file[i + 1] == 0xDA) starts.push_back(i);
  }
  REQUIRE(starts.size() > 1);
  REQUIRE(starts.size() < scans);
  const File last(file.begin() + static_cast<ptrdiff_t>(starts.back()), file.end() - 2);
  file.resize(file.size() - 2);
  for (size_t i = starts.size(); i < scans; ++i) file.insert(file.end(), last.begin(), last.end());
  append(&file, {0xFF, 0xD9});
  return file;
}

// --- all sample files ------------------------------------------------------------------------------------------------

struct Sample {
  std::string name;
  File file;
};

std::vector<Sample> samples() {
  std::vector<Sample> files;
  for (const char* folder : {"picture/png", "picture/jpeg", "picture/webp", "images"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(MICA_TESTS_DATA "/") + folder)) {
      const std::string name = std::string(folder) + "/" + entry.path().filename().string();
      files.push_back({name, read_test_data(name)});
    }
  }
  REQUIRE(files.size() > 80);
  return files;
}

bool is_accepted_error(Code code) {
  return code == Code::corrupt_file || code == Code::unsupported || code == Code::limit_exceeded;
}

}  // namespace

TEST_CASE("what is not a picture that mica reads") {
  check_error({}, Code::corrupt_file, "empty");
  check_error(file_of("hello"), Code::unsupported, "JPEG, PNG or WebP");
  check_error({0xFF}, Code::unsupported, "not a picture");
  check_error(File(1000, 0), Code::unsupported, "not a picture");
  check_error(file_of("GIF89a........"), Code::unsupported, "GIF");
  check_error(file_of("BM............"), Code::unsupported, "BMP");
  check_error(file_of(std::string_view("II*\0............", 16)), Code::unsupported, "TIFF");
  check_error(file_of("....ftypheic...."), Code::unsupported, "HEIC");
  check_error(file_of("....ftypavif...."), Code::unsupported, "AVIF");
  check_error(file_of("%PDF-1.7"), Code::unsupported, "PDF");
  check_error({0xFF, 0xD8, 0xFF}, Code::corrupt_file, "ends too early");
  check_error({0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}, Code::corrupt_file, "ends too early");
  check_error(file_of("RIFF....WEBP"), MICA_TEST_WEBP ? Code::corrupt_file : Code::unsupported, "WebP");
}

TEST_CASE("the limit of a file's bytes") {
  for (const size_t beyond : {size_t{0}, size_t{1}}) {
    const size_t bytes = limits::kPictureFileBytesMax + beyond;
    const std::unique_ptr<void, void (*)(void*)> file(std::calloc(bytes, 1), std::free);
    REQUIRE(file != nullptr);
    Picture picture;
    const Status status = decode_picture(Bytes(static_cast<uint8_t*>(file.get()), bytes), "photo", &picture);
    CHECK(status.code() == (beyond ? Code::limit_exceeded : Code::unsupported));
  }
}

TEST_CASE("bombs: sizes beyond the limits are refused by the header alone") {
  check_error(png_header(65535, 65535), Code::limit_exceeded, "65535 x 65535");
  check_error(jpeg_header(65500, 65500), Code::limit_exceeded, "65500 x 65500");
  check_error(jpeg_header(65535, 65535), Code::limit_exceeded, "65500");  // libjpeg's own limit of a side
  check_error(png_header(0x7FFFFFFF, 1), Code::limit_exceeded, "2147483647 x 1");
  check_error(png_header(10000, limits::kPicturePixelsMax / 10000 + 1), Code::limit_exceeded,
              "make the picture smaller");
  check_error(jpeg_header(10000, limits::kPicturePixelsMax / 10000 + 1), Code::limit_exceeded,
              "make the picture smaller");
  // Just inside, the missing pixels are what is wrong.
  check_error(png_header(10000, limits::kPicturePixelsMax / 10000), Code::corrupt_file, "ends too early");
  check_error(jpeg_header(10000, limits::kPicturePixelsMax / 10000), Code::corrupt_file, "ends too early");
}

TEST_CASE("the limit of a side, and the thinnest pictures") {
  CHECK(decode(gray_png(1, 1)).code == Code::ok);
  CHECK(decode(gray_png(1, 65500)).height == 65500);
  CHECK(decode(gray_png(limits::kPictureSideMax, 1)).width == limits::kPictureSideMax);
  CHECK(decode(gray_png(1, limits::kPictureSideMax)).height == limits::kPictureSideMax);
  check_error(gray_png(limits::kPictureSideMax + 1, 1), Code::limit_exceeded, "65536 x 1");
  check_error(gray_png(1, limits::kPictureSideMax + 1), Code::limit_exceeded, "1 x 65536");
  // A block of 8 rows takes two bits: no difference from the mean before, and nothing else.
  File strip = jpeg_header(1, 65500);
  strip.insert(strip.end(), (65500 + 7) / 8 * 2 / 8 + 1, 0);
  append(&strip, {0xFF, 0xD9});
  const Outcome outcome = decode(strip);
  CHECK_MESSAGE(outcome.code == Code::ok, outcome.message);
  CHECK(outcome.height == 65500);
}

TEST_CASE("the limit of scans") {
  CHECK(decode(jpeg_of_scans(limits::kJpegScansMax)).code == Code::ok);
  check_error(jpeg_of_scans(limits::kJpegScansMax + 1), Code::limit_exceeded, "scans");
  check_error(jpeg_of_scans(100000), Code::limit_exceeded, "scans");
}

TEST_CASE("the limit of a JPEG decoder's memory") {
  check_error(jpeg_header(10000, 10000, 4, kProgressive), Code::limit_exceeded, "MB");
  check_error(jpeg_header(1000, 1000, 4, kProgressive), Code::corrupt_file, "ends too early");
}

TEST_CASE("kinds of JPEG that are not read") {
  check_error(jpeg_header(8, 8, 2), Code::unsupported, "2 colour components");
  check_error(jpeg_header(8, 8, 1, kBaseline, 12), Code::unsupported, "12");
  check_error(jpeg_header(8, 8, 1, kLossless), Code::unsupported, "this kind of JPEG");
  check_error(jpeg_header(8, 0), Code::corrupt_file, "not a sound JPEG");
}

TEST_CASE("PNG headers that contradict the format") {
  check_error(png_header(0, 5), Code::corrupt_file, "PNG");
  check_error(png_header(5, 0), Code::corrupt_file, "PNG");
  check_error(png_header(0xFFFFFFFF, 5), Code::corrupt_file, "PNG");
  check_error(png_header(5, 5, 3), Code::corrupt_file, "bit depth");
  check_error(png_header(5, 5, 8, 5), Code::corrupt_file, "color type");
  File without_palette = png_header(5, 5, 8, kPalette);
  append_pixels(&without_palette, 5, 5);
  check_error(without_palette, Code::corrupt_file, "PNG");
}

TEST_CASE("PNG chunks: lengths and checksums") {
  const File header = png_header(5, 5);
  for (const uint32_t length : {0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
    for (const char* type : {"IDAT", "tEXt", "abCd", "eXIf"}) {
      CAPTURE(type);
      File file = header;
      append_u32(&file, length);
      append(&file, {type[0], type[1], type[2], type[3], 1, 2, 3, 4});
      const Outcome outcome = decode(file);
      CHECK_MESSAGE((outcome.code == Code::corrupt_file || outcome.code == Code::limit_exceeded), outcome.message);
      CHECK_MESSAGE(outcome.message.find("PNG") != std::string::npos, outcome.message);
    }
  }
  File damaged = gray_png(5, 5);
  damaged[header.size() - 1] ^= 1;  // the checksum of IHDR
  check_error(damaged, Code::corrupt_file, "checksum");
  check_error(damaged, Code::corrupt_file, "were changed on the way, or written wrongly; fetch it again");
  damaged = gray_png(5, 5);
  damaged[damaged.size() - 13] ^= 1;  // the checksum of IDAT
  CHECK(decode(damaged).code == Code::ok);  // the pixels are whole: tests/picture

  File little = gray_png(5, 5);
  little.resize(little.size() - 40);
  check_error(little, Code::corrupt_file, "ends too early");
  File short_pixels = png_header(5, 5);
  append_chunk(&short_pixels, "IDAT", stored_stream(File(12, 0)));
  append_chunk(&short_pixels, "IEND", {});
  check_error(short_pixels, Code::corrupt_file, "ends too early");
}

TEST_CASE("the limit of a PNG's metadata") {
  const auto with_text = [](size_t bytes) {
    File file = png_header(5, 5);
    File text = file_of("Comment");
    text.resize(bytes, 'x');
    text[7] = '\0';
    append_chunk(&file, "tEXt", text);
    append_pixels(&file, 5, 5);
    return file;
  };
  CHECK(decode(with_text(limits::kPngChunkBytesMax / 2)).code == Code::ok);
  check_error(with_text(limits::kPngChunkBytesMax + 1), Code::limit_exceeded, "metadata");
}

TEST_CASE("hostile EXIF turns nothing and breaks nothing") {
  const File plain = gray_png(5, 3);
  const Outcome upright = decode(plain);
  const char* structures[] = {"II*\0",
                              "II*\0\x08\0\0",
                              "II*\0\xFF\xFF\xFF\xFF",
                              "MM\0*\0\0\0\x08\xFF\xFF",
                              "II*\0\x08\0\0\0\xFF\xFF\x12\x01\x03\0\x01\0\0\0\x06",
                              "Exif\0\0Exif\0\0Exif\0\0",
                              "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xFF\xFF\xFF\xFF\x06\0\0\0"};
  const size_t lengths[] = {4, 7, 8, 10, 19, 18, 22};
  for (size_t i = 0; i < std::size(structures); ++i) {
    CAPTURE(i);
    File file = png_header(5, 3);
    append_chunk(&file, "eXIf", file_of(std::string_view(structures[i], lengths[i])));
    append_pixels(&file, 5, 3);
    const Outcome outcome = decode(file);
    CHECK_MESSAGE(outcome.code == Code::ok, outcome.message);
    CHECK(outcome.width == upright.width);
  }
}

TEST_CASE("every sample cut short is an error, or the whole picture when only its end mark is missing") {
  for (const Sample& sample : samples()) {
    const std::string& name = sample.name;
    const File& file = sample.file;
    CAPTURE(name);
    const Outcome whole = decode(file);
    for (size_t bytes = 0; bytes < file.size(); bytes += 97) {
      CAPTURE(bytes);
      const Outcome outcome = decode(File(file.begin(), file.begin() + static_cast<ptrdiff_t>(bytes)));
      if (outcome.code == Code::ok) {
        CHECK(outcome.crc32 == whole.crc32);
      } else {
        const bool is_early = outcome.code == Code::corrupt_file || (bytes < 12 || name.ends_with(".webp"));
        CHECK_MESSAGE(is_early, code_name(outcome.code), ": ", outcome.message);
      }
      if (MICA_TEST_WEBP && name.ends_with(".webp") && bytes >= 12 && bytes + 1 < file.size())
        CHECK(outcome.message.find(std::to_string(bytes) + " of " + std::to_string(file.size()) + " bytes") !=
              std::string::npos);
      // A JPEG cut by more than its end mark never passes.
      if (name.ends_with(".jpg") && bytes + 2 < file.size()) CHECK(outcome.code != Code::ok);
    }
  }
}

TEST_CASE("every sample with a flipped bit is a picture or an error") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.name);
    const File& file = sample.file;
    // Some hundred places of each; all of the small ones' headers.
    const size_t step = std::max<size_t>(1, file.size() / 200);
    for (size_t i = 0; i < file.size(); i += i < 64 ? 1 : step) {
      CAPTURE(i);
      File flipped = file;
      flipped[i] ^= static_cast<uint8_t>(1u << (i % 8));
      const Outcome outcome = decode(flipped);
      CHECK_MESSAGE((outcome.code == Code::ok || is_accepted_error(outcome.code)), outcome.message);
    }
  }
}
