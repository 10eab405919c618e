// What Idefics 3 and SmolVLM2 share, all but videos: fields, square tiles and the whole picture behind them, a SigLIP tower,
// pixel shuffle and one matrix. Data; what each has of its own is in its file.
#pragma once

#include "picture_processors.hpp"
#include "siglip.hpp"
#include "tables.hpp"

namespace mica::tables {

inline constexpr const DecoderKind* kIdefics3Decoders[] = {&kind_llama, &kind_mistral, &kind_qwen2, &kind_qwen3};

inline constexpr const char* kIdefics3Towers[] = {"idefics3_vision", "smolvlm_vision", "idefics3", "smolvlm"};

inline constexpr ConfigField kIdefics3Root[] = {
    {"image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"scale_factor", FieldKind::u32, MICA_FIELD(vision.merge), 1, 16},
    no_effect("vocab_size"),  // beside text_config's, which is read
};
inline constexpr ConfigField kIdefics3Tower[] = {
    {"image_size", FieldKind::square_u32, MICA_FIELD(vision.position_pixels), 1, 16384},
    // Notes of training: the processor's file says how pictures are cut.
    no_effect("max_image_size"), no_effect("size"), no_effect("use_base_siglip"),
};
// What the code that published checkpoints were trained with had, and LlamaConfig has not.
inline constexpr ConfigField kIdefics3Text[] = {
    no_effect("_flash_attn_2_enabled"), no_effect("neftune_noise_alpha"), no_effect("perceiver_config"),
    no_effect("pixel_shuffle_factor"), no_effect("use_resampler"), only("qk_layer_norms", kOnlyFalse),
};

inline constexpr ProcessorField kIdefics3Fields[] = {
    {"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size)},
    {"max_image_size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(max_image_size)},
    {"do_image_splitting", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_image_splitting)},
    {"do_resize", ProcessorFieldKind::expected, 0, true},
    {"do_center_crop", ProcessorFieldKind::expected, 0, false},
    {"do_pad", ProcessorFieldKind::no_effect},  // pictures of a batch to one size; tiles have it already
    {"crop_size", ProcessorFieldKind::crop_size, MICA_PROCESSOR_FIELD(crop_size)},  // of no effect
    {"pad_size", ProcessorFieldKind::no_effect},
    {"return_row_col_info", ProcessorFieldKind::no_effect},
    {"video_sampling", ProcessorFieldKind::no_effect},
};
inline constexpr std::span<const ProcessorField> kIdefics3ProcessorTables[] = {kProcessorFields, kIdefics3Fields};

constexpr ProcessorValues idefics3_values() {
  ProcessorValues values;
  for (size_t i = 0; i < 3; ++i) values.image_mean[i] = values.image_std[i] = 0.5;
  values.resample = PictureFilter::lanczos;
  values.size.longest_edge = 4 * 364;
  values.max_image_size.longest_edge = 364;
  return values;
}

inline constexpr PictureProcessor kIdefics3Processors[] = {
    {"Idefics3ImageProcessor", ProcessorSteps::squares, idefics3_values(), kIdefics3ProcessorTables},
    {"SmolVLMImageProcessor", ProcessorSteps::squares, idefics3_values(), kIdefics3ProcessorTables},
};

inline constexpr ConfigTable kIdefics3Configs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kIdefics3Root},
    {ConfigScope::vision, kSiglipTower},
    {ConfigScope::vision, kSiglipImage},
    {ConfigScope::vision, kIdefics3Tower},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::text, kIdefics3Text},
};

inline constexpr std::span<const DerivedField> kIdefics3Derived[] = {kDecoderDerived, kPositionsOfPixels};

inline constexpr TensorName kIdefics3Tensors[] = {
    {Slot::projector_down, Section::projector, true, "modality_projection.proj", "mm.model.fc"},
};
inline constexpr std::span<const TensorName> kIdefics3TensorTables[] = {kDecoderTensors, kSiglipTensors, kSiglipLastNorm, kIdefics3Tensors};
inline constexpr const char* kIdefics3TextRoots[] = {"model.text_model.", "language_model."};
inline constexpr const char* kIdefics3HeadRoots[] = {"", "language_model."};
inline constexpr const char* kIdefics3VisionRoots[] = {"model.vision_model.", "vision_model."};
inline constexpr const char* kIdefics3ProjectorRoots[] = {"model.connector.", "connector."};

// The reference looks for the entry of a patch by its share of the side, in float: it is not always the patch's own.
inline constexpr Step kIdefics3Stem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::resample, Slot::position_embedding},
};
inline constexpr Step kIdefics3Projector[] = {
    {Op::norm, Slot::post_norm},
    {Op::merge},
    {Op::linear, Slot::projector_down},
};

inline constexpr PicturePiece kIdefics3Picture[] = {
    {PicturePiece::Kind::control, "<fake_token_around_image>", PieceOf::tile},
    {PicturePiece::Kind::control, "<row_{row}_col_{column}>", PieceOf::tile},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::tile},
    {PicturePiece::Kind::text, "\n", PieceOf::tile_row},
    {PicturePiece::Kind::text, "\n", PieceOf::cut},
    {PicturePiece::Kind::control, "<fake_token_around_image>", PieceOf::overview},
    {PicturePiece::Kind::control, "<global-img>", PieceOf::overview},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::overview},
    {PicturePiece::Kind::control, "<fake_token_around_image>", PieceOf::overview},
};

constexpr ModelSpec idefics3_defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 128257;
  spec.vision = siglip_defaults(12, 1152, 16, 3072, 224, 32);
  spec.vision.merge = 2;
  spec.vision.projector_bias = false;
  spec.vision.position_rule = PositionRule::buckets;
  spec.vision.position_pixels = 224;
  return spec;
}

}  // namespace mica::tables
