// Fuzz target: any text as preprocessor_config.json and as processor_config.json of every family that reads pictures; for
// what is accepted pictures of several shapes are planned. The corpus holds published files.
#include <cstdint>
#include <cstdlib>

#include "family.hpp"
#include "picture_config.hpp"
#include "pixels.hpp"

using namespace mica;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes text(data, size);
  for (const Family* family : kFamilies) {
    if (!family->defaults().has_vision) continue;
    for (const PictureDocuments& documents : {PictureDocuments{text, {}}, PictureDocuments{{}, text}}) {
      ModelSpec spec = family->defaults();
      spec.family = family;
      if (!read_picture_rule(documents, "fuzz", &spec)) continue;
      for (const uint32_t side : {1u, 336u, 5000u}) {
        PixelPlan plan;
        if (!plan_pixels(spec.pictures, side, 448, &plan)) continue;
        if (pixels_scratch_bytes(spec.pictures, plan, side) == 0) std::abort();
      }
    }
  }
  return 0;
}
