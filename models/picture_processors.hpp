// The fields that image processors of transformers share, and the colours that they were published with. Data; what
// each class has of its own is in its family's file.
#pragma once

#include <cstddef>

#include "picture_processor.hpp"

// The offset of a field of ProcessorValues, as the tables name their targets.
#define MICA_PROCESSOR_FIELD(field) static_cast<uint16_t>(offsetof(::mica::ProcessorValues, field))

namespace mica::tables {

inline constexpr ProcessorField kProcessorFields[] = {
    {"default_to_square", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(default_to_square)},  // before the sizes
    // Null converts nothing there, and only RGB has a meaning then; seen on white is seen rightly.
    {"do_convert_rgb", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_convert_rgb), 0, 0, true},
    {"do_rescale", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_rescale)},
    {"do_normalize", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_normalize)},
    {"rescale_factor", ProcessorFieldKind::number, MICA_PROCESSOR_FIELD(rescale_factor), 1e-9, 1e3},
    {"image_mean", ProcessorFieldKind::colors, MICA_PROCESSOR_FIELD(image_mean), -1e3, 1e3},
    {"image_std", ProcessorFieldKind::colors, MICA_PROCESSOR_FIELD(image_std), 1e-6, 1e3},
    {"resample", ProcessorFieldKind::filter, MICA_PROCESSOR_FIELD(resample)},
    {"data_format", ProcessorFieldKind::planes},
    {"input_data_format", ProcessorFieldKind::planes},
    {"device", ProcessorFieldKind::no_effect},
    {"return_tensors", ProcessorFieldKind::no_effect},
    {"disable_grouping", ProcessorFieldKind::no_effect},
    {"image_seq_length", ProcessorFieldKind::no_effect},
};

// Classes that resize and crop.
inline constexpr ProcessorField kCropFields[] = {
    {"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size)},
    {"do_resize", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_resize)},
    {"do_center_crop", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_center_crop)},
    {"crop_size", ProcessorFieldKind::crop_size, MICA_PROCESSOR_FIELD(crop_size)},
};

// Classes that do neither pad nor crop; of what size they would, is of no effect.
inline constexpr ProcessorField kNoCropFields[] = {
    {"do_resize", ProcessorFieldKind::expected, 0, true},
    {"do_center_crop", ProcessorFieldKind::expected, 0, false},
    {"do_pad", ProcessorFieldKind::expected, 0, false},
    {"crop_size", ProcessorFieldKind::crop_size, MICA_PROCESSOR_FIELD(crop_size)},
    {"pad_size", ProcessorFieldKind::no_effect},
};

// Classes of a video's frames. Which are seen of a file is said by num_frames or fps; do_sample_frames says whether the
// class chooses them or its caller.
inline constexpr ProcessorField kVideoFields[] = {
    {"num_frames", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(num_frames), 1, 65536, true},
    {"fps", ProcessorFieldKind::number, MICA_PROCESSOR_FIELD(fps), 1e-3, 1e3, true},
    {"min_frames", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(min_frames), 1, 65536, true},
    {"max_frames", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_frames), 1, 65536, true},
    {"max_duration", ProcessorFieldKind::number, MICA_PROCESSOR_FIELD(max_duration), 1, 1e6, true},
    {"do_pad", ProcessorFieldKind::no_effect},  // frames have one size
    {"pad_size", ProcessorFieldKind::no_effect},
    {"do_sample_frames", ProcessorFieldKind::no_effect},
    {"video_metadata", ProcessorFieldKind::no_effect},
    {"return_metadata", ProcessorFieldKind::no_effect},
    {"video_processor_type", ProcessorFieldKind::no_effect},
    // of the class that cuts pictures, whose file may be the frames' too
    {"image_grid_pinpoints", ProcessorFieldKind::no_effect},
    {"aspect_ratio_setting", ProcessorFieldKind::no_effect},
};
inline constexpr std::span<const ProcessorField> kFrameTables[] = {kProcessorFields, kCropFields, kVideoFields};

// Of these, classes that resize to one size.
inline constexpr ProcessorField kOneSize[] = {{"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size)}};

constexpr ProcessorValues clip_values() {  // OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
  return {.image_mean = {0.48145466, 0.4578275, 0.40821073}, .image_std = {0.26862954, 0.26130258, 0.27577711}};
}

// Qwen2VLImageProcessor and its kin: sides to whole windows of patches, the area between two numbers of pixels.
inline constexpr ProcessorField kSmartResizeFields[] = {
    {"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size), 0, 0, true},
    {"min_pixels", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(min_pixels), 1, 1e9, true},
    {"max_pixels", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_pixels), 1, 1e9, true},
};
inline constexpr ProcessorField kPatchFields[] = {
    {"patch_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(patch_size), 1, 256},
    {"temporal_patch_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(temporal_patch_size), 1, 8},
    {"merge_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(merge_size), 1, 16},
};
inline constexpr std::span<const ProcessorField> kSmartResizeTables[] = {kProcessorFields, kNoCropFields,
                                                                         kSmartResizeFields, kPatchFields};

constexpr ProcessorValues smart_resize_values(uint32_t min_pixels, uint32_t max_pixels) {
  ProcessorValues values = clip_values();
  values.size.shortest_edge = min_pixels;
  values.size.longest_edge = max_pixels;
  values.patch_size = 14;
  values.temporal_patch_size = 2;
  values.merge_size = 2;
  return values;
}

// Videos of these: the same of each frame, or of all frames together (ProcessorSteps).
inline constexpr ProcessorField kSmartVideoFields[] = {
    {"cap_pixels_per_frame", ProcessorFieldKind::expected, 0, false},
    {"max_video_tokens", ProcessorFieldKind::no_effect},  // of that cap
    {"max_image_size", ProcessorFieldKind::no_effect},
};
inline constexpr std::span<const ProcessorField> kSmartVideoTables[] = {
    kProcessorFields, kNoCropFields, kSmartResizeFields, kPatchFields, kVideoFields, kSmartVideoFields};
inline constexpr std::span<const ProcessorField> kWholeVideoTables[] = {
    kProcessorFields, kNoCropFields, kOneSize, kPatchFields, kVideoFields, kSmartVideoFields};
inline constexpr ProcessorField kCappedVideoFields[] = {
    {"cap_pixels_per_frame", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(cap_pixels_per_frame)},
    {"max_video_tokens", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_video_tokens), 1, 65536},
    {"max_image_size", ProcessorFieldKind::no_effect},
};
inline constexpr std::span<const ProcessorField> kCappedVideoTables[] = {
    kProcessorFields, kNoCropFields, kOneSize, kPatchFields, kVideoFields, kCappedVideoFields};

// Videos of LLaVA's kind, as transformers 4 prepared them and their outputs were recorded.
constexpr ProcessorValues frames_by_pillow(ProcessorValues values) {
  values.frames_columns_first = false;
  return values;
}

constexpr ProcessorValues one_frame(ProcessorValues values) {
  values.temporal_patch_size = 1;
  return values;
}

constexpr ProcessorValues half_colors(ProcessorValues values) {  // IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD
  for (size_t i = 0; i < 3; ++i) values.image_mean[i] = values.image_std[i] = 0.5;
  return values;
}

}  // namespace mica::tables
