// Mistral (mistralai/Mistral-7B-Instruct-v0.3): text. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"mistral"};
constexpr const char* kArchitectures[] = {"MistralForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_mistral};

}  // namespace

extern constinit const Family mistral = text_family("mistral", kModelTypes, kArchitectures, kDecoders, {});

}  // namespace mica::tables
