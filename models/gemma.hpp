// The names of the tensors of Gemma's decoders, which its families with and without pictures share: norms multiply by
// 1 + w, before and behind attention and MLP. Data only; fields and defaults: gemma_decoders.cpp.
#pragma once

#include "tables.hpp"

namespace mica::tables {

// Gemma 1, which has no norms behind.
inline constexpr TensorName kGemmaTensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens", "token_embd"},
    {Slot::final_norm, Section::decoder, true, "norm", "output_norm", Stored::as_it_is, 1},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm", "blk.{}.attn_norm",
     Stored::as_it_is, 1},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm",
     Stored::as_it_is, 1},
    {Slot::gate, Section::decoder, true, "layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {Slot::up, Section::decoder, true, "layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {Slot::lm_head, Section::head, false, "lm_head", "output"},
};

// What Gemma 2 and 3 have in place of these: four norms a layer. A later row of a place counts.
inline constexpr TensorName kGemma2Norms[] = {
    {Slot::attention_post_norm, Section::decoder, true, "layers.{}.post_attention_layernorm",
     "blk.{}.post_attention_norm", Stored::as_it_is, 1},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.pre_feedforward_layernorm", "blk.{}.ffn_norm",
     Stored::as_it_is, 1},
    {Slot::mlp_post_norm, Section::decoder, true, "layers.{}.post_feedforward_layernorm", "blk.{}.post_ffw_norm",
     Stored::as_it_is, 1},
};
// Of heads, which Gemma 3 has as well.
inline constexpr TensorName kGemma3Norms[] = {
    {Slot::query_norm, Section::decoder, true, "layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm", Stored::as_it_is, 1},
    {Slot::key_norm, Section::decoder, true, "layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm", Stored::as_it_is, 1},
};

inline constexpr std::span<const TensorName> kGemma3TensorTables[] = {kGemmaTensors, kGemma2Norms, kGemma3Norms};

}  // namespace mica::tables
