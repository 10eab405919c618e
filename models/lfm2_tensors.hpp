// The names of LFM2's tensors, which its families with and without pictures share. Data only.
#pragma once

#include "tables.hpp"

namespace mica::tables {

inline constexpr TensorName kLfm2Tensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens"},
    {Slot::final_norm, Section::decoder, true, "embedding_norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.operator_norm"},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj"},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.out_proj"},
    {Slot::query_norm, Section::decoder, true, "layers.{}.self_attn.q_layernorm"},
    {Slot::key_norm, Section::decoder, true, "layers.{}.self_attn.k_layernorm"},
    {Slot::convolution_in, Section::decoder, true, "layers.{}.conv.in_proj"},
    {Slot::convolution, Section::decoder, true, "layers.{}.conv.conv"},
    {Slot::convolution_bias, Section::decoder, true, "layers.{}.conv.conv.bias"},
    {Slot::convolution_out, Section::decoder, true, "layers.{}.conv.out_proj"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.ffn_norm"},
    {Slot::gate, Section::decoder, true, "layers.{}.feed_forward.w1"},
    {Slot::up, Section::decoder, true, "layers.{}.feed_forward.w3"},
    {Slot::down, Section::decoder, true, "layers.{}.feed_forward.w2"},
    {Slot::lm_head, Section::head, false, "lm_head"},
};

}  // namespace mica::tables
