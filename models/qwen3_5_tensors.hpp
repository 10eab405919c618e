// The names of Qwen3.5's text tensors, which its families with and without pictures share. Data only.
#pragma once

#include "tables.hpp"

namespace mica::tables {

// Of GGUF files: heads of values stand turn by turn, one of each head of keys.
inline constexpr GgufText kQwen35GgufText = {
    .model_type = "qwen3_5_text",
    .norms_whole = true,
    .partial_rope = true,
    .sections = true,
    .guesses_tokens = true,
    .more = R"("layer_types": $(words qwen35.attention.recurrent_layers=1 linear_attention full_attention),
  "full_attention_interval": $(qwen35.full_attention_interval|4), "linear_conv_kernel_dim": $(qwen35.ssm.conv_kernel),
  "linear_key_head_dim": $(qwen35.ssm.state_size), "linear_num_key_heads": $(qwen35.ssm.group_count),
  "linear_num_value_heads": $(qwen35.ssm.time_step_rank),
  "linear_value_head_dim": $(over qwen35.ssm.inner_size qwen35.ssm.time_step_rank), "mica_delta_in_turns": true)"};
inline constexpr const char* kQwen35Unread[] = {"*.nextn.*"};  // of GGUF files: what guesses further tokens

inline constexpr TensorName kQwen35Tensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens", "token_embd"},
    {Slot::final_norm, Section::decoder, true, "norm", "output_norm", Stored::as_it_is, 1},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm",
     "blk.{}.attn_norm", Stored::as_it_is, 1},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj", "blk.{}.attn_q", Stored::first_of_heads},
    {Slot::attention_gate, Section::decoder, true, "layers.{}.self_attn.q_proj", "blk.{}.attn_q",
     Stored::second_of_heads},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {Slot::query_norm, Section::decoder, true, "layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm", Stored::as_it_is, 1},
    {Slot::key_norm, Section::decoder, true, "layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm", Stored::as_it_is, 1},
    {Slot::delta_in, Section::decoder, true, "layers.{}.linear_attn.in_proj_qkv", "blk.{}.attn_qkv"},
    {Slot::delta_gate, Section::decoder, true, "layers.{}.linear_attn.in_proj_z", "blk.{}.attn_gate"},
    {Slot::delta_strength, Section::decoder, true, "layers.{}.linear_attn.in_proj_b", "blk.{}.ssm_beta"},
    {Slot::delta_decay, Section::decoder, true, "layers.{}.linear_attn.in_proj_a", "blk.{}.ssm_alpha"},
    {Slot::delta_convolution, Section::decoder, true, "layers.{}.linear_attn.conv1d", "blk.{}.ssm_conv1d"},
    {Slot::decay_rate, Section::decoder, true, "layers.{}.linear_attn.A_log", "-blk.{}.ssm_a"},
    {Slot::decay_bias, Section::decoder, true, "layers.{}.linear_attn.dt_bias", "blk.{}.ssm_dt.bias"},
    {Slot::delta_norm, Section::decoder, true, "layers.{}.linear_attn.norm", "blk.{}.ssm_norm"},
    {Slot::delta_out, Section::decoder, true, "layers.{}.linear_attn.out_proj", "blk.{}.ssm_out"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.post_attention_layernorm",
     "blk.{}.post_attention_norm", Stored::as_it_is, 1},
    {Slot::gate, Section::decoder, true, "layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {Slot::up, Section::decoder, true, "layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {Slot::lm_head, Section::head, false, "lm_head", "output"},
};

}  // namespace mica::tables
