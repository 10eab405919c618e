// AnySizeRules: rules of smart_resize and of Pixtral's processor.
#include "any_size_rules.hpp"

#include <algorithm>

#include "limits.hpp"

namespace mica {
namespace {

// Glm4vImageProcessor, the processors of its videos and Qwen3-VL's, and PaddleOCRVLImageProcessor.
void set_small_sides(ProcessorSteps steps, uint32_t temporal, PictureRule* rule) {
  if (steps == ProcessorSteps::smart_resize_frames || steps == ProcessorSteps::smart_resize_video) {
    rule->small_sides = SmallSides::truncated;
    rule->frames = temporal;
    rule->of_video = steps == ProcessorSteps::smart_resize_video;
  } else if (steps == ProcessorSteps::smart_resize_enlarged) {
    rule->small_sides = SmallSides::rounded;
    rule->layout = PictureLayout::patch_rows;
  }
}

}  // namespace

// Qwen2VLImageProcessor: fields of their own go before the members of size, which are pixels, not edges.
Status set_smart_resize(JsonValue root, ProcessorSteps steps, const ProcessorValues& values, uint32_t temporal,
                        PictureRule* rule) {
  const ProcessorSize& size = values.size;
  if (size.height != 0) return refuse(root, "size", "must not be a height and a width: pictures keep their shape");
  rule->cut = PictureCut::smart_resize;
  rule->layout = PictureLayout::patches;
  set_small_sides(steps, temporal, rule);
  const uint32_t low = size.shortest_edge != 0 ? size.shortest_edge : size.min_pixels;
  const uint32_t high = size.longest_edge != 0 ? size.longest_edge : size.max_pixels;
  rule->pixels_min = values.min_pixels != 0 ? values.min_pixels : low;
  rule->pixels_max = values.max_pixels != 0 ? values.max_pixels : high;
  if (rule->pixels_min == 0 || rule->pixels_max == 0)
    return refuse(root, "size", "must have shortest_edge and longest_edge, the least and the most pixels of a picture");
  if (rule->pixels_min > rule->pixels_max) {
    const bool flat = root.find("min_pixels").is_set() || root.find("max_pixels").is_set();
    return root.error(Code::corrupt_file,
                      "is more than its largest number of pixels (max_pixels, or size.longest_edge)",
                      flat ? "min_pixels" : "size.shortest_edge");
  }
  if (!values.cap_pixels_per_frame) return Status::ok();
  const uint64_t side = uint64_t{values.patch_size} * values.merge_size, most = values.max_video_tokens * side * side;
  rule->frame_pixels_max = static_cast<uint32_t>(std::min<uint64_t>(most, limits::kPictureRulePixelsMax));
  return Status::ok();
}

Status set_bounded(JsonValue root, const ProcessorValues& values, uint32_t whole, PictureRule* rule) {
  const ProcessorSize& size = values.size;
  rule->cut = PictureCut::bounded;
  rule->longest_edge = size.longest_edge != 0 ? size.longest_edge : size.height;
  if (rule->longest_edge == 0 || rule->longest_edge > limits::kPictureRuleSideMax ||
      (size.longest_edge == 0 && size.height != size.width) || size.shortest_edge != 0)
    return refuse(root, "size", "must be a longest_edge of at most 16384 pixels");
  if (values.patch_sides.height == 0 || values.patch_sides.height != values.patch_sides.width)
    return refuse(root, "patch_size", "must be a number, or a height and a width that are equal");
  rule->pixels_max = rule->longest_edge * rule->longest_edge;
  rule->pixels_min = 1;
  rule->whole = whole != 0 ? whole : values.patch_sides.height;
  return Status::ok();
}

Status set_budget(JsonValue root, const ProcessorValues& values, uint32_t positions, PictureRule* rule) {
  constexpr uint32_t kBudgets[] = {70, 140, 280, 560, 1120};  // as the class has it
  if (std::find(std::begin(kBudgets), std::end(kBudgets), values.max_image_tokens) == std::end(kBudgets))
    return refuse(root, "max_soft_tokens", "must be 70, 140, 280, 560 or 1120");
  const uint64_t side = uint64_t{values.patch_size} * values.merge_size, pixels = side * side * values.max_image_tokens;
  if (pixels == 0 || pixels > limits::kPictureRulePixelsMax)
    return refuse(root, "max_soft_tokens", "are more pixels than mica reads");
  rule->cut = PictureCut::budget;
  rule->layout = PictureLayout::sequences;
  rule->pixels_min = 1;
  rule->pixels_max = static_cast<uint32_t>(pixels);
  rule->grid_side_max = positions;
  return Status::ok();
}

}  // namespace mica
