// Qwen3.5 (Qwen/Qwen3.5-0.8B) as text alone: the gated delta rule in three layers of four. Data only.
#include "qwen3_5_tensors.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"qwen3_5_text"};
constexpr const char* kArchitectures[] = {"Qwen3_5ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen3_5};
constexpr std::span<const TensorName> kTensors[] = {kQwen35Tensors};
constexpr GgufKind kGguf = {.architecture = "qwen35", .text = kQwen35GgufText};

constexpr Family family() {
  Family f = text_family("qwen3_5_text", kModelTypes, kArchitectures, kDecoders, kGguf);
  f.tensors = kTensors;
  f.unread = kQwen35Unread;
  f.mlx_adds_to_norms = true;
  return f;
}

}  // namespace

extern constinit const Family qwen3_5_text = family();

}  // namespace mica::tables
