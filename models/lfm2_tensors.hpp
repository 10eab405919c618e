// The names of LFM2's tensors, which its families with and without pictures share. Data only.
#pragma once

#include "tables.hpp"

namespace mica::tables {

// Of GGUF files: a layer without heads of keys is a convolution.
inline constexpr GgufText kLfm2GgufText = {
    .more = R"("layer_types": $(words lfm2.attention.head_count_kv=0 conv full_attention),
  "num_key_value_heads": $(most lfm2.attention.head_count_kv), "conv_L_cache": $(lfm2.shortconv.l_cache),
  "block_auto_adjust_ff_dim": false)"};

inline constexpr TensorName kLfm2Tensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens", "token_embd"},
    {Slot::final_norm, Section::decoder, true, "embedding_norm", "token_embd_norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.operator_norm", "blk.{}.attn_norm"},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.out_proj", "blk.{}.attn_output"},
    {Slot::query_norm, Section::decoder, true, "layers.{}.self_attn.q_layernorm", "blk.{}.attn_q_norm"},
    {Slot::key_norm, Section::decoder, true, "layers.{}.self_attn.k_layernorm", "blk.{}.attn_k_norm"},
    {Slot::convolution_in, Section::decoder, true, "layers.{}.conv.in_proj", "blk.{}.shortconv.in_proj"},
    {Slot::convolution, Section::decoder, true, "layers.{}.conv.conv", "blk.{}.shortconv.conv"},
    {Slot::convolution_bias, Section::decoder, true, "layers.{}.conv.conv.bias"},
    {Slot::convolution_out, Section::decoder, true, "layers.{}.conv.out_proj", "blk.{}.shortconv.out_proj"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.ffn_norm", "blk.{}.ffn_norm"},
    {Slot::gate, Section::decoder, true, "layers.{}.feed_forward.w1", "blk.{}.ffn_gate"},
    {Slot::up, Section::decoder, true, "layers.{}.feed_forward.w3", "blk.{}.ffn_up"},
    {Slot::down, Section::decoder, true, "layers.{}.feed_forward.w2", "blk.{}.ffn_down"},
    {Slot::lm_head, Section::head, false, "lm_head", "output"},
};

}  // namespace mica::tables
