// Gemma 3 as text alone (google/gemma-3-1b-it, google/gemma-3-270m-it): windows in five layers of six. Data only.
#include "gemma.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"gemma3_text"};
constexpr const char* kArchitectures[] = {"Gemma3ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_gemma3};
constexpr std::span<const TensorName> kTensors[] = {kGemma3Tensors};

constexpr Family family() {
  Family f = text_family("gemma3_text", kModelTypes, kArchitectures, kDecoders, {});
  f.tensors = kTensors;
  return f;
}

}  // namespace

extern constinit const Family gemma3_text = family();

}  // namespace mica::tables
