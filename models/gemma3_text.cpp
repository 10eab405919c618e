// Gemma 3 as text alone (google/gemma-3-1b-it, google/gemma-3-270m-it): windows in five layers of six. Data only.
#include "gemma.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"gemma3_text"};
constexpr const char* kArchitectures[] = {"Gemma3ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_gemma3};

constexpr GgufKind kGguf = {.architecture = "gemma3",
                            .text = {.model_type = "gemma3_text",
                                     .activation = "gelu_pytorch_tanh",
                                     .norms_whole = true,
                                     .windows_by_class = true,
                                     .window_rope = true,
                                     .caps = true,
                                     .layers_scaled_by_width = 62}};  // of 27B

constexpr Family family() {
  Family f = text_family("gemma3_text", kModelTypes, kArchitectures, kDecoders, kGguf);
  f.tensors = kGemma3TensorTables;
  return f;
}

}  // namespace

extern constinit const Family gemma3_text = family();

}  // namespace mica::tables
