// Phi 3 (microsoft/Phi-3.5-mini-instruct, microsoft/Phi-4-mini-instruct): text; its names are its decoder's. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"phi3"};
constexpr const char* kArchitectures[] = {"Phi3ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_phi3};

}  // namespace

extern constinit const Family phi3 = text_family("phi3", kModelTypes, kArchitectures, kDecoders, {});

}  // namespace mica::tables
