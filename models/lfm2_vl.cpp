// LFM2-VL (LiquidAI/LFM2-VL-1.6B): a SigLIP 2 tower for pictures of any size, of which large ones are cut into tiles
// with the whole behind them, pixel unshuffle and two matrices, an LFM2 decoder. Data only.
#include "lfm2_tensors.hpp"
#include "picture_processors.hpp"
#include "siglip.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"lfm2_vl", "lfm2-vl"};
constexpr const char* kArchitectures[] = {"Lfm2VlForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_lfm2};
constexpr const char* kTowers[] = {"siglip2_vision_model"};

constexpr Choice kLastLayer[] = {{"-1", 0}};

constexpr ConfigField kRoot[] = {
    {"image_token_id|image_token_index", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"downsample_factor", FieldKind::u32, MICA_FIELD(vision.merge), 1, 16},
    {"projector_hidden_act", FieldKind::choice, MICA_FIELD(vision.projector_activation), 0, 0, false, kActivations},
    {"projector_hidden_size", FieldKind::u32, MICA_FIELD(vision.projector_hidden), 8, kFeedForwardMax},
    {"projector_bias", FieldKind::boolean, MICA_FIELD(vision.projector_bias)},
    {"projector_use_layernorm", FieldKind::boolean, MICA_FIELD(vision.projector_normed)},
    {"tie_embedding", FieldKind::boolean, MICA_FIELD(decoder.tied_embeddings)},
    // What the processor's file says, which is read there.
    no_effect("do_image_splitting"), no_effect("encoder_patch_size"), no_effect("max_image_tokens"),
    no_effect("min_image_tokens"), no_effect("max_num_patches"), no_effect("max_pixels_tolerance"),
    no_effect("max_tiles"), no_effect("min_tiles"), no_effect("tile_size"), no_effect("use_thumbnail"),
    no_effect("use_image_special_tokens"),
    only("vision_feature_layer", kLastLayer),
};

constexpr ConfigField kTower[] = {
    no_effect("image_size"),  // pictures of any size
    {"num_patches", FieldKind::u32, MICA_FIELD(vision.position_count), 1, 1 << 16},
};

constexpr ProcessorField kLargeTileFields[] = {
    {"tile_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(tile_size), 1, 16384},
    {"min_image_tokens", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(min_image_tokens), 1, 1e6},
    {"max_image_tokens", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_image_tokens), 1, 1e6},
    {"encoder_patch_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(patch_size), 1, 256},
    {"downsample_factor", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(merge_size), 1, 16},
    {"min_tiles", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(min_patches), 1, 255},
    {"max_tiles", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_patches), 1, 255},
    {"max_pixels_tolerance", ProcessorFieldKind::number, MICA_PROCESSOR_FIELD(max_pixels_tolerance), 1e-3, 1e3},
    {"use_thumbnail", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(use_thumbnail)},
    {"do_image_splitting", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_image_splitting)},
    {"max_num_patches", ProcessorFieldKind::no_effect},  // follows from the others
    {"do_resize", ProcessorFieldKind::no_effect},        // always
    {"do_center_crop", ProcessorFieldKind::expected, 0, false},
    {"do_pad", ProcessorFieldKind::expected, 0, true},
    {"size", ProcessorFieldKind::no_effect},
    {"crop_size", ProcessorFieldKind::no_effect},
    {"pad_size", ProcessorFieldKind::no_effect},
    {"return_row_col_info", ProcessorFieldKind::no_effect},
};
constexpr std::span<const ProcessorField> kProcessorTables[] = {kProcessorFields, kLargeTileFields};

constexpr ProcessorValues large_tile_values() {
  ProcessorValues values;
  for (size_t i = 0; i < 3; ++i) values.image_mean[i] = values.image_std[i] = 0.5;
  values.resample = PictureFilter::bilinear;
  values.tile_size = 512;
  values.min_image_tokens = 64;
  values.max_image_tokens = 256;
  values.patch_size = 16;
  values.merge_size = 2;
  values.min_patches = 2;
  values.max_patches = 10;
  values.max_pixels_tolerance = 2;
  return values;
}

constexpr PictureProcessor kProcessors[] = {
    {"Lfm2VlImageProcessor", ProcessorSteps::large_tiles, large_tile_values(), kProcessorTables}};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kSiglipTower},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived};

constexpr TensorName kProjectorTensors[] = {
    {Slot::projector_norm, Section::projector, true, "layer_norm", "mm.input_norm"},
    {Slot::projector_up, Section::projector, true, "linear_1", "mm.1"},
    {Slot::projector_down, Section::projector, true, "linear_2", "mm.2"},
};
// A matrix over pixels, which GGUF files have as a convolution.
constexpr TensorName kPatches[] = {
    {Slot::patch_embedding, Section::vision, true, "embeddings.patch_embedding", "%v.patch_embd"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kLfm2Tensors, kSiglipTensors, kSiglipLastNorm, kPatches,
                                                         kProjectorTensors};
constexpr const char* kVisionRoots[] = {"model.vision_tower.vision_model.", "model.vision_tower.",
                                        "vision_tower.vision_model.", "vision_tower."};
constexpr const char* kProjectorRoots[] = {"model.multi_modal_projector.", "multi_modal_projector."};

constexpr Step kStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::resample, Slot::position_embedding},
};
constexpr Step kProjector[] = {
    {Op::norm, Slot::post_norm},
    {Op::merge},
    {Op::norm, Slot::projector_norm, &VisionSpec::projector_normed},
    {Op::linear, Slot::projector_up},
    {Op::activate},
    {Op::linear, Slot::projector_down},
};

// Of a text file and its projector, which says nothing of the limits of pictures: those of the class.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["Lfm2VlForConditionalGeneration"], "model_type": "lfm2_vl", "image_token_id": $(token <image>),
  "downsample_factor": $(clip.vision.projector.scale_factor|2), "projector_hidden_size": $(rows mm.1.weight),
  "projector_bias": $(mm.1.bias?true:false), "projector_use_layernorm": $(mm.input_norm.weight?true:false),
  "text_config": $(text),
  "vision_config": {
    "model_type": "siglip2_vision_model", "num_hidden_layers": $(clip.vision.block_count),
    "hidden_size": $(clip.vision.embedding_length), "intermediate_size": $(rows v.blk.0.ffn_up.weight),
    "num_attention_heads": $(clip.vision.attention.head_count), "num_patches": $(rows v.position_embd.weight),
    "patch_size": $(clip.vision.patch_size), "layer_norm_eps": $(clip.vision.attention.layer_norm_epsilon)}})json";
constexpr const char* kGgufProcessor = R"json({
  "image_processor_type": "Lfm2VlImageProcessor", "encoder_patch_size": $(clip.vision.patch_size),
  "downsample_factor": $(clip.vision.projector.scale_factor|2), "image_mean": $(clip.vision.image_mean),
  "image_std": $(clip.vision.image_std)})json";

constexpr PicturePiece kPicture[] = {
    {PicturePiece::Kind::control, "<|image_start|>"},
    {PicturePiece::Kind::control, "<|img_row_{row}_col_{column}|>", PieceOf::tile},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::tile},
    {PicturePiece::Kind::control, "<|img_thumbnail|>", PieceOf::thumbnail},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::overview},
    {PicturePiece::Kind::control, "<|image_end|>"},
};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 396;
  spec.vision = siglip_defaults(12, 768, 12, 3072, 0, 16);  // pictures of any size
  spec.vision.merge = 2;
  spec.vision.position_rule = PositionRule::bilinear_antialiased;
  spec.vision.position_count = 256;
  spec.vision.projector_hidden = 2560;
  spec.vision.projector_norm_epsilon = 1e-5f;  // PyTorch's default
  return spec;
}

}  // namespace

extern constinit const Family lfm2_vl = {
    .name = "lfm2_vl",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kProjectorRoots},
    .gguf = {.architecture = "lfm2",
             .text = kLfm2GgufText,
             .projector = "lfm2",
             .config = kGgufConfig,
             .processor = kGgufProcessor},
    .stem = kStem,
    .projector = kProjector,
    .projector_title = "pixel unshuffle, two matrices",
    .picture = kPicture,
};

}  // namespace mica::tables
