// InternVL 2.5, 3 and 3.5 in transformers' layout (OpenGVLab/InternVL3-1B-hf): tiles and a thumbnail, an InternViT tower,
// pixel shuffle, a Qwen2 or Qwen3 decoder. Data only.
#include "intern_vit.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"internvl"};
constexpr const char* kArchitectures[] = {"InternVLForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen2, &kind_qwen3, &kind_llama, &kind_mistral};
constexpr const char* kTowers[] = {"internvl_vision"};

constexpr Choice kLastNorm[] = {{"true", 0}, {"false", 1}};  // pooled features are not normed

constexpr ConfigField kRoot[] = {
    {"image_token_id|image_token_index", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"image_token_id|image_token_index", FieldKind::i32, MICA_FIELD(video_token), 0, kVocabularyMax},  // of frames, too
    {"downsample_ratio", FieldKind::inverse_u32, MICA_FIELD(vision.merge), 1, 16},
    {"vision_feature_layer", FieldKind::sole_i32, MICA_FIELD(vision.feature_layer), -kLayersMax, kLayersMax},
    {"vision_feature_select_strategy", FieldKind::choice, MICA_FIELD(vision.keep_class_token), 0, 0, false,
     kSelectStrategies},
    {"projector_hidden_act", FieldKind::choice, MICA_FIELD(vision.projector_activation), 0, 0, false, kActivations},
};

constexpr ConfigField kTower[] = {
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"image_size", FieldKind::first_u32, MICA_FIELD(vision.image_height), 1, 16384},
    {"image_size", FieldKind::second_u32, MICA_FIELD(vision.image_width), 1, 16384},
    {"patch_size", FieldKind::square_u32, MICA_FIELD(vision.patch), 1, 256},
    {"layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"norm_type", FieldKind::choice, MICA_FIELD(vision.norm), 0, 0, false, kInternNorms},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    {"attention_bias", FieldKind::boolean, MICA_FIELD(vision.qkv_bias)},
    {"use_mean_pooling", FieldKind::choice, MICA_FIELD(vision.last_norm), 0, 0, false, kLastNorm},
    {"use_qk_norm", FieldKind::boolean, MICA_FIELD(vision.width_norms)},
    only("use_absolute_position_embeddings", kOnlyTrue),
    only("num_channels", kOnlyThree),
    no_effect("tie_word_embeddings"), no_effect("eos_token_id"),
};

constexpr ProcessorField kTileFields[] = {
    {"crop_to_patches", ProcessorFieldKind::no_effect},  // InternVLProcessor always asks for it, whatever the file says
    {"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size)},
    {"min_patches", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(min_patches), 1, 256},
    {"max_patches", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_patches), 1, 256},
};
constexpr std::span<const ProcessorField> kProcessorTables[] = {kProcessorFields, kNoCropFields, kTileFields};

constexpr ProcessorValues tile_values(ProcessorValues values) {
  values.default_to_square = true;
  values.size.height = values.size.width = 384;
  values.max_patches = 12;
  return values;
}

constexpr PictureProcessor kProcessors[] = {
    {"GotOcr2ImageProcessor", ProcessorSteps::tiles, tile_values(clip_values()), kProcessorTables}};
// OpenGVLab/InternVL3-1B-hf: ImageNet's colours.
constexpr PictureProcessor kPublished = {
    "GotOcr2ImageProcessor", ProcessorSteps::tiles, tile_values(imagenet_values()), kProcessorTables};

constexpr ProcessorField kShiftFields[] = {
    {"initial_shift", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(initial_shift)},
};
constexpr std::span<const ProcessorField> kFrameFields[] = {kProcessorFields, kCropFields, kVideoFields, kShiftFields};

constexpr PictureProcessor kFrames = {"InternVLVideoProcessor", ProcessorSteps::resize_crop, tile_values(clip_values()),
                                      kFrameFields};
constexpr PicturePiece kVideo[] = {
    {PicturePiece::Kind::text, "Frame{frame}: ", PieceOf::video},
    {PicturePiece::Kind::text, "\nFrame{frame}: ", PieceOf::frame_but_first},
    {PicturePiece::Kind::control, "<img>", PieceOf::frame},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::frame},
    {PicturePiece::Kind::control, "</img>", PieceOf::frame},
    {PicturePiece::Kind::text, "\n"},
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(decoder.hidden)},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived};

constexpr TensorName kTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "embeddings.patch_embeddings.projection", "v.patch_embd"},
    {Slot::class_token, Section::vision, true, "embeddings.cls_token", "v.class_embd"},
    {Slot::position_embedding, Section::vision, true, "embeddings.position_embeddings", "v.position_embd"},
    {Slot::attention_norm, Section::vision, true, "encoder.layer.{}.layernorm_before", "v.blk.{}.ln1"},
    {Slot::query, Section::vision, true, "encoder.layer.{}.attention.q_proj", "v.blk.{}.attn_q"},
    {Slot::key, Section::vision, true, "encoder.layer.{}.attention.k_proj", "v.blk.{}.attn_k"},
    {Slot::value, Section::vision, true, "encoder.layer.{}.attention.v_proj", "v.blk.{}.attn_v"},
    {Slot::query_norm, Section::vision, false, "encoder.layer.{}.attention.q_norm", "v.blk.{}.attn_q_norm"},
    {Slot::key_norm, Section::vision, false, "encoder.layer.{}.attention.k_norm", "v.blk.{}.attn_k_norm"},
    {Slot::output, Section::vision, true, "encoder.layer.{}.attention.projection_layer", "v.blk.{}.attn_out"},
    {Slot::attention_scale, Section::vision, true, "encoder.layer.{}.lambda_1", "v.blk.{}.ls1"},
    {Slot::mlp_norm, Section::vision, true, "encoder.layer.{}.layernorm_after", "v.blk.{}.ln2"},
    {Slot::up, Section::vision, true, "encoder.layer.{}.mlp.fc1", "v.blk.{}.ffn_up"},
    {Slot::down, Section::vision, true, "encoder.layer.{}.mlp.fc2", "v.blk.{}.ffn_down"},
    {Slot::mlp_scale, Section::vision, true, "encoder.layer.{}.lambda_2", "v.blk.{}.ls2"},
    {Slot::post_norm, Section::vision, true, "layernorm"},
    {Slot::projector_norm, Section::projector, true, "layer_norm", "mm.model.mlp.0"},
    {Slot::projector_up, Section::projector, true, "linear_1", "mm.model.mlp.1"},
    {Slot::projector_down, Section::projector, true, "linear_2", "mm.model.mlp.3"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kTensors};
constexpr const char* kVisionRoots[] = {"vision_tower.", "model.vision_tower.", "vision_tower.vision_model."};
constexpr const char* kProjectorRoots[] = {"multi_modal_projector.", "model.multi_modal_projector."};

// Of a text file and its projector.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["InternVLForConditionalGeneration"], "model_type": "internvl",
  "image_token_id": $(token <IMG_CONTEXT>), "projector_hidden_act": "gelu",
  "downsample_ratio": $(inverse clip.vision.projector.scale_factor|2),
  "vision_feature_layer": -1, "vision_feature_select_strategy": "default",
  "text_config": $(text),
  "vision_config": {
    "model_type": "internvl_vision", "hidden_size": $(clip.vision.embedding_length),
    "intermediate_size": $(clip.vision.feed_forward_length), "num_hidden_layers": $(clip.vision.block_count),
    "num_attention_heads": $(clip.vision.attention.head_count), "image_size": $(clip.vision.image_size),
    "patch_size": $(clip.vision.patch_size), "layer_norm_eps": $(clip.vision.attention.layer_norm_epsilon),
    "norm_type": "$(v.blk.0.ln1.bias?layer_norm:rms_norm)", "attention_bias": $(v.blk.0.attn_q.bias?true:false),
    "use_qk_norm": $(v.blk.0.attn_q_norm.weight?true:false), "use_mean_pooling": true, "hidden_act": "gelu"}})json";
constexpr const char* kGgufProcessor = R"json({
  "image_processor_type": "GotOcr2ImageProcessor", "crop_to_patches": true,
  "size": {"height": $(clip.vision.image_size), "width": $(clip.vision.image_size)},
  "min_patches": $(clip.vision.preproc_min_tiles|1), "max_patches": $(clip.vision.preproc_max_tiles|12),
  "image_mean": $(clip.vision.image_mean), "image_std": $(clip.vision.image_std)})json";

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = spec.video_token = 151667;
  spec.sampling = {.frames = 8, .spread = FrameSpread::middles};  // as its makers show it videos
  spec.vision.layers = 24;
  spec.vision.hidden = 1024;
  spec.vision.heads = 16;
  spec.vision.feed_forward = 4096;
  spec.vision.image_width = spec.vision.image_height = 448;
  spec.vision.patch = 14;
  spec.vision.merge = 2;
  spec.vision.qkv_bias = false;
  spec.vision.layer_norm_last = true;
  spec.vision.projector_norm_epsilon = 1e-5f;  // PyTorch's default
  return spec;
}

}  // namespace

extern constinit const Family internvl = {
    .name = "internvl",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kPublished,
    .frame_processor = &kFrames,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kProjectorRoots},
    .gguf = {.projector = "internvl", .config = kGgufConfig, .processor = kGgufProcessor},
    .stem = kInternStem,
    .projector = kInternProjector,
    .frame = kInternProjector,
    .projector_title = "pixel shuffle, two matrices",
    .picture = kInternPicture,
    .video = kVideo,
    .video_in_template = "<video>",
};

}  // namespace mica::tables
