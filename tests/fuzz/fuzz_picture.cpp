// Fuzz target: any bytes as a picture file, and what is decoded through every way of cutting it. The corpus holds small
// files of every format; damage is the fuzzer's part.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "picture.hpp"
#include "pixels.hpp"

using namespace mica;

namespace {

// Small targets and odd numbers: what is looked for are bounds, not pictures.
PictureRule rule_of(PictureCut cut) {
  PictureRule rule;
  rule.cut = cut;
  rule.layout = cut == PictureCut::smart_resize ? PictureLayout::patches : PictureLayout::planes;
  rule.width = 21;
  rule.height = 14;
  rule.shortest_edge = 17;
  rule.pixels_min = 400;
  rule.pixels_max = 4000;
  rule.tiles_max = 6;
  rule.patch = 7;
  rule.merge = 2;
  return rule;
}

void make_values(PictureCut cut, const Picture& picture) {
  const PictureRule rule = rule_of(cut);
  PixelPlan plan;
  if (!plan_pixels(rule, picture.width, picture.height, &plan)) return;
  const size_t bytes = pixels_scratch_bytes(rule, plan, picture.width);
  const std::unique_ptr<void, void (*)(void*)> scratch(std::aligned_alloc(64, bytes), std::free);
  std::vector<float> values(plan.values);
  if (!make_pixels(rule, plan, picture, values.data(), scratch.get(), bytes)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kPixelsMax = 1u << 20;  // larger ones are slow and show nothing that small ones do not
  Picture picture;
  if (!decode_picture(Bytes(data, size), "fuzz", &picture)) return 0;
  if (size_t{picture.width} * picture.height > kPixelsMax) return 0;
  for (const PictureCut cut :
       {PictureCut::fixed, PictureCut::shortest_edge, PictureCut::smart_resize, PictureCut::tiles}) {
    make_values(cut, picture);
  }
  return 0;
}
