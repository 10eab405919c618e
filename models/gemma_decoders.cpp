// Gemma's decoders, by the class of transformers that config.json names: defaults and fields. Data only; the names of
// their tensors: gemma.hpp.
#include "decoder_fields.hpp"
#include "gemma.hpp"
#include "gemma4.hpp"

namespace mica::tables {
namespace {

constexpr Choice kGeluTanh[] = {{"gelu_pytorch_tanh", static_cast<uint8_t>(Activation::gelu_tanh)}};

// ---- Gemma 1 --------------------------------------------------------------------------------------------------------

// What is called "gelu" there was always meant to be its approximation.
constexpr Choice kGemmaActivations[] = {
    {"gelu_pytorch_tanh", static_cast<uint8_t>(Activation::gelu_tanh)},
    {"gelu", static_cast<uint8_t>(Activation::gelu_tanh)},
    {"silu", static_cast<uint8_t>(Activation::silu)},
    {"quick_gelu", static_cast<uint8_t>(Activation::quick_gelu)},
};
constexpr ConfigField kGemmaFields[] = {
    {"hidden_act", FieldKind::choice, MICA_FIELD(decoder.activation), 0, 0, false, kGemmaActivations},
    only("hidden_activation", kGeluTanh),  // beside it in published files
};
constexpr ConfigTable kGemma[] = {
    {ConfigScope::text, kGemmaFields}, {ConfigScope::text, kAttentionBias}, {ConfigScope::text_rope, kRopeType}};

// ---- Gemma 2 --------------------------------------------------------------------------------------------------------

constexpr ConfigField kGemma2Fields[] = {
    {"hidden_activation", FieldKind::choice, MICA_FIELD(decoder.activation), 0, 0, false, kActivations},
    only("hidden_act", kGeluTanh),  // beside it; the class does not read it
    {"query_pre_attn_scalar", FieldKind::f32, MICA_FIELD(decoder.multipliers.attention_divisor), 1e-3, 1e6},
    {"sliding_window", FieldKind::null_u32, MICA_FIELD(decoder.window), 1, 4294967295.0},
    {"layer_types", FieldKind::layer_types, MICA_FIELD(decoder.layer_types), 0, 0, false, kLayerTypes},
};
constexpr ConfigField kCaps[] = {
    {"final_logit_softcapping", FieldKind::null_f32, MICA_FIELD(decoder.multipliers.logits_cap), 1e-3, 1e6},
    {"attn_logit_softcapping", FieldKind::null_f32, MICA_FIELD(decoder.multipliers.scores_cap), 1e-3, 1e6},
};
constexpr ConfigTable kGemma2[] = {
    {ConfigScope::text, kGemma2Fields}, {ConfigScope::text, kCaps}, {ConfigScope::text, kAttentionBias},
    {ConfigScope::text_rope, kRopeType}};

// ---- Gemma 3 --------------------------------------------------------------------------------------------------------

constexpr ConfigField kGemma3Fields[] = {
    // As published, and as transformers 5 writes it beside the list of words that follows from it.
    {"sliding_window_pattern", FieldKind::u32, MICA_FIELD(decoder.full_interval), 1, kLayersMax},
    no_effect("_sliding_window_pattern"),
    {"rope_local_base_freq", FieldKind::f32, MICA_FIELD(decoder.window_rope.theta), 1, 1e12},
    no_effect("attn_logit_softcapping"),  // read by the class, and not used
};
constexpr ConfigField kLogitsCap[] = {
    {"final_logit_softcapping", FieldKind::f32, MICA_FIELD(decoder.multipliers.logits_cap), 1e-3, 1e6},
};
// The class that sees pictures has a head of its own, without it.
constexpr ConfigField kNoLogitsCap[] = {no_effect("final_logit_softcapping")};

constexpr ConfigTable kGemma3[] = {
    {ConfigScope::text, kGemma2Fields}, {ConfigScope::text, kGemma3Fields}, {ConfigScope::text, kLogitsCap},
    {ConfigScope::text, kAttentionBias}, {ConfigScope::text_rope, kRopeType},
    {ConfigScope::text_window_rope, kWindowRope}, {ConfigScope::text_window_rope, kWindowRopeType}};
constexpr ConfigTable kGemma3Pictured[] = {
    {ConfigScope::text, kGemma2Fields}, {ConfigScope::text, kGemma3Fields}, {ConfigScope::text, kNoLogitsCap},
    {ConfigScope::text, kAttentionBias}, {ConfigScope::text_rope, kRopeType},
    {ConfigScope::text_window_rope, kWindowRope}, {ConfigScope::text_window_rope, kWindowRopeType}};

// ---- before an answer that continues a prompt -----------------------------------------------------------------------

// Of PaliGemma, whose prompts are seen as a whole, whatever it says.
constexpr ConfigField kPrompted[] = {no_effect("use_bidirectional_attention|num_image_tokens")};
constexpr ConfigTable kGemmaPrompted[] = {
    {ConfigScope::text, kGemmaFields}, {ConfigScope::text, kPrompted}, {ConfigScope::text, kAttentionBias},
    {ConfigScope::text_rope, kRopeType}};
constexpr ConfigTable kGemma2Prompted[] = {
    {ConfigScope::text, kGemma2Fields}, {ConfigScope::text, kCaps}, {ConfigScope::text, kPrompted},
    {ConfigScope::text, kAttentionBias}, {ConfigScope::text_rope, kRopeType}};

// ---- defaults of the classes (transformers 5.24) --------------------------------------------------------------------

constexpr DecoderSpec gemma_defaults() {
  DecoderSpec spec;
  spec.layers = 28;
  spec.hidden = 3072;
  spec.heads = spec.kv_heads = 16;
  spec.head_dim = 256;
  spec.feed_forward = 24576;
  spec.vocabulary = 256000;
  spec.context = 8192;
  spec.activation = Activation::gelu_tanh;
  spec.tied_embeddings = true;
  spec.multipliers.embedding_root = true;
  return spec;
}

constexpr DecoderSpec gemma2_defaults() {
  DecoderSpec spec = gemma_defaults();
  spec.layers = 26;
  spec.hidden = 2304;
  spec.heads = 8;
  spec.kv_heads = 4;
  spec.feed_forward = 9216;
  spec.multipliers.attention_divisor = 256;
  spec.multipliers.logits_cap = 30;
  spec.multipliers.scores_cap = 50;
  spec.use_window = true;
  spec.window = 4096;
  spec.full_interval = 2;
  spec.between_full = LayerType::windowed;
  return spec;
}

constexpr DecoderSpec gemma3_defaults() {
  DecoderSpec spec = gemma2_defaults();
  spec.vocabulary = 262208;
  spec.context = 131072;
  spec.head_norms = true;
  spec.multipliers.logits_cap = spec.multipliers.scores_cap = 0;
  spec.full_interval = 6;
  spec.rope.theta = 1e6f;
  spec.windows_have_rope = true;
  return spec;
}

constexpr DecoderSpec with_blocks(DecoderSpec spec, SeenBlock block) {
  spec.block = block;
  return spec;
}

// ---- Gemma 4 --------------------------------------------------------------------------------------------------------

constexpr Choice kRopeScalingsProportional[] = {
    {"default", static_cast<uint8_t>(RopeScaling::none)},
    {"proportional", static_cast<uint8_t>(RopeScaling::proportional)},
};
constexpr ConfigField kRopeTypeProportional[] = {
    {"rope_type|type", FieldKind::choice, MICA_FIELD(decoder.rope.scaling), 0, 0, false, kRopeScalingsProportional},
    refused("mrope_section|mrope_interleaved"),
};
constexpr auto kWindowRopeTypeProportional = of_windows(kRopeTypeProportional);
constexpr Choice kBlocks[] = {
    {"vision", static_cast<uint8_t>(SeenBlock::picture)},
    {"null", static_cast<uint8_t>(SeenBlock::none)},
};
constexpr ConfigField kGemma4Fields[] = {
    {"hidden_activation", FieldKind::choice, MICA_FIELD(decoder.activation), 0, 0, false, kActivations},
    only("hidden_act", kGeluTanh),  // beside it; the class does not read it
    {"sliding_window", FieldKind::u32, MICA_FIELD(decoder.window), 1, 4294967295.0},
    {"layer_types", FieldKind::layer_types, MICA_FIELD(decoder.layer_types), 0, 0, false, kLayerTypes},
    {"global_head_dim", FieldKind::u32, MICA_FIELD(decoder.full_head_dim), 2, kHeadDimMax},
    {"num_global_key_value_heads", FieldKind::null_u32, MICA_FIELD(decoder.full_kv_heads), 1, kHeadsMax},
    {"attention_k_eq_v", FieldKind::boolean, MICA_FIELD(decoder.full_values_are_keys)},
    {"num_kv_shared_layers", FieldKind::u32, MICA_FIELD(decoder.borrowing_layers), 0, kLayersMax},
    {"use_double_wide_mlp", FieldKind::boolean, MICA_FIELD(decoder.borrowing_doubles)},
    {"use_bidirectional_attention", FieldKind::choice, MICA_FIELD(decoder.block), 0, 0, false, kBlocks},
    only("enable_moe_block", kOnlyFalse),
    refused("top_k_experts|per_layer_config"),
};
constexpr Choice kOnlyZero[] = {{"0", 0}};
constexpr ConfigField kGemma4Inputs[] = {
    {"hidden_size_per_layer_input", FieldKind::null_u32, MICA_FIELD(decoder.layer_input), 0, kHiddenMax},
    {"vocab_size_per_layer_input", FieldKind::u32, MICA_FIELD(decoder.layer_input_vocabulary), 1, kVocabularyMax},
    {"pad_token_id", FieldKind::i32, MICA_FIELD(decoder.padding_token), 0, kVocabularyMax},
};

constexpr ConfigTable kGemma4[] = {
    {ConfigScope::text, kGemma4Fields}, {ConfigScope::text, kGemma4Inputs}, {ConfigScope::text, kAttentionBias},
    {ConfigScope::text, kLogitsCap},
    {ConfigScope::text_rope, kRopeTypeProportional},
    {ConfigScope::text_window_rope, kWindowRope}, {ConfigScope::text_window_rope, kWindowRopeTypeProportional}};
constexpr ConfigField kGemma4NoInputs[] = {
    only("hidden_size_per_layer_input", kOnlyZero), no_effect("vocab_size_per_layer_input|pad_token_id"),
};
constexpr ConfigTable kGemma4Unified[] = {
    {ConfigScope::text, kGemma4Fields}, {ConfigScope::text, kGemma4NoInputs}, {ConfigScope::text, kAttentionBias}, {ConfigScope::text, kLogitsCap},
    {ConfigScope::text_rope, kRopeTypeProportional},
    {ConfigScope::text_window_rope, kWindowRope}, {ConfigScope::text_window_rope, kWindowRopeTypeProportional}};

// Gemma 4's text (transformers 5.24: Gemma4TextConfig).
constexpr DecoderSpec gemma4_defaults() {
  DecoderSpec spec = gemma3_defaults();
  spec.layers = 30;
  spec.vocabulary = 262144;
  spec.multipliers.attention_divisor = 1;
  spec.window = 512;
  spec.ends_full = true;
  spec.full_head_dim = 512;
  spec.value_norms = true;
  spec.layer_input = 256;
  spec.layer_input_vocabulary = 262144;
  spec.rope.scaling = RopeScaling::proportional;
  spec.rope.rotated_share = 0.25f;
  spec.block_in_windows_only = true;
  return spec;
}
constexpr DecoderSpec gemma4_unified_defaults() {
  DecoderSpec spec = gemma4_defaults();
  spec.context = 262144;
  spec.window = 1024;
  spec.layer_input = 0;
  spec.block = SeenBlock::picture;
  spec.block_in_windows_only = false;
  spec.block_beats_window = true;
  return spec;
}

}  // namespace

constinit const DecoderKind kind_gemma = {"gemma", gemma_defaults, kGemma, 1};
constinit const DecoderKind kind_gemma2 = {"gemma2", gemma2_defaults, kGemma2, 1};
constinit const DecoderKind kind_gemma3 = {"gemma3_text", gemma3_defaults, kGemma3, 1};
constinit const DecoderKind kind_gemma3_pictured = {
    "gemma3_text", [] { return with_blocks(gemma3_defaults(), SeenBlock::picture); }, kGemma3Pictured, 1};
constinit const DecoderKind kind_gemma_prompted = {
    "gemma", [] { return with_blocks(gemma_defaults(), SeenBlock::prompt); }, kGemmaPrompted, 1};
constinit const DecoderKind kind_gemma2_prompted = {
    "gemma2", [] { return with_blocks(gemma2_defaults(), SeenBlock::prompt); }, kGemma2Prompted, 1, kGemma2Norms};
constinit const DecoderKind kind_gemma4 = {"gemma4_text", gemma4_defaults, kGemma4, 1, kGemma4Tensors};
constinit const DecoderKind kind_gemma4_unified = {"gemma4_unified_text", gemma4_unified_defaults, kGemma4Unified, 1,
                                                   kGemma4Tensors};

}  // namespace mica::tables
