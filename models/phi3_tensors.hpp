// How Phi 3's tensors are called: queries, keys and values in one stored matrix, gate and up in another. Data only.
#pragma once

#include "tables.hpp"

namespace mica::tables {

inline constexpr const char* kPhi3Qkv = "layers.{}.self_attn.qkv_proj";
inline constexpr const char* kPhi3GateUp = "layers.{}.mlp.gate_up_proj";
inline constexpr TensorName kPhi3Tensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens"},
    {Slot::final_norm, Section::decoder, true, "norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm"},
    {Slot::query, Section::decoder, true, kPhi3Qkv, nullptr, Stored::query_of_blocks},
    {Slot::key, Section::decoder, true, kPhi3Qkv, nullptr, Stored::key_of_blocks},
    {Slot::value, Section::decoder, true, kPhi3Qkv, nullptr, Stored::value_of_blocks},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.post_attention_layernorm"},
    {Slot::gate, Section::decoder, true, kPhi3GateUp, nullptr, Stored::first_half},
    {Slot::up, Section::decoder, true, kPhi3GateUp, nullptr, Stored::second_half},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj"},
    {Slot::lm_head, Section::head, false, "lm_head"},
};

}  // namespace mica::tables
