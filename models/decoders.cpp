// Decoders of the Llama kind, by the class of transformers that config.json names: its defaults, the fields that all
// have and those of its own. Data only.
#include "decoder_fields.hpp"
#include "phi3_tensors.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr Choice kRopeScalingsMultimodal[] = {
    {"default", static_cast<uint8_t>(RopeScaling::none)},
    {"mrope", static_cast<uint8_t>(RopeScaling::none)},  // what M-RoPE adds is in its sections
    {"linear", static_cast<uint8_t>(RopeScaling::linear)},
    {"dynamic", static_cast<uint8_t>(RopeScaling::dynamic)},
    {"yarn", static_cast<uint8_t>(RopeScaling::yarn)},
    {"llama3", static_cast<uint8_t>(RopeScaling::llama3)},
};

constexpr ConfigField kShape[] = {
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(decoder.layers), 1, kLayersMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(decoder.hidden), 8, kHiddenMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(decoder.feed_forward), 8, kFeedForwardMax},
    {"num_attention_heads", FieldKind::u32, MICA_FIELD(decoder.heads), 1, kHeadsMax},
    {"num_key_value_heads", FieldKind::null_u32, MICA_FIELD(decoder.kv_heads), 1, kHeadsMax},
    {"head_dim", FieldKind::null_u32, MICA_FIELD(decoder.head_dim), 2, kHeadDimMax},
    {"vocab_size", FieldKind::u32, MICA_FIELD(decoder.vocabulary), 1, kVocabularyMax},
    {"max_position_embeddings", FieldKind::u32, MICA_FIELD(decoder.context), 1, kContextMax},
    {"rms_norm_eps", FieldKind::f32, MICA_FIELD(decoder.norm_epsilon), 0, 0.1},
    {"hidden_act", FieldKind::choice, MICA_FIELD(decoder.activation), 0, 0, false, kActivations},
    {"tie_word_embeddings", FieldKind::boolean, MICA_FIELD(decoder.tied_embeddings)},
    {"rope_theta", FieldKind::f32, MICA_FIELD(decoder.rope.theta), 1, 1e12},
    // Of GGUF files (gguf_import.hpp); Hugging Face has no words for them.
    {"mica_rope_interleaved", FieldKind::boolean, MICA_FIELD(decoder.rope.interleaved)},
    {"mica_norms_whole", FieldKind::boolean, MICA_FIELD(decoder.norms_whole)},
    {"mica_rope_divisors", FieldKind::f32_list, MICA_FIELD(decoder.rope.divisors), 1e-6, 1e9},
};

// A scope's own word wins over that of rope_scaling, as transformers has it for Phi 3.
constexpr ConfigField kRopeLate[] = {
    {"original_max_position_embeddings", FieldKind::u32, MICA_FIELD(decoder.rope.original_context), 1, kContextMax},
};

// What decoders of other classes have. A checkpoint that asks for it under one of our names is not ours.
constexpr ConfigField kForeign[] = {
    {"partial_rotary_factor", FieldKind::f32, MICA_FIELD(decoder.rope.rotated_share), 1e-3, 1},
    {"embedding_multiplier", FieldKind::f32, MICA_FIELD(decoder.multipliers.embedding), 1e-6, 1e6},
    {"residual_multiplier", FieldKind::f32, MICA_FIELD(decoder.multipliers.residual), 1e-6, 1e6},
    {"attention_multiplier", FieldKind::f32, MICA_FIELD(decoder.multipliers.attention), 1e-6, 1e6},
    {"logits_scaling", FieldKind::f32, MICA_FIELD(decoder.multipliers.logits_divisor), 1e-6, 1e6},
    only("rotary_pct|scale_emb|scale_depth|logit_scale", kOnlyOne),
    only("use_qk_norm|qk_norm|qk_layernorm|use_parallel_residual|parallel_attn|alibi|use_alibi|use_mrope|"
         "use_bidirectional_attention|is_encoder_decoder|add_cross_attention|rope_interleave|rope_interleaved",
         kOnlyFalse),
    only("is_causal", kOnlyTrue),
    refused("query_pre_attn_scalar|dim_model_base|attn_logit_softcapping|final_logit_softcapping|"
            "clip_qkv|attn_temperature_tuning"),
    refused("rope_local_base_freq|sliding_window_pattern|attention_chunk_size|no_rope_layers|no_rope_layer_interval|"
            "attention_types|cross_attention_layers|pruned_heads"),
    refused("num_experts|num_local_experts|n_routed_experts|moe_intermediate_size|num_experts_per_tok|q_lora_rank|"
            "kv_lora_rank|qk_rope_head_dim"),
};

constexpr ConfigTable kCommon[] = {
    {ConfigScope::text, kShape},
    {ConfigScope::text_rope, kRope},
    {ConfigScope::text, kRopeLate},
    {ConfigScope::text, kForeign},
};

// ---- fields of the classes ------------------------------------------------------------------------------------------

constexpr ConfigField kRopeTypeMultimodal[] = {
    {"rope_type|type", FieldKind::choice, MICA_FIELD(decoder.rope.scaling), 0, 0, false, kRopeScalingsMultimodal},
    {"mrope_section", FieldKind::u32x3, MICA_FIELD(decoder.rope.sections), 0, kHeadDimMax},
    refused("mrope_interleaved"),
};

// Of decoders that always interleave them.
constexpr ConfigField kRopeTypeInterleaved[] = {
    {"rope_type|type", FieldKind::choice, MICA_FIELD(decoder.rope.scaling), 0, 0, false, kRopeScalingsMultimodal},
    {"mrope_section", FieldKind::u32x3, MICA_FIELD(decoder.rope.sections), 0, kHeadDimMax},
    no_effect("mrope_interleaved"),
};

constexpr ConfigField kWindows[] = {
    {"use_sliding_window", FieldKind::boolean, MICA_FIELD(decoder.use_window)},
    {"sliding_window", FieldKind::null_u32, MICA_FIELD(decoder.window), 1, 4294967295.0},
    {"max_window_layers", FieldKind::u32, MICA_FIELD(decoder.window_first), 0, 4294967295.0},
    {"layer_types", FieldKind::layer_types, MICA_FIELD(decoder.layer_types), 0, 0, false, kLayerTypes},
};
// Mistral: all layers, unless sliding_window is null.
constexpr ConfigField kWindowAlways[] = {
    {"sliding_window", FieldKind::null_u32, MICA_FIELD(decoder.window), 1, 4294967295.0},
    only("use_sliding_window", kOnlyTrue), refused("max_window_layers"), refused("layer_types"),
};
// Classes that know no windows, whatever the file says.
constexpr ConfigField kNoWindows[] = {
    no_effect("use_sliding_window|sliding_window|max_window_layers|layer_types"),
};

constexpr ConfigField kMlpBias[] = {{"mlp_bias", FieldKind::boolean, MICA_FIELD(decoder.mlp_bias)}};
constexpr ConfigField kNoBiases[] = {only("attention_bias", kOnlyFalse), only("mlp_bias", kOnlyFalse)};
constexpr ConfigField kNoMlpBias[] = {only("mlp_bias", kOnlyFalse)};
// Qwen2 has them whatever the file says: those of queries, keys and values, and no other.
constexpr ConfigField kFixedBias[] = {no_effect("attention_bias"), only("mlp_bias", kOnlyFalse)};
// One word for all of them.
constexpr ConfigField kOneBias[] = {
    {"use_bias", FieldKind::boolean, MICA_FIELD(decoder.qkv_bias)},
    {"use_bias", FieldKind::boolean, MICA_FIELD(decoder.output_bias)},
    {"use_bias", FieldKind::boolean, MICA_FIELD(decoder.mlp_bias)},
};
constexpr ConfigField kNoAttentionBias[] = {only("attention_bias", kOnlyFalse)};  // of GGUF files
constexpr ConfigField kCopies[] = {no_effect("image_token_id")};  // beside the root's

// Of the first Qwen, which has them.
constexpr ConfigField kNoLogn[] = {only("use_logn_attn|use_dynamic_ntk", kOnlyFalse)};

constexpr ConfigTable kLlama[] = {
    {ConfigScope::text, kNoLogn},
    {ConfigScope::text, kAttentionBias}, {ConfigScope::text, kMlpBias}, {ConfigScope::text, kWindows},
    {ConfigScope::text_rope, kRopeType}};
constexpr ConfigTable kGranite[] = {
    {ConfigScope::text, kAttentionBias}, {ConfigScope::text, kMlpBias}, {ConfigScope::text_rope, kRopeType}};
constexpr ConfigTable kMistral[] = {
    {ConfigScope::text, kNoLogn},
    {ConfigScope::text, kNoBiases}, {ConfigScope::text, kWindowAlways}, {ConfigScope::text_rope, kRopeType}};
constexpr ConfigTable kQwen2[] = {
    {ConfigScope::text, kNoLogn},
    {ConfigScope::text, kFixedBias}, {ConfigScope::text, kWindows}, {ConfigScope::text_rope, kRopeType}};
constexpr ConfigTable kQwen3[] = {
    {ConfigScope::text, kNoLogn},
    {ConfigScope::text, kAttentionBias}, {ConfigScope::text, kNoMlpBias}, {ConfigScope::text, kWindows},
    {ConfigScope::text_rope, kRopeType}};
// ---- Phi 3 ----------------------------------------------------------------------------------------------------------

constexpr Choice kRopeScalingsLong[] = {
    {"default", static_cast<uint8_t>(RopeScaling::none)},
    {"longrope", static_cast<uint8_t>(RopeScaling::longrope)},
    {"su", static_cast<uint8_t>(RopeScaling::longrope)},    // as it was called first
    {"yarn", static_cast<uint8_t>(RopeScaling::longrope)},  // by mistake
};
constexpr ConfigField kRopeTypeLong[] = {
    {"rope_type|type", FieldKind::choice, MICA_FIELD(decoder.rope.scaling), 0, 0, false, kRopeScalingsLong},
    refused("mrope_section|mrope_interleaved"),
};
constexpr ConfigField kPhi3Fields[] = {
    only("lm_head_bias", kOnlyFalse),
    no_effect("embd_pdrop|resid_pdrop|full_attn_mod|interpolate_factor|auto_map"),
};
constexpr ConfigTable kPhi3[] = {
    {ConfigScope::text, kNoBiases}, {ConfigScope::text, kWindowAlways}, {ConfigScope::text, kPhi3Fields},
    {ConfigScope::text_rope, kRopeTypeLong}};

// ---- LFM2 -----------------------------------------------------------------------------------------------------------

constexpr Choice kConvolutionLayers[] = {
    {"full_attention", static_cast<uint8_t>(LayerType::full)},
    {"conv", static_cast<uint8_t>(LayerType::convolution)},
};
constexpr Choice kSilu[] = {{"silu", 0}, {"swish", 0}};
constexpr ConfigField kLfm2Layers[] = {
    only("hidden_act", kSilu),  // its class always takes it
    {"norm_eps", FieldKind::f32, MICA_FIELD(decoder.norm_epsilon), 0, 0.1},
    {"block_ff_dim", FieldKind::u32, MICA_FIELD(decoder.feed_forward), 8, kFeedForwardMax},
    {"block_auto_adjust_ff_dim", FieldKind::boolean, MICA_FIELD(decoder.feed_forward_rule.adjusts)},
    {"block_ffn_dim_multiplier", FieldKind::f64, MICA_FIELD(decoder.feed_forward_rule.multiplier), 1e-3, 1e3},
    {"block_multiple_of", FieldKind::u32, MICA_FIELD(decoder.feed_forward_rule.multiple), 1, kFeedForwardMax},
    {"conv_L_cache", FieldKind::u32, MICA_FIELD(decoder.convolution_taps), 1, limits::kConvolutionTapsMax},
    {"conv_bias", FieldKind::boolean, MICA_FIELD(decoder.convolution_bias)},
    {"full_attn_idxs", FieldKind::layer_numbers, MICA_FIELD(decoder.layer_types), 0, 0, false, kConvolutionLayers},
    {"layer_types", FieldKind::layer_types, MICA_FIELD(decoder.layer_types), 0, 0, false, kConvolutionLayers},
    {"tie_embedding", FieldKind::boolean, MICA_FIELD(decoder.tied_embeddings)},
    // Of the program that trained it.
    no_effect("block_dim|block_mlp_init_scale|block_norm_eps|block_out_init_scale|block_use_swiglu|"
              "block_use_xavier_init|conv_dim|conv_dim_out|conv_use_xavier_init|num_heads|use_pos_enc"),
};
constexpr ConfigTable kLfm2[] = {
    {ConfigScope::text, kNoBiases}, {ConfigScope::text, kLfm2Layers}, {ConfigScope::text_rope, kRopeType}};

// ---- Qwen3.5 --------------------------------------------------------------------------------------------------------

constexpr Choice kDeltaLayers[] = {
    {"full_attention", static_cast<uint8_t>(LayerType::full)},
    {"linear_attention", static_cast<uint8_t>(LayerType::delta)},
};
constexpr ConfigField kQwen35Layers[] = {
    only("hidden_act", kSilu),  // its class takes the word behind convolutions too, which have no other here
    {"full_attention_interval", FieldKind::u32, MICA_FIELD(decoder.full_interval), 1, kLayersMax},
    {"layer_types", FieldKind::layer_types, MICA_FIELD(decoder.layer_types), 0, 0, false, kDeltaLayers},
    {"linear_conv_kernel_dim", FieldKind::u32, MICA_FIELD(decoder.convolution_taps), 1, limits::kConvolutionTapsMax},
    {"linear_key_head_dim", FieldKind::u32, MICA_FIELD(decoder.delta.key_dim), 1, kHeadDimMax},
    {"linear_value_head_dim", FieldKind::u32, MICA_FIELD(decoder.delta.value_dim), 1, kHeadDimMax},
    {"linear_num_key_heads", FieldKind::u32, MICA_FIELD(decoder.delta.key_heads), 1, kHeadsMax},
    {"linear_num_value_heads", FieldKind::u32, MICA_FIELD(decoder.delta.value_heads), 1, kHeadsMax},
    {"mica_delta_in_turns", FieldKind::boolean, MICA_FIELD(decoder.delta.in_turns)},  // of GGUF files
    only("attn_output_gate", kOnlyTrue),  // published so, and not read by the class
    no_effect("mtp_*|mamba_ssm_dtype"),  // of the layer that guesses the token behind the next, and of storage
};
constexpr ConfigField kNextTokens[] = {
    {"num_nextn_predict_layers", FieldKind::u32, MICA_FIELD(decoder.next_token_layers), 0, 16},
};
constexpr ConfigTable kQwen35[] = {
    {ConfigScope::text, kNextTokens},
    {ConfigScope::text, kAttentionBias}, {ConfigScope::text, kNoMlpBias}, {ConfigScope::text, kQwen35Layers},
    {ConfigScope::text_rope, kRopeTypeInterleaved}};

constexpr ConfigTable kQwen2Vl[] = {
    {ConfigScope::text, kNoLogn},
    {ConfigScope::text, kFixedBias}, {ConfigScope::text, kWindows}, {ConfigScope::text, kCopies},
    {ConfigScope::text_rope, kRopeTypeMultimodal}};
constexpr ConfigTable kGlm[] = {
    {ConfigScope::text, kNextTokens}, {ConfigScope::text, kFixedBias}, {ConfigScope::text, kNoWindows},
    {ConfigScope::text_rope, kRopeTypeMultimodal}};
constexpr ConfigTable kPaddleOcr[] = {
    {ConfigScope::text, kOneBias}, {ConfigScope::text, kNoAttentionBias}, {ConfigScope::text, kNoWindows},
    {ConfigScope::text_rope, kRopeTypeMultimodal}};
constexpr ConfigTable kQwen3Vl[] = {
    {ConfigScope::text, kNoLogn},
    {ConfigScope::text, kAttentionBias}, {ConfigScope::text, kNoMlpBias}, {ConfigScope::text, kNoWindows},
    {ConfigScope::text_rope, kRopeTypeInterleaved}};

// ---- defaults of the classes (transformers 4.37 to 5.24) ------------------------------------------------------------

constexpr DecoderSpec shape(uint32_t layers, uint32_t hidden, uint32_t heads, uint32_t kv_heads, uint32_t feed_forward,
                            uint32_t vocabulary, uint32_t context) {
  DecoderSpec spec;
  spec.layers = layers;
  spec.hidden = hidden;
  spec.heads = heads;
  spec.kv_heads = kv_heads;
  spec.feed_forward = feed_forward;
  spec.vocabulary = vocabulary;
  spec.context = context;
  spec.window = 4096;  // Mistral's own; Qwen's where use_sliding_window asks for one
  return spec;
}

constexpr DecoderSpec llama_defaults() {
  DecoderSpec spec = shape(32, 4096, 32, 0, 11008, 32000, 2048);
  spec.window = 0;
  return spec;
}

constexpr DecoderSpec mistral_defaults() {
  DecoderSpec spec = shape(32, 4096, 32, 8, 14336, 32000, 131072);
  spec.use_window = true;
  return spec;
}

constexpr DecoderSpec ministral3_defaults() {
  DecoderSpec spec = shape(34, 4096, 32, 8, 14336, 131072, 262144);
  spec.use_window = true;
  spec.window = 0;
  spec.head_dim = 128;
  spec.norm_epsilon = 1e-5f;
  spec.rope.may_scale_queries = true;
  return spec;
}

constexpr const char* kMinistral3Rope = R"({"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 16.0,
  "original_max_position_embeddings": 16384, "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
  "llama_4_scaling_beta": 0.1})";

constexpr DecoderSpec qwen2_defaults() {
  DecoderSpec spec = shape(32, 4096, 32, 32, 22016, 151936, 32768);
  spec.qkv_bias = true;
  spec.window_first = 28;
  return spec;
}

constexpr DecoderSpec qwen3_defaults() {
  DecoderSpec spec = qwen2_defaults();
  spec.head_dim = 128;  // not hidden / heads
  spec.qkv_bias = false;
  spec.head_norms = true;
  return spec;
}

constexpr DecoderSpec qwen3_vl_defaults() {
  DecoderSpec spec = shape(32, 4096, 32, 32, 22016, 151936, 128000);
  spec.head_dim = 128;
  spec.head_norms = true;
  spec.rope.theta = 5e5f;
  spec.rope.sections[0] = 24;
  spec.rope.sections[1] = spec.rope.sections[2] = 20;
  spec.rope.sections_interleaved = true;
  return spec;
}

constexpr DecoderSpec granite_defaults() {
  DecoderSpec spec = llama_defaults();
  spec.multipliers.known = true;
  spec.multipliers.attention = 1;
  spec.multipliers.embedding_of_all = true;
  return spec;
}

constexpr DecoderSpec phi3_defaults() {
  DecoderSpec spec = shape(32, 3072, 32, 0, 8192, 32064, 4096);
  spec.norm_epsilon = 1e-5f;
  spec.use_window = true;
  spec.window = 0;
  spec.rope.original_context = 4096;
  spec.rope.may_be_partial = true;
  return spec;
}

constexpr DecoderSpec lfm2_defaults() {
  DecoderSpec spec = shape(32, 2560, 32, 8, 12288, 65536, 128000);
  spec.norm_epsilon = 1e-5f;
  spec.feed_forward_rule = {.adjusts = true, .multiplier = 1.0, .multiple = 256};
  spec.tied_embeddings = true;
  spec.head_norms = true;
  spec.convolution_taps = 3;
  spec.rope.theta = 1e6f;
  return spec;
}

constexpr DecoderSpec qwen3_5_defaults() {
  DecoderSpec spec = shape(32, 4096, 16, 4, 12288, 248320, 32768);
  spec.head_dim = 256;
  spec.head_norms = true;
  spec.full_interval = 4;
  spec.convolution_taps = 4;
  spec.delta = {.key_heads = 16, .value_heads = 32, .key_dim = 128, .value_dim = 128};
  spec.rope.rotated_share = 0.25f;
  spec.rope.may_be_partial = true;
  spec.rope.sections[0] = spec.rope.sections[1] = 11;
  spec.rope.sections[2] = 10;
  spec.rope.sections_interleaved = true;
  return spec;
}

constexpr DecoderSpec qwen2_vl_defaults() {
  DecoderSpec spec = shape(80, 8192, 64, 8, 29568, 152064, 32768);
  spec.norm_epsilon = 1e-5f;
  spec.qkv_bias = true;
  spec.window_first = 80;
  spec.rope.theta = 1e6f;
  spec.rope.sections[0] = 16;
  spec.rope.sections[1] = spec.rope.sections[2] = 24;
  return spec;
}

// GLM-4.1V and its kin: norms before and behind attention and MLP, neighbouring dims in pairs.
constexpr DecoderSpec glm_defaults(DecoderSpec spec) {
  spec.norm_epsilon = 1e-5f;
  spec.rope.interleaved = true;
  spec.rope.may_be_partial = true;
  spec.rope.sections[0] = 8;
  spec.rope.sections[1] = spec.rope.sections[2] = 12;
  return spec;
}
constexpr DecoderSpec glm4v_defaults() {
  DecoderSpec spec = glm_defaults(shape(40, 4096, 32, 2, 13696, 151552, 32768));
  spec.qkv_bias = true;
  return spec;
}
constexpr DecoderSpec glm_ocr_defaults() {
  DecoderSpec spec = glm_defaults(shape(16, 1024, 16, 8, 4096, 59392, 131072));
  spec.next_token_layers = 1;
  return spec;
}

constexpr DecoderSpec paddleocr_vl_defaults() {
  DecoderSpec spec = shape(18, 1024, 16, 2, 3072, 103424, 131072);
  spec.head_dim = 128;
  spec.norm_epsilon = 1e-5f;
  spec.tied_embeddings = true;
  spec.rope.theta = 5e5f;
  spec.rope.sections[0] = 16;
  spec.rope.sections[1] = spec.rope.sections[2] = 24;
  return spec;
}

}  // namespace

constinit const DecoderKind kind_llama = {"llama", llama_defaults, kLlama, 2, {}, "LlamaForCausalLM"};
constinit const DecoderKind kind_mistral = {"mistral", mistral_defaults, kMistral, 2};
constinit const DecoderKind kind_ministral3 = {"ministral3", ministral3_defaults, kMistral, 2, {}, nullptr,
                                               kMinistral3Rope};
constinit const DecoderKind kind_qwen2 = {"qwen2", qwen2_defaults, kQwen2, -1, {}, "Qwen2ForCausalLM"};
constinit const DecoderKind kind_qwen3 = {"qwen3", qwen3_defaults, kQwen3, -1, {}, "Qwen3ForCausalLM"};
constinit const DecoderKind kind_granite = {"granite", granite_defaults, kGranite, 2};
constinit const DecoderKind kind_phi3 = {"phi3", phi3_defaults, kPhi3, 32000, kPhi3Tensors, "Phi3ForCausalLM"};
constinit const DecoderKind kind_lfm2 = {"lfm2", lfm2_defaults, kLfm2, 2};
constinit const DecoderKind kind_qwen3_5 = {"qwen3_5_text", qwen3_5_defaults, kQwen35};
constinit const DecoderKind kind_qwen2_vl = {"qwen2_vl_text", qwen2_vl_defaults, kQwen2Vl, 151645};
constinit const DecoderKind kind_qwen2_5_vl = {"qwen2_5_vl_text", qwen2_vl_defaults, kQwen2Vl, 151645};
constinit const DecoderKind kind_glm4v = {"glm4v_text", glm4v_defaults, kGlm};
constinit const DecoderKind kind_glm_ocr = {"glm_ocr_text", glm_ocr_defaults, kGlm};
constinit const DecoderKind kind_paddleocr_vl = {"paddleocr_vl_text", paddleocr_vl_defaults, kPaddleOcr, 2};
constinit const DecoderKind kind_qwen3_vl = {"qwen3_vl_text", qwen3_vl_defaults, kQwen3Vl};

}  // namespace mica::tables

constinit const std::span<const mica::ConfigTable> mica::kDecoderConfig = mica::tables::kCommon;
