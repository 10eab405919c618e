// Granite (ibm-granite/granite-3.3-2b-instruct): text, Llama's decoder with factors. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"granite"};
constexpr const char* kArchitectures[] = {"GraniteForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_granite};

constexpr GgufKind kGguf = {
    .architecture = "granite",
    .rope_interleaved = true,
    .text = {.more = R"("embedding_multiplier": $(granite.embedding_scale|1), "residual_multiplier":
  $(granite.residual_scale|1), "attention_multiplier": $(granite.attention.scale), "logits_scaling":
  $(granite.logit_scale))"}};

}  // namespace

extern constinit const Family granite = text_family("granite", kModelTypes, kArchitectures, kDecoders, kGguf);

}  // namespace mica::tables
