// What InternVL has in transformers' layout and in that of its own code: the steps around its tower, its colours, what
// stands around a picture. Data; fields and tensors are in the files of the two.
#pragma once

#include "picture_processors.hpp"
#include "tables.hpp"

namespace mica::tables {

inline constexpr Choice kInternNorms[] = {{"layer_norm", static_cast<uint8_t>(Norm::layer)},
                                          {"rms_norm", static_cast<uint8_t>(Norm::rms)}};

constexpr ProcessorValues imagenet_values() {  // IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
  return {.image_mean = {0.485, 0.456, 0.406}, .image_std = {0.229, 0.224, 0.225}};
}

inline constexpr Step kInternStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::prepend, Slot::class_token},
    {Op::add, Slot::position_embedding},
};
inline constexpr Step kInternProjector[] = {
    {Op::norm, Slot::post_norm, &VisionSpec::last_norm},
    {Op::features},
    {Op::merge},
    {Op::norm, Slot::projector_norm},
    {Op::linear, Slot::projector_up},
    {Op::activate},
    {Op::linear, Slot::projector_down},
};

inline constexpr PicturePiece kInternPicture[] = {
    {PicturePiece::Kind::control, "<img>"},
    {PicturePiece::Kind::tokens},
    {PicturePiece::Kind::control, "</img>"},
    {PicturePiece::Kind::text, "\n"},
};

}  // namespace mica::tables
