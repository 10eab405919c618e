// Qwen2 and Qwen2.5 (Qwen/Qwen2.5-0.5B-Instruct): text. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"qwen2"};
constexpr const char* kArchitectures[] = {"Qwen2ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen2};

}  // namespace

extern constinit const Family qwen2 = text_family("qwen2", kModelTypes, kArchitectures, kDecoders, {"qwen2"});

}  // namespace mica::tables
