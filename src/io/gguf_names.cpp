// Names of tensors in GGUF files of llama-like models and in Hugging Face's. Not a check that a model has them all.
#include <algorithm>

#include "gguf_import.hpp"

namespace mica {

namespace {

struct NamePair {
  std::string_view gguf;
  std::string_view huggingface;
};

constexpr NamePair kModelNames[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
};

constexpr NamePair kLayerNames[] = {
    {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},      {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},      {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},           {"ffn_down", "mlp.down_proj"},
    {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"},
};

template <size_t count>
std::string_view translated(const NamePair (&pairs)[count], std::string_view gguf) {
  for (const NamePair& pair : pairs) {
    if (pair.gguf == gguf) return pair.huggingface;
  }
  return {};
}

}  // namespace

std::string huggingface_tensor_name(std::string_view gguf_name) {
  // "blk.3.attn_q.weight": layer prefix, then the part, then ".weight" or ".bias".
  const size_t last_dot = gguf_name.rfind('.');
  if (last_dot == std::string_view::npos) return std::string(gguf_name);
  std::string_view part = gguf_name.substr(0, last_dot);
  const std::string suffix(gguf_name.substr(last_dot));
  constexpr std::string_view kLayerPrefix = "blk.";
  if (!part.starts_with(kLayerPrefix)) {
    const std::string_view name = translated(kModelNames, part);
    return name.empty() ? std::string(gguf_name) : std::string(name) + suffix;
  }
  part.remove_prefix(kLayerPrefix.size());
  const size_t dot = part.find('.');
  if (dot == std::string_view::npos) return std::string(gguf_name);
  const std::string layer(part.substr(0, dot));
  const bool numbered = std::all_of(layer.begin(), layer.end(), [](char c) { return c >= '0' && c <= '9'; });
  const std::string_view name = translated(kLayerNames, part.substr(dot + 1));
  if (layer.empty() || !numbered || name.empty()) return std::string(gguf_name);
  return "model.layers." + layer + "." + std::string(name) + suffix;
}

}  // namespace mica
