// Qwen-VL (Qwen/Qwen-VL-Chat, with its own code): pictures of one size, a CLIP tower, 256 queries that look at its
// rows, and the first Qwen, whose RoPE and queries know how long the prompt is. Data only.
#include "picture_processors.hpp"
#include "resampler_steps.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"qwen"};
constexpr const char* kArchitectures[] = {"QWenLMHeadModel"};
constexpr const ChatFormat* kChats[] = {&qwen_vl_turns};

constexpr Choice kDynamic[] = {{"true", static_cast<uint8_t>(RopeScaling::dynamic_by_prompt)},
                               {"false", static_cast<uint8_t>(RopeScaling::none)}};

constexpr ConfigField kText[] = {
    {"intermediate_size", FieldKind::half_u32, MICA_FIELD(decoder.feed_forward), 8, kFeedForwardMax},  // of both halves
    {"kv_channels", FieldKind::u32, MICA_FIELD(decoder.head_dim), 2, kHeadDimMax},
    {"layer_norm_epsilon", FieldKind::f32, MICA_FIELD(decoder.norm_epsilon), 0, 0.1},
    {"rotary_emb_base", FieldKind::f32, MICA_FIELD(decoder.rope.theta), 1, 1e12},
    {"seq_length", FieldKind::u32, MICA_FIELD(decoder.rope.original_context), 2, kContextMax},
    {"use_dynamic_ntk", FieldKind::choice, MICA_FIELD(decoder.rope.scaling), 0, 0, false, kDynamic},
    {"use_logn_attn", FieldKind::boolean, MICA_FIELD(decoder.rope.logn)},
    only("no_bias|scale_attn_weights", kOnlyTrue),
    only("use_cache_quantization", kOnlyFalse),
    no_effect("bf16"), no_effect("fp16"), no_effect("fp32"), no_effect("softmax_in_fp32"),
    no_effect("use_flash_attn"), no_effect("use_cache_kernel"), no_effect("onnx_safe"), no_effect("tokenizer_type"),
    no_effect("attn_dropout_prob"), no_effect("emb_dropout_prob"),
};
constexpr ConfigTable kTextConfigs[] = {{ConfigScope::text, kText}};

constexpr TensorName kDecoderNames[] = {
    {Slot::embedding, Section::decoder, true, "wte"},
    {Slot::final_norm, Section::decoder, true, "ln_f"},
    {Slot::attention_norm, Section::decoder, true, "h.{}.ln_1"},
    {Slot::query, Section::decoder, true, "h.{}.attn.c_attn", nullptr, Stored::query_of_blocks},
    {Slot::key, Section::decoder, true, "h.{}.attn.c_attn", nullptr, Stored::key_of_blocks},
    {Slot::value, Section::decoder, true, "h.{}.attn.c_attn", nullptr, Stored::value_of_blocks},
    {Slot::output, Section::decoder, true, "h.{}.attn.c_proj"},
    {Slot::mlp_norm, Section::decoder, true, "h.{}.ln_2"},
    {Slot::up, Section::decoder, true, "h.{}.mlp.w1"},
    {Slot::gate, Section::decoder, true, "h.{}.mlp.w2"},
    {Slot::down, Section::decoder, true, "h.{}.mlp.c_proj"},
    {Slot::lm_head, Section::head, true, "lm_head"},
};

// The defaults of QWenConfig.
constexpr DecoderSpec decoder_defaults() {
  DecoderSpec spec;
  spec.layers = 32;
  spec.hidden = 4096;
  spec.heads = 32;
  spec.head_dim = 128;
  spec.feed_forward = 11008;
  spec.vocabulary = 151936;
  spec.context = 8192;
  spec.qkv_bias = true;
  spec.rope.logn = true;
  spec.rope.original_context = 2048;
  spec.rope.scaling = RopeScaling::dynamic_by_prompt;
  return spec;
}
constexpr DecoderKind kDecoder = {"qwen", decoder_defaults, kTextConfigs, 151643, kDecoderNames};
constexpr const DecoderKind* kDecoders[] = {&kDecoder};

constexpr ConfigField kTower[] = {
    {"width", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax, true},
    {"layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax, true},
    {"heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax, true},
    {"mlp_ratio", FieldKind::f64, MICA_FIELD(vision.feed_forward_share), 0.01, 64, true},
    {"image_size", FieldKind::u32, MICA_FIELD(vision.image_height), 1, 16384, true},
    {"image_size", FieldKind::u32, MICA_FIELD(vision.image_width), 1, 16384, true},
    {"patch_size", FieldKind::u32, MICA_FIELD(vision.patch), 1, 256, true},
    {"output_dim", FieldKind::u32, MICA_FIELD(vision.output), 8, kHiddenMax, true},
    {"image_start_id", FieldKind::i32, MICA_FIELD(picture_frame.begin), 0, kVocabularyMax - 3, true},
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr TensorName kTensors[] = {
    {Slot::patch_embedding, Section::vision, true, "conv1"},
    {Slot::position_embedding, Section::vision, true, "positional_embedding"},
    {Slot::pre_norm, Section::vision, true, "ln_pre"},
    {Slot::attention_norm, Section::vision, true, "transformer.resblocks.{}.ln_1"},
    {Slot::query, Section::vision, true, "transformer.resblocks.{}.attn.in_proj", nullptr, Stored::query_of_groups},
    {Slot::key, Section::vision, true, "transformer.resblocks.{}.attn.in_proj", nullptr, Stored::key_of_groups},
    {Slot::value, Section::vision, true, "transformer.resblocks.{}.attn.in_proj", nullptr, Stored::value_of_groups},
    {Slot::output, Section::vision, true, "transformer.resblocks.{}.attn.out_proj"},
    {Slot::mlp_norm, Section::vision, true, "transformer.resblocks.{}.ln_2"},
    {Slot::up, Section::vision, true, "transformer.resblocks.{}.mlp.c_fc"},
    {Slot::down, Section::vision, true, "transformer.resblocks.{}.mlp.c_proj"},
    {Slot::resampler_in, Section::projector, true, "attn_pool.kv_proj"},
    {Slot::resampler_norm, Section::projector, true, "attn_pool.ln_kv"},
    {Slot::resampler_query_norm, Section::projector, true, "attn_pool.ln_q"},
    {Slot::resampler_queries, Section::projector, true, "attn_pool.query"},
    {Slot::resampler_positions, Section::projector, true, "attn_pool.pos_embed"},
    {Slot::resampler_query, Section::projector, true, "attn_pool.attn.in_proj_", nullptr, Stored::query_of_blocks},
    {Slot::resampler_key, Section::projector, true, "attn_pool.attn.in_proj_", nullptr, Stored::key_of_blocks},
    {Slot::resampler_value, Section::projector, true, "attn_pool.attn.in_proj_", nullptr, Stored::value_of_blocks},
    {Slot::resampler_output, Section::projector, true, "attn_pool.attn.out_proj"},
    {Slot::resampler_post_norm, Section::projector, true, "ln_post"},
    {Slot::resampler_out, Section::projector, true, "proj", nullptr, Stored::transposed},
};
constexpr std::span<const TensorName> kTensorTables[] = {kTensors};
constexpr const char* kTextRoots[] = {"transformer."};
constexpr const char* kOwnHeadRoots[] = {""};
constexpr const char* kVisionRoots[] = {"transformer.visual."};

constexpr Step kStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::resample, Slot::position_embedding},
    {Op::norm, Slot::pre_norm},
};

constexpr Step kProjector[] = {
    kResamplerIn, kResamplerNorm, kResamplerAttend, kResamplerPostNorm, kResamplerOut,
};

constexpr std::span<const ProcessorField> kProcessorTables[] = {kProcessorFields};
constexpr PictureProcessor kProcessors[] = {{"CLIPImageProcessor", ProcessorSteps::fixed, clip_values(),
                                             kProcessorTables}};

constexpr PicturePiece kPicture[] = {
    {PicturePiece::Kind::text, "Picture {number}: "}, {PicturePiece::Kind::control, "<img>"},
    {PicturePiece::Kind::tokens},                     {PicturePiece::Kind::control, "</img>"},
    {PicturePiece::Kind::text, "\n"},
};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.chat = 1;
  spec.vision.position_rule = PositionRule::bicubic_centers;
  spec.vision.position_count = 256;  // as its code has it, as the number of queries
  spec.vision.queries = 256;
  spec.vision.query_head = 128;
  return spec;
}

}  // namespace

extern constinit const Family qwen_vl = {
    .name = "qwen_vl",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .told_by = "visual",
    .vision_name = "visual",
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = kProcessors,
    .derived = kDecoderDerivedOnly,
    .tensors = kTensorTables,
    .roots = {kTextRoots, kOwnHeadRoots, kVisionRoots, kVisionRoots},
    .stem = kStem,
    .projector = kProjector,
    .projector_title = "queries that look at patches",
    .picture = kPicture,
    .chats = kChats,
};

}  // namespace mica::tables
