// Gemma 4 (google/gemma-4-e2b-it, google/gemma-4-31b-it): a tower for pictures of any shape whose positions are those
// of columns and rows, the mean of squares of patches, one matrix. Data only.
#include "gemma4.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"gemma4"};
constexpr const char* kArchitectures[] = {"Gemma4ForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_gemma4};
constexpr const char* kTowers[] = {"gemma4_vision"};

constexpr ConfigField kTower[] = {
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"num_key_value_heads", FieldKind::u32, MICA_FIELD(vision.kv_heads), 1, kHeadsMax},
    {"head_dim", FieldKind::u32, MICA_FIELD(vision.head_size), 1, kHeadDimMax},
    {"hidden_activation", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    {"rms_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"rms_norm_eps", FieldKind::f32, MICA_FIELD(vision.head_norm_epsilon), 0, 0.1},
    {"rms_norm_eps", FieldKind::f32, MICA_FIELD(vision.projector_norm_epsilon), 0, 0.1},
    {"patch_size", FieldKind::u32, MICA_FIELD(vision.patch), 1, limits::kPatchSideMax},
    {"pooling_kernel_size", FieldKind::u32, MICA_FIELD(vision.merge), 1, limits::kPatchMergeMax},
    {"pooling_kernel_size", FieldKind::u32, MICA_FIELD(vision.pool_side), 1, limits::kPatchMergeMax},
    {"position_embedding_size", FieldKind::u32, MICA_FIELD(vision.position_count), 1, kPositionsMax},
    {"use_clipped_linears", FieldKind::boolean, MICA_FIELD(vision.bounds_rows)},
    {"standardize", FieldKind::boolean, MICA_FIELD(vision.standardizes)},
    no_effect("attention_bias|max_position_embeddings"),  // which the class does not read
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kGemma4Root},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::vision_rope, kTowerRope},
};

constexpr PictureProcessor kProcessors[] = {
    {"Gemma4ImageProcessor", ProcessorSteps::budget, gemma4_values(), kGemma4ProcessorTables}};
constexpr PictureProcessor kFrames = {"Gemma4VideoProcessor", ProcessorSteps::budget, gemma4_frame_values(),
                                      kGemma4FrameTables};

// A matrix of the tower, which is one of a module's parts; the others are bounds.
constexpr TensorName bounded(Slot slot, const char* pattern, const char* gguf, const char* module) {
  return {slot, Section::vision, true, pattern, gguf, Stored::as_it_is, 0, module};
}
constexpr TensorName kTowerTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "patch_embedder.input_proj", "%v.patch_embd"},
    {Slot::position_embedding, Section::vision, true, "patch_embedder.position_embedding_table",
     "v.position_embd.weight"},
    {Slot::attention_norm, Section::vision, true, "encoder.layers.{}.input_layernorm", "v.blk.{}.ln1"},
    bounded(Slot::query, "encoder.layers.{}.self_attn.q_proj.linear", "v.blk.{}.attn_q",
            "encoder.layers.{}.self_attn.q_proj"),
    bounded(Slot::key, "encoder.layers.{}.self_attn.k_proj.linear", "v.blk.{}.attn_k",
            "encoder.layers.{}.self_attn.k_proj"),
    bounded(Slot::value, "encoder.layers.{}.self_attn.v_proj.linear", "v.blk.{}.attn_v",
            "encoder.layers.{}.self_attn.v_proj"),
    bounded(Slot::output, "encoder.layers.{}.self_attn.o_proj.linear", "v.blk.{}.attn_out",
            "encoder.layers.{}.self_attn.o_proj"),
    {Slot::query_norm, Section::vision, true, "encoder.layers.{}.self_attn.q_norm", "v.blk.{}.attn_q_norm"},
    {Slot::key_norm, Section::vision, true, "encoder.layers.{}.self_attn.k_norm", "v.blk.{}.attn_k_norm"},
    {Slot::attention_post_norm, Section::vision, true, "encoder.layers.{}.post_attention_layernorm",
     "v.blk.{}.attn_post_norm"},
    {Slot::mlp_norm, Section::vision, true, "encoder.layers.{}.pre_feedforward_layernorm", "v.blk.{}.ln2"},
    bounded(Slot::gate, "encoder.layers.{}.mlp.gate_proj.linear", "v.blk.{}.ffn_gate",
            "encoder.layers.{}.mlp.gate_proj"),
    bounded(Slot::up, "encoder.layers.{}.mlp.up_proj.linear", "v.blk.{}.ffn_up",
            "encoder.layers.{}.mlp.up_proj"),
    bounded(Slot::down, "encoder.layers.{}.mlp.down_proj.linear", "v.blk.{}.ffn_down",
            "encoder.layers.{}.mlp.down_proj"),
    {Slot::mlp_post_norm, Section::vision, true, "encoder.layers.{}.post_feedforward_layernorm",
     "v.blk.{}.ffn_post_norm"},
    {Slot::feature_mean, Section::vision, true, "std_bias", "v.std_bias"},
    {Slot::feature_scale, Section::vision, true, "std_scale", "v.std_scale"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kGemma4Tensors, kTowerTensors, kGemma4Projector};
constexpr const char* kVisionRoots[] = {"model.vision_tower.", "vision_tower."};

constexpr Step kStem[] = {
    {Op::spread},
    {Op::linear, Slot::patch_embedding},
    {Op::add_axes, Slot::position_embedding},
};
constexpr Step kProjector[] = {
    {Op::pool},
    {Op::divide},
    {Op::standardize, Slot::feature_mean, &VisionSpec::standardizes, Slot::feature_scale},
    {Op::norm, Slot::projector_norm},
    {Op::linear, Slot::projector_down},
};

constexpr const char* kGgufConfig = MICA_GEMMA4_GGUF("Gemma4ForConditionalGeneration", "gemma4")
    R"json("vision_config": {
    "num_hidden_layers": $(clip.vision.block_count), "hidden_size": $(clip.vision.embedding_length),
    "intermediate_size": $(rows v.blk.0.ffn_up.weight), "num_attention_heads": $(clip.vision.attention.head_count),
    "num_key_value_heads": $(clip.vision.attention.head_count),
    "head_dim": $(over clip.vision.embedding_length clip.vision.attention.head_count),
    "patch_size": $(clip.vision.patch_size), "pooling_kernel_size": $(clip.vision.projector.scale_factor|3),
    "position_embedding_size": $(columns v.position_embd.weight),
    "rms_norm_eps": $(clip.vision.attention.layer_norm_epsilon),
    "use_clipped_linears": $(v.blk.0.attn_q.input_min?true:false), "standardize": $(v.std_bias?true:false)}})json";

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 258880;
  spec.video_token = 258884;
  spec.sampling = kGemma4Sampling;
  VisionSpec& v = spec.vision;
  v.layers = 16;
  v.hidden = 768;
  v.heads = 12;
  v.feed_forward = 3072;
  v.patch = 16;
  v.merge = v.pool_side = 3;
  v.position_count = 10240;
  v.norm = v.projector_norm = Norm::rms;
  v.activation = Activation::gelu_tanh;
  v.qkv_bias = v.projector_bias = false;
  v.head_norms = v.value_norms = true;
  v.attention_scale = 1;
  v.rope_2d = v.rope_apart = true;
  v.rope_theta = 100;
  v.projector_norm_epsilon = 1e-6f;
  v.multiplies_by_root = true;
  return spec;
}

}  // namespace

extern constinit const Family gemma4 = {
    .name = "gemma4",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .frame_processor = &kFrames,
    .derived = kDecoderDerivedOnly,
    .tensors = kTensorTables,
    .unread = kGemma4Unread,
    .roots = {kDecoderRoots, kHeadRoots, kVisionRoots, kGemma4ProjectorRoots},
    .gguf = {.architecture = "gemma4",
             .text = kGemma4GgufText,
             .projector = "gemma4v",
             .config = kGgufConfig,
             .processor = kGemma4GgufProcessor},
    .stem = kStem,
    .projector = kProjector,
    .frame = kProjector,
    .projector_title = "mean of squares, one matrix",
    .picture = kGemma4Picture,
    .video = kGemma4Video,
    .video_in_template = kGemma4VideoInTemplate,
};

}  // namespace mica::tables
