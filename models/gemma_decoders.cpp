// Gemma's decoders, by the class of transformers that config.json names: defaults and fields. Data only; the names of
// their tensors: gemma.hpp.
#include "decoder_fields.hpp"
#include "gemma.hpp"

namespace mica::tables {
namespace {

constexpr Choice kGeluTanh[] = {{"gelu_pytorch_tanh", 0}};
constexpr ConfigField kGemma3Fields[] = {
    {"hidden_activation", FieldKind::choice, MICA_FIELD(decoder.activation), 0, 0, false, kActivations},
    only("hidden_act", kGeluTanh),  // beside it; the class does not read it
    {"query_pre_attn_scalar", FieldKind::f32, MICA_FIELD(decoder.multipliers.attention_divisor), 1e-3, 1e6},
    {"sliding_window", FieldKind::null_u32, MICA_FIELD(decoder.window), 1, 4294967295.0},
    // As published, and as transformers 5 writes it beside the list of words that follows from it.
    {"sliding_window_pattern", FieldKind::u32, MICA_FIELD(decoder.full_interval), 1, kLayersMax},
    no_effect("_sliding_window_pattern"),
    {"layer_types", FieldKind::layer_types, MICA_FIELD(decoder.layer_types), 0, 0, false, kLayerTypes},
    {"rope_local_base_freq", FieldKind::f32, MICA_FIELD(decoder.window_rope.theta), 1, 1e12},
    no_effect("attn_logit_softcapping"),  // read by the class, and not used
};
constexpr ConfigField kLogitsCap[] = {
    {"final_logit_softcapping", FieldKind::f32, MICA_FIELD(decoder.multipliers.logits_cap), 1e-3, 1e6},
};
// The class that sees pictures has a head of its own, without it.
constexpr ConfigField kNoLogitsCap[] = {no_effect("final_logit_softcapping")};

constexpr ConfigTable kGemma3[] = {
    {ConfigScope::text, kGemma3Fields}, {ConfigScope::text, kAttentionBias}, {ConfigScope::text, kLogitsCap},
    {ConfigScope::text_rope, kRopeType},
    {ConfigScope::text_window_rope, kWindowRope}, {ConfigScope::text_window_rope, kWindowRopeType}};
constexpr ConfigTable kGemma3Pictured[] = {
    {ConfigScope::text, kGemma3Fields}, {ConfigScope::text, kAttentionBias}, {ConfigScope::text, kNoLogitsCap},
    {ConfigScope::text_rope, kRopeType},
    {ConfigScope::text_window_rope, kWindowRope}, {ConfigScope::text_window_rope, kWindowRopeType}};

// Gemma 3's text (transformers 5.24: Gemma3TextConfig).
constexpr DecoderSpec gemma3_defaults() {
  DecoderSpec spec;
  spec.layers = 26;
  spec.hidden = 2304;
  spec.heads = 8;
  spec.kv_heads = 4;
  spec.head_dim = 256;
  spec.feed_forward = 9216;
  spec.vocabulary = 262208;
  spec.context = 131072;
  spec.activation = Activation::gelu_tanh;
  spec.tied_embeddings = true;
  spec.head_norms = true;
  spec.multipliers.embedding_root = true;
  spec.multipliers.attention_divisor = 256;
  spec.use_window = true;
  spec.window = 4096;
  spec.full_interval = 6;
  spec.between_full = LayerType::windowed;
  spec.rope.theta = 1e6f;
  spec.windows_have_rope = true;
  return spec;
}
constexpr DecoderSpec gemma3_pictured_defaults() {
  DecoderSpec spec = gemma3_defaults();
  spec.block = SeenBlock::picture;
  return spec;
}

}  // namespace

constinit const DecoderKind kind_gemma3 = {"gemma3_text", gemma3_defaults(), kGemma3, 1, kGemma3Tensors};
constinit const DecoderKind kind_gemma3_pictured = {"gemma3_text", gemma3_pictured_defaults(), kGemma3Pictured, 1,
                                                    kGemma3Tensors};

}  // namespace mica::tables
