// Granite (ibm-granite/granite-3.3-2b-instruct): text, Llama's decoder with factors. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"granite"};
constexpr const char* kArchitectures[] = {"GraniteForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_granite};

}  // namespace

extern constinit const Family granite = text_family("granite", kModelTypes, kArchitectures, kDecoders, {});

}  // namespace mica::tables
