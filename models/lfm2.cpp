// LFM2 (LiquidAI/LFM2-1.2B): text, short convolutions in most layers. Data only.
#include "lfm2_tensors.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"lfm2"};
constexpr const char* kArchitectures[] = {"Lfm2ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_lfm2};
constexpr std::span<const TensorName> kTensors[] = {kLfm2Tensors};
constexpr GgufKind kGguf = {.architecture = "lfm2", .text = kLfm2GgufText};

constexpr Family family() {
  Family f = text_family("lfm2", kModelTypes, kArchitectures, kDecoders, kGguf);
  f.tensors = kTensors;
  return f;
}

}  // namespace

extern constinit const Family lfm2 = family();

}  // namespace mica::tables
