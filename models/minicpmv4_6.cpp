// MiniCPM-V 4.6 (openbmb/MiniCPM-V-4.6): slices of about one size behind the whole picture, a SigLIP tower for any grid
// that merges squares of rows behind one of its layers and once more at its end, a Qwen3.5 decoder. Data only.
#include "picture_processors.hpp"
#include "qwen3_5_tensors.hpp"
#include "siglip.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"minicpmv4_6"};
constexpr const char* kArchitectures[] = {"MiniCPMV4_6ForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen3_5};
constexpr const char* kTowers[] = {"minicpmv4_6_vision"};

constexpr Choice kDownsampling[] = {{"16x", 0}, {"4x", 1}};

constexpr ConfigField kRoot[] = {
    {"image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax, true},
    kVideoToken,
    {"insert_layer_id", FieldKind::i32, MICA_FIELD(vision.inner_layer), 0, kLayersMax},  // vision_config's is not read
    {"downsample_mode", FieldKind::choice, MICA_FIELD(vision.inner_left_out), 0, 0, false, kDownsampling},
    {"merge_kernel_size", FieldKind::square_u32, MICA_FIELD(vision.merge), 2, 2},  // four rows, for its matrices
    only("merger_times", kOnlyOne),
    // Of the tower the class reads what vision_config says, and how pictures are cut, the processor's file says.
    no_effect("drop_vision_last_layer"), no_effect("image_size"), no_effect("patch_size"),
};

constexpr ConfigField kTower[] = {
    {"image_size", FieldKind::u32, MICA_FIELD(vision.position_pixels), 1, 16384},  // of the table of positions alone
    {"window_kernel_size", FieldKind::square_u32, MICA_FIELD(vision.merge), 2, 2},
    no_effect("insert_layer_id"),
};

constexpr ProcessorField kSliceFields[] = {
    {"max_slice_nums", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_patches), 1, 255},
    {"scale_resolution", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(scale_resolution), 1, 16384},
    {"patch_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(patch_size), 1, 256},
    {"slice_mode", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_image_splitting)},
    {"downsample_mode", ProcessorFieldKind::times, MICA_PROCESSOR_FIELD(downsampling), 4, 16},
    {"use_image_id", ProcessorFieldKind::expected, 0, true},
    {"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size), 0, 0, true},  // of no slice
};
constexpr std::span<const ProcessorField> kProcessorTables[] = {kProcessorFields, kNoCropFields, kSliceFields};

constexpr ProcessorValues slice_values() {
  ProcessorValues values = half_colors({});
  values.columns_first = true;  // as its outputs were recorded
  values.max_patches = 9;
  values.scale_resolution = 448;
  values.patch_size = 14;
  values.downsampling = 16;
  return values;
}
constexpr PictureProcessor kProcessors[] = {
    {"MiniCPMV4_6ImageProcessor", ProcessorSteps::slices, slice_values(), kProcessorTables}};

constexpr ProcessorField kFrameFields[] = {
    {"max_num_frames", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_frames), 1, 65536, true},
    {"stack_frames", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(stack_frames), 1, 1, true},
    {"do_sample_frames", ProcessorFieldKind::no_effect},
};
constexpr std::span<const ProcessorField> kFrameTables[] = {kProcessorFields, kNoCropFields, kSliceFields, kFrameFields};
constexpr PictureProcessor kFrames = {"MiniCPMV4_6VideoProcessor", ProcessorSteps::slices, slice_values(), kFrameTables};

// Each frame as a picture is, all under one number.
constexpr PicturePiece kVideo[] = {
    {PicturePiece::Kind::control, "<image_id>"},
    {PicturePiece::Kind::text, "{index}"},
    {PicturePiece::Kind::control, "</image_id>"},
    {PicturePiece::Kind::control, "<image>", PieceOf::frame},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::overview},
    {PicturePiece::Kind::control, "</image>", PieceOf::overview},
    {PicturePiece::Kind::control, "<slice>", PieceOf::tile},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::tile},
    {PicturePiece::Kind::control, "</slice>", PieceOf::tile},
    {PicturePiece::Kind::text, "\n", PieceOf::tile_row_but_last},
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kSiglipTower},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kPositionsOfPixels, kProjectorAsJoined};

constexpr TensorName kTensors[] = {
    {Slot::attention_norm, Section::inner, true, "layer_norm1", "v.vit_merger.ln1"},
    {Slot::query, Section::inner, true, "self_attn.q_proj", "v.vit_merger.attn_q"},
    {Slot::key, Section::inner, true, "self_attn.k_proj", "v.vit_merger.attn_k"},
    {Slot::value, Section::inner, true, "self_attn.v_proj", "v.vit_merger.attn_v"},
    {Slot::output, Section::inner, true, "self_attn.out_proj", "v.vit_merger.attn_out"},
    {Slot::inner_norm, Section::vision, true, "vit_merger.pre_norm", "v.vit_merger.ds_ln"},
    {Slot::inner_up, Section::vision, true, "vit_merger.linear_1", "v.vit_merger.ds_ffn_up"},
    {Slot::inner_down, Section::vision, true, "vit_merger.linear_2", "v.vit_merger.ds_ffn_down"},
    {Slot::projector_norm, Section::projector, true, "pre_norm", "mm.input_norm"},
    {Slot::projector_up, Section::projector, true, "linear_1", "mm.up"},
    {Slot::projector_down, Section::projector, true, "linear_2", "mm.down"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kQwen35Tensors, kSiglipTensors, kSiglipLastNorm, kTensors};
constexpr const char* kUnread[] = {"model.vision_tower.vit_merger.*",  // where downsample_mode is 4x
                                   "*.nextn.*"};                       // of GGUF files: what guesses further tokens
constexpr const char* kVisionRoots[] = {"model.vision_tower."};
constexpr const char* kProjectorRoots[] = {"model.merger.mlp.0."};
constexpr const char* kInnerRoots[] = {"model.vision_tower.vit_merger."};

constexpr Step kStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::resample, Slot::position_embedding},
};
constexpr Step kInner[] = {
    {Op::join},
    {Op::norm, Slot::inner_norm},
    {Op::linear, Slot::inner_up},
    {.op = Op::activate, .activation = &VisionSpec::inner_activation},
    {Op::linear, Slot::inner_down},
    {Op::add_mean},
};
constexpr Step kProjector[] = {
    {Op::norm, Slot::post_norm},
    {Op::merge},
    {Op::norm, Slot::projector_norm},
    {Op::linear, Slot::projector_up},
    {Op::activate},
    {Op::linear, Slot::projector_down},
};

// Of a text file and its projector.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["MiniCPMV4_6ForConditionalGeneration"], "model_type": "minicpmv4_6",
  "image_token_id": $(token <|image_pad|>), "video_token_id": $(token <|video_pad|>),
  "insert_layer_id": $(sole clip.vision.wa_layer_indexes),
  "downsample_mode": "$(clip.vision.projector.scale_factor=2?4x:16x)", "text_config": $(text),
  "vision_config": {
    "model_type": "minicpmv4_6_vision", "num_hidden_layers": $(clip.vision.block_count),
    "hidden_size": $(clip.vision.embedding_length), "intermediate_size": $(rows v.blk.0.ffn_up.weight),
    "num_attention_heads": $(clip.vision.attention.head_count), "patch_size": $(clip.vision.patch_size),
    "image_size": $(side v.position_embd.weight clip.vision.patch_size),
    "layer_norm_eps": $(clip.vision.attention.layer_norm_epsilon)}})json";
constexpr const char* kGgufProcessor = R"json({
  "image_processor_type": "MiniCPMV4_6ImageProcessor", "scale_resolution": $(clip.vision.image_size),
  "patch_size": $(clip.vision.patch_size), "downsample_mode": "$(clip.vision.projector.scale_factor=2?4x:16x)",
  "image_mean": $(clip.vision.image_mean), "image_std": $(clip.vision.image_std)})json";

constexpr PicturePiece kPicture[] = {
    {PicturePiece::Kind::control, "<image_id>"},
    {PicturePiece::Kind::text, "{index}"},
    {PicturePiece::Kind::control, "</image_id>"},
    {PicturePiece::Kind::control, "<image>"},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::overview},
    {PicturePiece::Kind::control, "</image>", PieceOf::overview},
    {PicturePiece::Kind::control, "<slice>", PieceOf::tile},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::tile},
    {PicturePiece::Kind::control, "</slice>", PieceOf::tile},
    {PicturePiece::Kind::text, "\n", PieceOf::tile_row_but_last},
};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.video_token = 248057;
  spec.sampling = {.per_second = 1, .spread = FrameSpread::whole_seconds, .frames_max = 128};
  spec.picture_positions = PicturePositions::counted;
  spec.vision = siglip_defaults(12, 768, 12, 3072, 0, 16);
  spec.vision.merge = 2;
  spec.vision.inner_layer = 6;
  spec.vision.position_rule = PositionRule::buckets;
  spec.vision.position_pixels = 224;
  spec.vision.last_norm = true;
  return spec;
}

}  // namespace

extern constinit const Family minicpmv4_6 = {
    .name = "minicpmv4_6",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = kProcessors,
    .frame_processor = &kFrames,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .unread = kUnread,
    .mlx_adds_to_norms = true,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kProjectorRoots, {}, {}, kInnerRoots},
    .gguf = {.architecture = "qwen35",
             .text = kQwen35GgufText,
             .projector = "minicpmv4_6",
             .config = kGgufConfig,
             .processor = kGgufProcessor},
    .stem = kStem,
    .projector = kProjector,
    .frame = kProjector,
    .inner = kInner,
    .projector_title = "patch merger",
    .picture = kPicture,
    .video = kVideo,
};

}  // namespace mica::tables
