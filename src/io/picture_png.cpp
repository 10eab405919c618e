// PNG by libspng: all colour types and depths, interlaced or not, to 8-bit RGB as PIL's convert("RGB") does, and alpha
// beside it where pixels or a tRNS chunk say so. Not animation: the first picture is read.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <spng.h>

#include "limits.hpp"
#include "log.hpp"
#include "picture_decoders.hpp"

namespace mica {

namespace {

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, FreeContext>;

// libspng says of its own allocations that they failed, of zlib's only that there was an error, as for damaged pixels.
// So allocations note it, for the picture that this thread decodes.
thread_local bool t_refused = false;

void* noted(void* block) {
  t_refused |= block == nullptr;
  return block;
}

Context make_context() {
  t_refused = false;
  spng_alloc heap = {.malloc_fn = [](size_t bytes) { return noted(std::malloc(bytes)); },
                     .realloc_fn = [](void* block, size_t bytes) { return noted(std::realloc(block, bytes)); },
                     .calloc_fn = [](size_t count, size_t bytes) { return noted(std::calloc(count, bytes)); },
                     .free_fn = std::free};
  return Context(spng_ctx_new2(&heap, 0));
}

Status error_of(int error, const char* name) {
  switch (t_refused ? int{SPNG_EMEM} : error) {
    case SPNG_IO_EOF:
    case SPNG_EIDAT_TOO_SHORT:
      return Status::error(Code::corrupt_file, "%s: the PNG ends too early; fetch the whole file", name);
    case SPNG_ECHUNK_LIMITS:
      return Status::error(Code::limit_exceeded, "%s: more than %zu MB of metadata in a PNG; save it without", name,
                           limits::kPngChunkBytesMax >> 20);
    case SPNG_EMEM: return Status::error(Code::out_of_memory, "%s: no memory to decode this PNG", name);
    default:
      return Status::error(Code::corrupt_file,
                           "%s: not a sound PNG: %s: its bytes were changed on the way, or written wrongly; fetch it "
                           "again, or save it anew in an image program",
                           name, spng_strerror(error));
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

// Turns one row as PNG stores it (samples packed from the high bit down, 16-bit ones in this processor's order) to RGB
// and alpha.
class RowConverter {
 public:
  // `transparency` is the file's tRNS, null where it has none.
  RowConverter(const spng_ihdr& header, const spng_plte& palette, const spng_trns* transparency, Gray16 gray)
      : depth_(header.bit_depth) {
    switch (header.color_type) {
      case SPNG_COLOR_TYPE_TRUECOLOR: samples_ = 3; break;
      case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA: samples_ = 2; break;
      case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA: samples_ = 4; break;
      default: samples_ = 1; break;
    }
    colour_ = samples_ >= 3;
    stores_alpha_ = samples_ == 2 || samples_ == 4;
    clips_ = gray == Gray16::clipped && header.color_type == SPNG_COLOR_TYPE_GRAYSCALE && depth_ == 16;
    has_key_ = transparency != nullptr && header.color_type != SPNG_COLOR_TYPE_INDEXED && !stores_alpha_;
    if (has_key_ && colour_) {
      key_[0] = transparency->red, key_[1] = transparency->green, key_[2] = transparency->blue;
    } else if (has_key_) {
      key_[0] = key_[1] = key_[2] = transparency->gray;
    }
    has_alpha_ = stores_alpha_ || transparency != nullptr;
    if (samples_ == 1 && depth_ <= 8) make_table(header, palette, transparency);
  }

  size_t row_bytes(uint32_t width) const { return (size_t{width} * samples_ * depth_ + 7) / 8; }
  bool has_alpha() const { return has_alpha_; }

  void convert(const uint8_t* row, uint32_t count, uint8_t* rgb, uint8_t* alpha) const {
    if (samples_ == 1 && depth_ <= 8) {
      convert_by_table(row, count, rgb, alpha);
    } else {
      convert_samples(row, count, rgb, alpha);
    }
  }

 private:
  static constexpr uint8_t kOpaque = 255;

  uint32_t sample(const uint8_t* row, size_t index) const {
    if (depth_ == 8) return row[index];
    uint16_t value;
    std::memcpy(&value, row + index * 2, 2);
    return value;
  }

  // A sample in 8 bits.
  uint8_t byte_of(uint32_t value) const {
    if (depth_ == 8) return static_cast<uint8_t>(value);
    if (clips_) return static_cast<uint8_t>(value < 255 ? value : 255);
    return static_cast<uint8_t>(value >> 8);
  }

  // What each value of a gray or palette sample looks like.
  void make_table(const spng_ihdr& header, const spng_plte& palette, const spng_trns* transparency) {
    const uint32_t value_max = (1u << depth_) - 1;
    const bool is_gray = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE;
    for (uint32_t value = 0; value <= value_max; ++value) {
      std::memset(table_[value], 0, 3);  // an index beyond the palette is black
      alpha_table_[value] = kOpaque;
      if (is_gray) {
        std::memset(table_[value], static_cast<int>(value * 255 / value_max), 3);
        if (has_key_ && value == key_[0]) alpha_table_[value] = 0;
      } else if (value < palette.n_entries) {
        table_[value][0] = palette.entries[value].red;
        table_[value][1] = palette.entries[value].green;
        table_[value][2] = palette.entries[value].blue;
      }
      if (!is_gray && transparency != nullptr && value < transparency->n_type3_entries)
        alpha_table_[value] = transparency->type3_alpha[value];
    }
  }

  void convert_by_table(const uint8_t* row, uint32_t count, uint8_t* rgb, uint8_t* alpha) const {
    const uint32_t mask = (1u << depth_) - 1;
    for (uint32_t i = 0; i < count; ++i) {
      const size_t bit = size_t{i} * depth_;
      const uint32_t value = row[bit / 8] >> (8 - depth_ - bit % 8) & mask;
      std::memcpy(rgb + size_t{i} * 3, table_[value], 3);
      alpha[i] = alpha_table_[value];
    }
  }

  void convert_samples(const uint8_t* row, uint32_t count, uint8_t* rgb, uint8_t* alpha) const {
    const size_t green = colour_ ? 1 : 0, blue = colour_ ? 2 : 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t first = i * samples_;
      const uint32_t values[3] = {sample(row, first), sample(row, first + green), sample(row, first + blue)};
      for (size_t c = 0; c < 3; ++c) rgb[i * 3 + c] = byte_of(values[c]);
      alpha[i] = stores_alpha_ ? byte_of(sample(row, first + samples_ - 1)) : kOpaque;
      if (has_key_ && values[0] == key_[0] && values[1] == key_[1] && values[2] == key_[2]) alpha[i] = 0;
    }
  }

  uint32_t depth_;
  uint32_t samples_ = 1;
  bool colour_ = false;
  bool stores_alpha_ = false;
  bool has_alpha_ = false;
  bool clips_ = false;
  bool has_key_ = false;   // a colour that is transparent,
  uint16_t key_[3] = {};   // in the depth of the file
  uint8_t table_[256][3];
  uint8_t alpha_table_[256];
};

// The pixels of a row in each pass of Adam7 (PNG specification, 8.2): the first column, and the distance to the next.
struct PassColumns {
  uint32_t first, spacing;
};
constexpr PassColumns kPassColumns[7] = {{0, 8}, {4, 8}, {0, 4}, {2, 4}, {0, 2}, {1, 2}, {0, 1}};

// 0, or libspng's error.
int decode_rows(spng_ctx* context, const spng_ihdr& header, const RowConverter& converter, PictureRows* rows) {
  const std::unique_ptr<uint8_t[]> packed(new (std::nothrow) uint8_t[converter.row_bytes(header.width)]);
  const std::unique_ptr<uint8_t[]> rgb(new (std::nothrow) uint8_t[size_t{header.width} * 3]);
  const std::unique_ptr<uint8_t[]> alpha(new (std::nothrow) uint8_t[header.width]);
  if (packed == nullptr || rgb == nullptr || alpha == nullptr) return SPNG_EMEM;
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
    converter.convert(packed.get(), count, rgb.get(), alpha.get());
    rows->put(place.row_num, columns.first, columns.spacing, count, rgb.get(), alpha.get());
  }
  if (error != SPNG_EOI) return error;
  // The checksum of the pixels stands behind them. Whatever else is wrong there, the picture is whole.
  return spng_decode_chunks(context) == SPNG_ECHUNK_CRC ? SPNG_ECHUNK_CRC : 0;
}

Status decode(Bytes file, const char* name, Gray16 gray, bool trusts_pixels, bool* pixels_differ,
              Picture* out) {
  const Context context = make_context();
  if (context == nullptr) return error_of(SPNG_EMEM, name);
  spng_set_chunk_limits(context.get(), limits::kPngChunkBytesMax, limits::kPngChunkBytesMax);
  int error = spng_set_png_buffer(context.get(), file.data(), file.size());
  spng_ihdr header = {};
  if (error == 0) error = spng_get_ihdr(context.get(), &header);
  if (error != 0) return error_of(error, name);
  MICA_TRY(check_picture_size(name, header.width, header.height));  // before any more of the file is read

  spng_plte palette = {};
  error = spng_get_plte(context.get(), &palette);
  if (error != 0 && error != SPNG_ECHUNKAVAIL) return error_of(error, name);
  spng_trns transparency = {};
  error = spng_get_trns(context.get(), &transparency);
  if (error != 0 && error != SPNG_ECHUNKAVAIL) return error_of(error, name);
  const RowConverter converter(header, palette, error == 0 ? &transparency : nullptr, gray);
  PictureRows rows;
  MICA_TRY(rows.start(name, header.width, header.height, orientation_sources(file).orientation(),
                      converter.has_alpha(), out));
  // All chunks before the pixels have been read by now, with their checksums.
  if (trusts_pixels) spng_set_crc_action(context.get(), SPNG_CRC_USE, SPNG_CRC_DISCARD);
  error = decode_rows(context.get(), header, converter, &rows);
  *pixels_differ = error == SPNG_ECHUNK_CRC;
  return error == 0 ? Status::ok() : error_of(error, name);
}

}  // namespace

Status decode_png(Bytes file, const char* name, Gray16 gray, Picture* out) {
  bool pixels_differ = false;
  const Status status = decode(file, name, gray, false, &pixels_differ, out);
  if (!pixels_differ) return status;
  // What can be inflated to the last row is shown, as PIL and browsers do.
  MICA_TRY(decode(file, name, gray, true, &pixels_differ, out));
  log_message(LogLevel::warning, "%s: damaged PNG: the checksum of its pixels is not that of the bytes", name);
  return Status::ok();
}

}  // namespace mica
