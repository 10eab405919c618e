// The names of Qwen3.5's text tensors, which its families with and without pictures share. Data only.
#pragma once

#include "tables.hpp"

namespace mica::tables {

inline constexpr TensorName kQwen35Tensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens"},
    {Slot::final_norm, Section::decoder, true, "norm", nullptr, Stored::as_it_is, 1},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm", nullptr, Stored::as_it_is, 1},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj", nullptr, Stored::first_of_heads},
    {Slot::attention_gate, Section::decoder, true, "layers.{}.self_attn.q_proj", nullptr, Stored::second_of_heads},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj"},
    {Slot::query_norm, Section::decoder, true, "layers.{}.self_attn.q_norm", nullptr, Stored::as_it_is, 1},
    {Slot::key_norm, Section::decoder, true, "layers.{}.self_attn.k_norm", nullptr, Stored::as_it_is, 1},
    {Slot::delta_in, Section::decoder, true, "layers.{}.linear_attn.in_proj_qkv"},
    {Slot::delta_gate, Section::decoder, true, "layers.{}.linear_attn.in_proj_z"},
    {Slot::delta_strength, Section::decoder, true, "layers.{}.linear_attn.in_proj_b"},
    {Slot::delta_decay, Section::decoder, true, "layers.{}.linear_attn.in_proj_a"},
    {Slot::delta_convolution, Section::decoder, true, "layers.{}.linear_attn.conv1d"},
    {Slot::decay_rate, Section::decoder, true, "layers.{}.linear_attn.A_log"},
    {Slot::decay_bias, Section::decoder, true, "layers.{}.linear_attn.dt_bias"},
    {Slot::delta_norm, Section::decoder, true, "layers.{}.linear_attn.norm"},
    {Slot::delta_out, Section::decoder, true, "layers.{}.linear_attn.out_proj"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.post_attention_layernorm", nullptr, Stored::as_it_is, 1},
    {Slot::gate, Section::decoder, true, "layers.{}.mlp.gate_proj"},
    {Slot::up, Section::decoder, true, "layers.{}.mlp.up_proj"},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj"},
    {Slot::lm_head, Section::head, false, "lm_head"},
};

}  // namespace mica::tables
