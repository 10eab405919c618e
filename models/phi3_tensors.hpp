// How Phi 3's tensors are called: queries, keys and values in one stored matrix, gate and up in another. Data only.
#pragma once

#include "tables.hpp"

namespace mica::tables {

inline constexpr const char* kPhi3Qkv = "layers.{}.self_attn.qkv_proj";
inline constexpr const char* kPhi3GateUp = "layers.{}.mlp.gate_up_proj";
inline constexpr TensorName kPhi3Tensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens", "token_embd"},
    {Slot::final_norm, Section::decoder, true, "norm", "output_norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {Slot::query, Section::decoder, true, kPhi3Qkv, "blk.{}.attn_qkv", Stored::query_of_blocks},
    {Slot::key, Section::decoder, true, kPhi3Qkv, "blk.{}.attn_qkv", Stored::key_of_blocks},
    {Slot::value, Section::decoder, true, kPhi3Qkv, "blk.{}.attn_qkv", Stored::value_of_blocks},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {Slot::gate, Section::decoder, true, kPhi3GateUp, "blk.{}.ffn_up", Stored::first_half},
    {Slot::up, Section::decoder, true, kPhi3GateUp, "blk.{}.ffn_up", Stored::second_half},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {Slot::lm_head, Section::head, false, "lm_head", "output"},
};

}  // namespace mica::tables
