// What the decoders of picture files share: the way from stored rows to a turned Picture, and the metadata that says
// how to turn it. Not a public interface: everybody else includes picture.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "picture.hpp"

namespace mica {

// One per format; called when the file's first bytes say so. `name` is for messages.
Status decode_jpeg(Bytes file, const char* name, Picture* out);
Status decode_png(Bytes file, const char* name, Gray16 gray, Picture* out);
Status decode_webp(Bytes file, const char* name, Picture* out);

// That a picture of width x height is within limits.hpp: limit_exceeded, or corrupt_file where a side is 0.
Status check_picture_size(const char* name, uint32_t width, uint32_t height);

// Where a file says how to turn its picture: EXIF, or XMP when EXIF does not say it.
struct OrientationSources {
  Bytes exif;  // a TIFF structure, with or without "Exif\0\0" in front (EXIF 2.3, 4.5); empty when absent
  Bytes xmp;   // XML text; empty when absent

  // 1 to 8 as EXIF numbers them; 1 (as stored) when nothing is said or what is said is not valid.
  uint32_t orientation() const;
};

// Receives the rows of a picture as they are stored and puts each pixel where it is seen.
class PictureRows {
 public:
  // Checks `width` x `height` (as stored) against limits.hpp, then allocates out->rgb and, if wanted, out->alpha,
  // uninitialised. `out` must outlive this. Fails with corrupt_file, limit_exceeded or out_of_memory.
  Status start(const char* name, uint32_t width, uint32_t height, uint32_t orientation, bool with_alpha, Picture* out);

  // The place of stored row y when rows are stored as they are seen, to decode into; else null, and put() is the way.
  uint8_t* row(uint32_t y) {
    return step_x_ == 1 ? rgb_ + (origin_ + static_cast<ptrdiff_t>(y) * step_y_) * 3 : nullptr;
  }

  // `count` pixels of stored row y, the first at column `first`, each `spacing` columns after the one before. `alpha`
  // has a byte a pixel, and is null where start() was asked for none.
  void put(uint32_t y, uint32_t first, uint32_t spacing, uint32_t count, const uint8_t* rgb, const uint8_t* alpha);

 private:
  uint8_t* rgb_ = nullptr;
  uint8_t* alpha_ = nullptr;
  // Every orientation is a walk through the picture: these are its start and its steps, in pixels.
  ptrdiff_t origin_ = 0;
  ptrdiff_t step_x_ = 0;
  ptrdiff_t step_y_ = 0;
};

}  // namespace mica
