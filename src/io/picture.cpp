// Picture files: tells the format by the first bytes and hands over to its decoder. Not a decoder itself.
#include "picture.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "limits.hpp"
#include "picture_decoders.hpp"
#include "stand_in.hpp"

namespace mica {

namespace {

bool has_bytes(Bytes file, size_t offset, std::string_view expected) {
  return file.size() >= offset + expected.size() &&
         std::memcmp(file.data() + offset, expected.data(), expected.size()) == 0;
}

// Formats that people do have and mica does not read: a message that names them saves a search.
struct ForeignFormat {
  const char* name;
  size_t offset;
  std::string_view magic;
};
constexpr ForeignFormat kForeignFormats[] = {
    {"GIF", 0, "GIF8"},
    {"BMP", 0, "BM"},
    {"TIFF", 0, std::string_view("II*\0", 4)},
    {"TIFF", 0, std::string_view("MM\0*", 4)},
    {"HEIC", 4, "ftyphei"},
    {"HEIF", 4, "ftypmif1"},
    {"AVIF", 4, "ftypavif"},
    {"JPEG XL", 0, "\xFF\x0A"},
    {"JPEG XL", 4, "JXL \r\n"},
    {"JPEG 2000", 4, "jP  \r\n"},
    {"PDF", 0, "%PDF"},
    {"SVG", 0, "<svg"},
};

}  // namespace

void put_on_white(const uint8_t* rgb, const uint8_t* alpha, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; ++i) {
    const uint32_t white = 255u * (255u - alpha[i]);
    for (size_t c = 0; c < 3; ++c) {
      // Pillow's division by 255, on a ground that is opaque.
      const uint32_t sum = (rgb[i * 3 + c] * uint32_t{alpha[i]} + white + 128) << 7;
      out[i * 3 + c] = static_cast<uint8_t>(((sum >> 8) + sum) >> 15);
    }
  }
}

Status decode_picture(Bytes file, const char* name, Picture* out, Gray16 gray) {
  *out = Picture();
  if (file.empty()) return Status::error(Code::corrupt_file, "%s: the file is empty", name);
  if (file.size() > limits::kPictureFileBytesMax)
    return Status::error(Code::limit_exceeded, "%s: a picture file of %zu bytes; mica reads up to %zu", name,
                         file.size(), limits::kPictureFileBytesMax);
  Picture picture;
  Status status;
  if (has_bytes(file, 0, "\xFF\xD8\xFF")) {
    status = decode_jpeg(file, name, &picture);
  } else if (has_bytes(file, 0, "\x89PNG\r\n\x1A\n")) {
    status = decode_png(file, name, gray, &picture);
  } else if (has_bytes(file, 0, "RIFF") && has_bytes(file, 8, "WEBP")) {
    status = decode_webp(file, name, &picture);
  } else {
    for (const ForeignFormat& format : kForeignFormats) {
      if (has_bytes(file, format.offset, format.magic))
        return Status::error(Code::unsupported, "%s: %s files are not read; convert it to JPEG or PNG", name,
                             format.name);
    }
    MICA_TRY(refuse_reply(file, name));
    status = Status::error(Code::unsupported, "%s: not a picture that mica reads (JPEG, PNG or WebP)", name);
  }
  if (!status) return status;
  // Most pictures that could be transparent are not, and then nobody has to look again.
  const size_t pixels = size_t{picture.width} * picture.height;
  if (picture.alpha != nullptr && std::all_of(picture.alpha.get(), picture.alpha.get() + pixels,
                                              [](uint8_t alpha) { return alpha == 255; }))
    picture.alpha.reset();
  *out = std::move(picture);
  return Status::ok();
}

}  // namespace mica
