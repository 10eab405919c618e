// PNG by libspng: all colour types and depths, interlaced or not, to 8-bit RGB exactly as PIL's convert("RGB") does
// (alpha and transparent colours are dropped, not blended). Not animation: the first picture is read.
#include <cstring>
#include <memory>
#include <new>

#include <spng.h>

#include "limits.hpp"
#include "picture_decoders.hpp"

namespace mica {

namespace {

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, FreeContext>;

Status error_of(int error, const char* name) {
  switch (error) {
    case SPNG_IO_EOF:
    case SPNG_EIDAT_TOO_SHORT:
      return Status::error(Code::corrupt_file, "%s: the PNG ends too early; fetch the whole file", name);
    case SPNG_ECHUNK_LIMITS:
      return Status::error(Code::limit_exceeded, "%s: more than %zu MB of metadata in a PNG; save it without", name,
                           limits::kPngChunkBytesMax >> 20);
    case SPNG_EMEM: return Status::error(Code::out_of_memory, "%s: no memory to decode this PNG", name);
    default: return Status::error(Code::corrupt_file, "%s: not a sound PNG: %s", name, spng_strerror(error));
  }
}

uint32_t read_big_endian_u32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

// eXIf and uncompressed XMP may stand before or after the pixels, but how to turn them must be known first: a walk over
// the chunks (length, type, data, CRC: PNG specification, 5.3). It stops where the file stops making sense.
OrientationSources orientation_sources(Bytes file) {
  constexpr size_t kSignatureBytes = 8, kFrameBytes = 12;
  static constexpr char kXmpStart[] = "XML:com.adobe.xmp\0\0";  // keyword, its end, "not compressed"
  OrientationSources sources;
  size_t at = kSignatureBytes;
  while (file.size() - at >= kFrameBytes) {
    const size_t length = read_big_endian_u32(file.data() + at);
    if (file.size() - at - kFrameBytes < length) break;
    const uint8_t* type = file.data() + at + 4;
    const Bytes data = file.subspan(at + 8, length);
    if (std::memcmp(type, "eXIf", 4) == 0) sources.exif = data;
    if (std::memcmp(type, "iTXt", 4) == 0 && length >= sizeof kXmpStart &&
        std::memcmp(data.data(), kXmpStart, sizeof kXmpStart - 1) == 0)
      sources.xmp = data.subspan(sizeof kXmpStart - 1);
    at += kFrameBytes + length;
  }
  return sources;
}

// Turns one row as PNG stores it (samples packed from the high bit down, 16-bit ones in this processor's order) to RGB.
class RowConverter {
 public:
  RowConverter(const spng_ihdr& header, const spng_plte& palette) : depth_(header.bit_depth) {
    switch (header.color_type) {
      case SPNG_COLOR_TYPE_TRUECOLOR: samples_ = 3; break;
      case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA: samples_ = 2; break;
      case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA: samples_ = 4; break;
      default: samples_ = 1; break;
    }
    colour_ = header.color_type == SPNG_COLOR_TYPE_TRUECOLOR || header.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
    // PIL reads 16-bit gray as integers and then clips them, but takes the high byte of all other 16-bit samples.
    clips_ = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE && depth_ == 16;
    if (samples_ == 1 && depth_ <= 8) make_table(header, palette);
  }

  size_t row_bytes(uint32_t width) const { return (size_t{width} * samples_ * depth_ + 7) / 8; }

  void convert(const uint8_t* row, uint32_t count, uint8_t* rgb) const {
    if (samples_ == 1 && depth_ <= 8) {
      convert_by_table(row, count, rgb);
    } else if (clips_) {
      for (uint32_t i = 0; i < count; ++i) {
        const uint16_t value = sample16(row, i);
        std::memset(rgb + size_t{i} * 3, value < 255 ? value : 255, 3);
      }
    } else {
      convert_samples(row, count, rgb);
    }
  }

 private:
  static uint16_t sample16(const uint8_t* row, size_t index) {
    uint16_t value;
    std::memcpy(&value, row + index * 2, 2);
    return value;
  }

  // What each value of a gray or palette sample looks like.
  void make_table(const spng_ihdr& header, const spng_plte& palette) {
    const uint32_t value_max = (1u << depth_) - 1;
    for (uint32_t value = 0; value <= value_max; ++value) {
      std::memset(table_[value], 0, 3);  // an index beyond the palette is black
      if (header.color_type == SPNG_COLOR_TYPE_GRAYSCALE) {
        std::memset(table_[value], static_cast<int>(value * 255 / value_max), 3);
      } else if (value < palette.n_entries) {
        table_[value][0] = palette.entries[value].red;
        table_[value][1] = palette.entries[value].green;
        table_[value][2] = palette.entries[value].blue;
      }
    }
  }

  void convert_by_table(const uint8_t* row, uint32_t count, uint8_t* rgb) const {
    const uint32_t mask = (1u << depth_) - 1;
    for (uint32_t i = 0; i < count; ++i) {
      const size_t bit = size_t{i} * depth_;
      const uint32_t value = row[bit / 8] >> (8 - depth_ - bit % 8) & mask;
      std::memcpy(rgb + size_t{i} * 3, table_[value], 3);
    }
  }

  void convert_samples(const uint8_t* row, uint32_t count, uint8_t* rgb) const {
    const size_t green = colour_ ? 1 : 0, blue = colour_ ? 2 : 0;
    const auto sample = [&](size_t index) -> uint8_t {
      return depth_ == 16 ? static_cast<uint8_t>(sample16(row, index) >> 8) : row[index];
    };
    for (size_t i = 0; i < count; ++i) {
      rgb[i * 3] = sample(i * samples_);
      rgb[i * 3 + 1] = sample(i * samples_ + green);
      rgb[i * 3 + 2] = sample(i * samples_ + blue);
    }
  }

  uint32_t depth_;
  uint32_t samples_ = 1;
  bool colour_ = false;
  bool clips_ = false;
  uint8_t table_[256][3];
};

// The pixels of a row in each pass of Adam7 (PNG specification, 8.2): the first column, and the distance to the next.
struct PassColumns {
  uint32_t first, spacing;
};
constexpr PassColumns kPassColumns[7] = {{0, 8}, {4, 8}, {0, 4}, {2, 4}, {0, 2}, {1, 2}, {0, 1}};

Status decode_rows(spng_ctx* context, const spng_ihdr& header, const RowConverter& converter, const char* name,
                   PictureRows* rows) {
  const std::unique_ptr<uint8_t[]> packed(new (std::nothrow) uint8_t[converter.row_bytes(header.width)]);
  const std::unique_ptr<uint8_t[]> rgb(new (std::nothrow) uint8_t[size_t{header.width} * 3]);
  if (packed == nullptr || rgb == nullptr) return error_of(SPNG_EMEM, name);
  int error = spng_decode_image(context, nullptr, 0, SPNG_FMT_PNG, SPNG_DECODE_PROGRESSIVE);
  while (error == 0) {
    spng_row_info place;
    error = spng_get_row_info(context, &place);
    if (error != 0) break;
    const PassColumns columns =
        header.interlace_method == SPNG_INTERLACE_NONE ? PassColumns{0, 1} : kPassColumns[place.pass];
    const uint32_t count = (header.width - columns.first + columns.spacing - 1) / columns.spacing;
    error = spng_decode_scanline(context, packed.get(), converter.row_bytes(count));
    if (error != 0 && error != SPNG_EOI) break;
    converter.convert(packed.get(), count, rgb.get());
    rows->put(place.row_num, columns.first, columns.spacing, count, rgb.get());
  }
  if (error != SPNG_EOI) return error_of(error, name);
  // The checksum of the pixels stands behind them. Whatever else is wrong there, the picture is whole.
  return spng_decode_chunks(context) == SPNG_ECHUNK_CRC ? error_of(SPNG_ECHUNK_CRC, name) : Status::ok();
}

}  // namespace

Status decode_png(Bytes file, const char* name, Picture* out) {
  const Context context(spng_ctx_new(0));
  if (context == nullptr) return error_of(SPNG_EMEM, name);
  spng_set_chunk_limits(context.get(), limits::kPngChunkBytesMax, limits::kPngChunkBytesMax);
  int error = spng_set_png_buffer(context.get(), file.data(), file.size());
  spng_ihdr header = {};
  if (error == 0) error = spng_get_ihdr(context.get(), &header);
  if (error != 0) return error_of(error, name);

  PictureRows rows;
  MICA_TRY(rows.start(name, header.width, header.height, orientation_sources(file).orientation(), out));
  spng_plte palette = {};
  error = spng_get_plte(context.get(), &palette);
  if (error != 0 && error != SPNG_ECHUNKAVAIL) return error_of(error, name);
  const RowConverter converter(header, palette);
  return decode_rows(context.get(), header, converter, name, &rows);
}

}  // namespace mica
