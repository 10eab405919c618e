// Fuzz target: any bytes as a picture file, and what is decoded through one of the ways of cutting it, which the number
// of bytes chooses. The corpus holds small files of every format; damage is the fuzzer's part.
#include <cstdint>
#include <cstdlib>
#include <iterator>
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

// The rule itself, and what a processor's file can make of it.
std::vector<PictureRule> variants_of(const PictureRule& rule) {
  std::vector<PictureRule> rules = {rule};
  PictureRule other = rule;
  other.filter = PictureFilter::lanczos;
  other.pads_to_square = true;
  other.longest_edge = 19;
  rules.push_back(other);
  other.filter = PictureFilter::nearest;
  other.transparency = PictureTransparency::dropped;
  other.resize = PictureResize::exact;
  other.resized_width = 13;
  other.resized_height = 40;
  rules.push_back(other);
  other.resize = PictureResize::none;
  other.filter = PictureFilter::box;
  rules.push_back(other);
  return rules;
}

void make_values(const PictureRule& rule, const Picture& picture) {
  PixelPlan plan;
  if (!plan_pixels(rule, picture.width, picture.height, &plan)) return;
  const size_t bytes = pixels_scratch_bytes(rule, plan, picture.width);
  const std::unique_ptr<void, void (*)(void*)> scratch(std::aligned_alloc(64, bytes), std::free);
  std::vector<float> values(plan.values);
  if (!make_pixels(rule, plan, picture, values.data(), scratch.get(), bytes)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr PictureCut kCuts[] = {PictureCut::fixed, PictureCut::crop, PictureCut::smart_resize,
                                  PictureCut::tiles};
  constexpr size_t kPixelsMax = 1u << 16;  // the widest there are still; more take long and show no more
  Picture picture;
  if (!decode_picture(Bytes(data, size), "fuzz", &picture)) return 0;
  if (size_t{picture.width} * picture.height > kPixelsMax) return 0;
  // One rule a run, chosen by the bytes: all of them for each picture would show the same more slowly.
  const std::vector<PictureRule> rules = variants_of(rule_of(kCuts[size % std::size(kCuts)]));
  make_values(rules[size / std::size(kCuts) % rules.size()], picture);
  return 0;
}
