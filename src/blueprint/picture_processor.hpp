// PictureProcessor: a published class of image processors, as data: which fields of preprocessor_config.json it reads,
// and what they are where the file is silent. Not a rule: engine/picture_config.hpp makes one of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "picture_rule.hpp"

namespace mica {

// A size in any of its forms; members that are not said are 0.
struct ProcessorSize {
  uint32_t height = 0, width = 0;
  uint32_t shortest_edge = 0, longest_edge = 0;
  uint32_t min_pixels = 0, max_pixels = 0;
};

// The fields by their names in the file, with the values that all published classes agree on.
struct ProcessorValues {
  bool default_to_square = false;  // a size that is one number is that of a square, else of the shorter side
  bool do_convert_rgb = true, do_pad = false, do_resize = true, do_center_crop = false, do_rescale = true,
       do_normalize = true;
  PictureFilter resample = PictureFilter::bicubic;
  bool columns_first = false;  // PictureRule's; no file says it
  bool frames_columns_first = true;  // the same of a video's frames, as torchvision does it
  double rescale_factor = 1.0 / 255;
  double image_mean[3] = {0, 0, 0};
  double image_std[3] = {1, 1, 1};
  ProcessorSize size = {}, crop_size = {}, pad_size = {};
  uint32_t min_pixels = 0, max_pixels = 0;  // 0: as `size` says
  uint32_t patch_size = 0, temporal_patch_size = 0, merge_size = 0;  // 0: as the tower has it
  ProcessorSize patch_sides = {};  // in classes whose sides may differ
  uint32_t min_patches = 1, max_patches = 1;
  uint32_t scale_resolution = 0, image_feature_size = 0;
  uint32_t downsampling = 0;  // patches that become a token; 0: not said
  bool do_image_splitting = true;
  ProcessorSize max_image_size = {};  // of a tile
  GridList image_grid_pinpoints = {};
  uint32_t tile_size = 0, min_image_tokens = 0, max_image_tokens = 0;
  double max_pixels_tolerance = 1;  // of a picture that is not cut
  bool use_thumbnail = true;
  uint32_t num_frames = 0;  // of a video; 0: not said
  double fps = 0;           // the same, of each second
  uint32_t min_frames = 0, max_frames = 0;  // that fps may come to; 0: any number
  double max_duration = 0;  // seconds, of longer videos as many frames; 0: any
  bool initial_shift = true;  // frames are those in the middle of their stretches, not at the start
  uint32_t stack_frames = 1;  // of a second that stand in one picture
  bool cap_pixels_per_frame = false;  // of a video, at max_video_tokens for each frame
  uint32_t max_video_tokens = 768;
};

// Null is not absent: a class of transformers 5 then has nothing there, not its default.
enum class ProcessorFieldKind : uint8_t {
  boolean,    // null is false
  number,     // a double
  colors,     // three doubles, or one for all
  count,
  filter,     // 0 to 5, PIL's numbers
  size,       // one number, [height, width], or an object
  crop_size,  // the same, where one number is always a square
  expected,   // a boolean that mica runs only with the value of `low`
  planes,     // a word, "channels_first"
  times,      // a number with an "x" behind it: "16x"
  grids,      // a list of [height, width]
  no_effect,  // anything
};

// One field of the file. `offset` is that of its target in ProcessorValues, `low` and `high` bound its numbers.
struct ProcessorField {
  const char* name;
  ProcessorFieldKind kind;
  uint16_t offset = 0;
  double low = 0, high = 0;
  bool null_is_absent = false;
};

enum class ProcessorSteps : uint8_t {
  pad_resize_crop,  // LlavaImageProcessor
  resize_crop,      // CLIPImageProcessor, whose padding is that of batches
  smart_resize,           // Qwen2VLImageProcessor
  smart_resize_frames,    // Glm4vImageProcessor: pixels are those of all frames, small sides are enlarged
  smart_resize_video,     // Qwen3VLVideoProcessor, Glm4vVideoProcessor: the same of all frames of a video
  smart_resize_enlarged,  // PaddleOCRVLImageProcessor: small sides are enlarged, patches stand row by row
  bounded,                // PixtralImageProcessor
  bounded_merged,         // the same where sides are whole tokens, whatever the file says
  tiles,            // GotOcr2ImageProcessor
  slices,           // MiniCPMVImageProcessor
  fixed,            // to the tower's size whatever the shape; of families that publish no such file
  tiles_of_config,  // the same, as config.json says: only colours stand in the file
  squares,          // Idefics3ImageProcessor
  grids,            // LlavaNextImageProcessor
  large_tiles,      // Lfm2VlImageProcessor
  budget,           // Gemma4ImageProcessor
};

struct PictureProcessor {
  const char* name;  // image_processor_type; with "Fast" or "Pil" behind it the same class
  ProcessorSteps steps;
  ProcessorValues defaults;
  std::span<const std::span<const ProcessorField>> fields;
};

}  // namespace mica
