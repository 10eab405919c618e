// Fields of config.json that decoders of several classes have: how positions turn, of all layers or of those with
// windows, biases, kinds of layers. Data only.
#pragma once

#include <array>

#include "tables.hpp"

namespace mica::tables {

inline constexpr Choice kRopeScalings[] = {
    {"default", static_cast<uint8_t>(RopeScaling::none)},
    {"linear", static_cast<uint8_t>(RopeScaling::linear)},
    {"dynamic", static_cast<uint8_t>(RopeScaling::dynamic)},
    {"yarn", static_cast<uint8_t>(RopeScaling::yarn)},
    {"llama3", static_cast<uint8_t>(RopeScaling::llama3)},
};

inline constexpr ConfigField kRope[] = {
    {"rope_theta", FieldKind::f32, MICA_FIELD(decoder.rope.theta), 1, 1e12},
    {"factor", FieldKind::f32, MICA_FIELD(decoder.rope.factor), 1e-3, 1e6},
    {"low_freq_factor", FieldKind::f32, MICA_FIELD(decoder.rope.low_frequency_factor), 1e-3, 1e6},
    {"high_freq_factor", FieldKind::f32, MICA_FIELD(decoder.rope.high_frequency_factor), 1e-3, 1e6},
    {"original_max_position_embeddings", FieldKind::u32, MICA_FIELD(decoder.rope.original_context), 1, kContextMax},
    {"attention_factor", FieldKind::f32, MICA_FIELD(decoder.rope.attention_factor), 1e-3, 1e3},
    {"mscale", FieldKind::f32, MICA_FIELD(decoder.rope.mscale), 0, 1e3},
    {"mscale_all_dim", FieldKind::f32, MICA_FIELD(decoder.rope.mscale_all_dim), 0, 1e3},
    {"beta_fast", FieldKind::f32, MICA_FIELD(decoder.rope.beta_fast), 0, 1e6},
    {"beta_slow", FieldKind::f32, MICA_FIELD(decoder.rope.beta_slow), 0, 1e6},
    {"truncate", FieldKind::boolean, MICA_FIELD(decoder.rope.truncate)},
    no_effect("finetuned"),  // a note of early YaRN checkpoints
    {"partial_rotary_factor", FieldKind::f32, MICA_FIELD(decoder.rope.rotated_share), 1e-3, 1},
    {"llama_4_scaling_beta", FieldKind::f32, MICA_FIELD(decoder.rope.query_beta), 0, 1e3},
    no_effect("max_position_embeddings"),  // beside the one that counts
    {"short_factor", FieldKind::f32_list, MICA_FIELD(decoder.rope.short_divisors), 1e-6, 1e9},
    {"long_factor", FieldKind::f32_list, MICA_FIELD(decoder.rope.long_divisors), 1e-6, 1e9},
    refused("alpha"),
    refused("full_attention|sliding_attention"),  // a RoPE for each kind of layer
};

inline constexpr ConfigField kRopeType[] = {
    {"rope_type|type", FieldKind::choice, MICA_FIELD(decoder.rope.scaling), 0, 0, false, kRopeScalings},
    refused("mrope_section|mrope_interleaved"),
};

inline constexpr ConfigField kAttentionBias[] = {
    {"attention_bias", FieldKind::boolean, MICA_FIELD(decoder.qkv_bias)},
    {"attention_bias", FieldKind::boolean, MICA_FIELD(decoder.output_bias)},
};

inline constexpr Choice kLayerTypes[] = {
    {"full_attention", static_cast<uint8_t>(LayerType::full)},
    {"sliding_attention", static_cast<uint8_t>(LayerType::windowed)},
};

// The fields of RoPE, read into the RoPE that layers with windows have for themselves.
template <size_t count>
constexpr std::array<ConfigField, count> of_windows(const ConfigField (&fields)[count]) {
  std::array<ConfigField, count> out = {};
  for (size_t i = 0; i < count; ++i) {
    out[i] = fields[i];
    const bool is_read = fields[i].kind != FieldKind::absent && fields[i].kind != FieldKind::only &&
                         fields[i].kind != FieldKind::no_effect;
    if (is_read) out[i].offset += MICA_FIELD(decoder.window_rope) - MICA_FIELD(decoder.rope);
  }
  return out;
}
inline constexpr auto kWindowRope = of_windows(kRope);
inline constexpr auto kWindowRopeType = of_windows(kRopeType);

}  // namespace mica::tables
