// Ministral 3 as text alone (mistralai/Ministral-3-3B-Instruct-2512): Mistral's decoder with queries scaled by their
// place. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"ministral3"};
constexpr const char* kArchitectures[] = {"Ministral3ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_ministral3};
constexpr GgufKind kGguf = {
    .architecture = "mistral3",
    .rope_interleaved = true,
    .text = {.model_type = "ministral3", .windows_by_class = true, .scales_queries = true}};

}  // namespace

extern constinit const Family ministral3 =
    text_family("ministral3", kModelTypes, kArchitectures, kDecoders, kGguf);

}  // namespace mica::tables
