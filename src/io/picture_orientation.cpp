// Orientation of pictures: reads it from EXIF and XMP as PIL's exif_transpose does, and places rows by it. Not a reader
// of any other metadata.
#include <cstring>
#include <new>
#include <string_view>

#include "limits.hpp"
#include "picture_decoders.hpp"

namespace mica {

namespace {

constexpr uint32_t kAsStored = 1;
constexpr uint32_t kNotSaid = 0xFFFFFFFF;

// Numbers of a TIFF structure, whose first bytes say their order.
class TiffNumbers {
 public:
  TiffNumbers(Bytes bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  // False when the number lies beyond the end.
  bool read(size_t offset, size_t size, uint32_t* out) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) return false;
    *out = 0;
    for (size_t i = 0; i < size; ++i) {
      const size_t place = big_endian_ ? size - 1 - i : i;
      *out |= static_cast<uint32_t>(bytes_[offset + i]) << (8 * place);
    }
    return true;
  }

 private:
  Bytes bytes_;
  bool big_endian_;
};

// The value of one IFD entry if it is a single whole number (BYTE, SHORT, LONG and their signed kin).
uint32_t entry_value(const TiffNumbers& numbers, size_t entry) {
  uint32_t type = 0, count = 0, value = kNotSaid;
  if (!numbers.read(entry + 2, 2, &type) || !numbers.read(entry + 4, 4, &count)) return kNotSaid;
  size_t size = 0;
  if (type == 1 || type == 6) size = 1;
  if (type == 3 || type == 8) size = 2;
  if (type == 4 || type == 9) size = 4;
  if (size == 0 || count != 1 || !numbers.read(entry + 8, size, &value)) return 0;
  return value;
}

uint32_t exif_orientation(Bytes exif) {
  constexpr uint32_t kOrientationTag = 0x0112;
  constexpr size_t kEntryBytes = 12;
  for (int i = 0; i < 2 && exif.size() >= 6 && std::memcmp(exif.data(), "Exif\0\0", 6) == 0; ++i)
    exif = exif.subspan(6);
  if (exif.size() < 8) return kNotSaid;
  const bool big_endian = exif[0] == 'M' && exif[1] == 'M';
  if (!big_endian && !(exif[0] == 'I' && exif[1] == 'I')) return kNotSaid;
  const TiffNumbers numbers(exif, big_endian);
  uint32_t directory = 0, entries = 0, orientation = kNotSaid;
  if (!numbers.read(4, 4, &directory) || !numbers.read(directory, 2, &entries)) return kNotSaid;
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = size_t{directory} + 2 + i * kEntryBytes;
    uint32_t tag = 0;
    if (entry + kEntryBytes > exif.size() || !numbers.read(entry, 2, &tag)) break;
    if (tag == kOrientationTag) orientation = entry_value(numbers, entry);
  }
  return orientation;
}

// tiff:Orientation="6" or <tiff:Orientation>6, the first of either.
uint32_t xmp_orientation(Bytes xmp) {
  std::string_view text(reinterpret_cast<const char*>(xmp.data()), xmp.size());
  constexpr std::string_view kName = "tiff:Orientation";
  for (size_t at = text.find(kName); at != text.npos; at = text.find(kName)) {
    text.remove_prefix(at + kName.size());
    std::string_view value = text;
    if (value.substr(0, 2) == "=\"") {
      value.remove_prefix(2);
    } else if (value.substr(0, 1) == ">") {
      value.remove_prefix(1);
    } else {
      continue;
    }
    if (!value.empty() && value[0] >= '0' && value[0] <= '9') return static_cast<uint32_t>(value[0] - '0');
  }
  return kNotSaid;
}

}  // namespace

uint32_t OrientationSources::orientation() const {
  uint32_t said = exif_orientation(exif);
  if (said == kNotSaid) said = xmp_orientation(xmp);
  return said >= 1 && said <= 8 ? said : kAsStored;
}

Status check_picture_size(const char* name, uint32_t width, uint32_t height) {
  if (width == 0 || height == 0)
    return Status::error(Code::corrupt_file, "%s: a picture of %u x %u pixels has nothing to show", name, width,
                         height);
  const bool side_fits = width <= limits::kPictureSideMax && height <= limits::kPictureSideMax;
  if (!side_fits || uint64_t{width} * height > limits::kPicturePixelsMax)
    return Status::error(
        Code::limit_exceeded,
        "%s: %u x %u pixels are more than mica reads (%zu in all, %u a side); make the picture smaller", name, width,
        height, limits::kPicturePixelsMax, limits::kPictureSideMax);
  return Status::ok();
}

Status PictureRows::start(const char* name, uint32_t width, uint32_t height, uint32_t orientation, bool with_alpha,
                          Picture* out) {
  MICA_TRY(check_picture_size(name, width, height));
  // EXIF 2.3, tag 274: from 5 on a stored row is seen as a column; then the seen picture may be mirrored either way.
  const bool sides_swap = orientation >= 5;
  const bool columns_flip = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool rows_flip = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const uint32_t seen_width = sides_swap ? height : width;
  const uint32_t seen_height = sides_swap ? width : height;
  const size_t pixels = size_t{seen_width} * seen_height;
  std::unique_ptr<uint8_t[]> rgb(new (std::nothrow) uint8_t[pixels * 3]);
  std::unique_ptr<uint8_t[]> alpha(with_alpha ? new (std::nothrow) uint8_t[pixels] : nullptr);
  if (rgb == nullptr || (with_alpha && alpha == nullptr))
    return Status::error(Code::out_of_memory, "%s: no %zu bytes for its pixels", name, pixels * (with_alpha ? 4 : 3));

  const ptrdiff_t column = columns_flip ? -1 : 1;
  const ptrdiff_t line = (rows_flip ? -1 : 1) * static_cast<ptrdiff_t>(seen_width);
  rgb_ = rgb.get();
  alpha_ = alpha.get();
  origin_ = columns_flip ? static_cast<ptrdiff_t>(seen_width - 1) : 0;
  if (rows_flip) origin_ += static_cast<ptrdiff_t>(size_t{seen_height - 1} * seen_width);
  step_x_ = sides_swap ? line : column;
  step_y_ = sides_swap ? column : line;
  out->width = seen_width;
  out->height = seen_height;
  out->rgb = std::move(rgb);
  out->alpha = std::move(alpha);
  return Status::ok();
}

void PictureRows::put(uint32_t y, uint32_t first, uint32_t spacing, uint32_t count, const uint8_t* rgb,
                      const uint8_t* alpha) {
  ptrdiff_t pixel = origin_ + static_cast<ptrdiff_t>(y) * step_y_ + static_cast<ptrdiff_t>(first) * step_x_;
  const ptrdiff_t step = step_x_ * static_cast<ptrdiff_t>(spacing);
  if (step == 1) {
    std::memcpy(rgb_ + pixel * 3, rgb, size_t{count} * 3);
    if (alpha_ != nullptr) std::memcpy(alpha_ + pixel, alpha, count);
    return;
  }
  for (uint32_t i = 0; i < count; ++i, pixel += step) {
    std::memcpy(rgb_ + pixel * 3, rgb + size_t{i} * 3, 3);
    if (alpha_ != nullptr) alpha_[pixel] = alpha[i];
  }
}

}  // namespace mica
