// Phi 3 (microsoft/Phi-3.5-mini-instruct, microsoft/Phi-4-mini-instruct): text. Data only.
#include "phi3_tensors.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"phi3"};
constexpr const char* kArchitectures[] = {"Phi3ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_phi3};
constexpr std::span<const TensorName> kTensors[] = {kPhi3Tensors};

constexpr GgufKind kGguf = {.architecture = "phi3", .text = {.windows_by_class = true, .partial_rope = true}};

constexpr const char* kUnread[] = {"rope_factors_*"};  // of these: what config.json's lists are made of

constexpr Family family() {
  Family f = text_family("phi3", kModelTypes, kArchitectures, kDecoders, kGguf);
  f.tensors = kTensors;
  f.unread = kUnread;
  return f;
}

}  // namespace

extern constinit const Family phi3 = family();

}  // namespace mica::tables
