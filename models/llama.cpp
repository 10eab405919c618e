// Llama, SmolLM2 and their kin (HuggingFaceTB/SmolLM2-135M-Instruct): text. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"llama"};
constexpr const char* kArchitectures[] = {"LlamaForCausalLM", "LLaMAForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_llama};

}  // namespace

extern constinit const Family llama = text_family("llama", kModelTypes, kArchitectures, kDecoders, {"llama", true});

}  // namespace mica::tables
