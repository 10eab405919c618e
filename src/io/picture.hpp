// Picture: a file's bytes to 8-bit RGB. Not preprocessing: sizes and normalisation that a model wants are made from it
// by resample.hpp and the engine.
#pragma once

#include <cstdint>
#include <memory>

#include "span.hpp"
#include "status.hpp"

namespace mica {

// Rows of width * 3 bytes, R G B, top to bottom, no padding. Owns its pixels.
struct Picture {
  uint32_t width = 0;
  uint32_t height = 0;
  std::unique_ptr<uint8_t[]> rgb;
};

// JPEG, PNG and (where built) WebP, told apart by content. The pixels equal those that PIL gives for
// ImageOps.exif_transpose(Image.open(f)).convert("RGB"). `name` is for messages. Bounds: limits.hpp, checked before any
// allocation that depends on them.
Status decode_picture(Bytes file, const char* name, Picture* out);

}  // namespace mica
