// Qwen3 (Qwen/Qwen3-0.6B): text. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"qwen3"};
constexpr const char* kArchitectures[] = {"Qwen3ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen3};

}  // namespace

extern constinit const Family qwen3 = text_family("qwen3", kModelTypes, kArchitectures, kDecoders, {"qwen3"});

}  // namespace mica::tables
