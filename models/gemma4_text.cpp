// Gemma 4 as text alone: windows in four layers of five or five of six, layers that borrow keys and values and that are
// told of each token itself. Data only.
#include "gemma4.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"gemma4_text"};
constexpr const char* kArchitectures[] = {"Gemma4ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_gemma4};
constexpr std::span<const TensorName> kTensors[] = {kGemma4Tensors};
constexpr GgufKind kGguf = {.architecture = "gemma4", .text = kGemma4GgufText};

constexpr Family family() {
  Family f = text_family("gemma4_text", kModelTypes, kArchitectures, kDecoders, kGguf);
  f.tensors = kTensors;
  f.unread = kGemma4Unread;
  return f;
}

}  // namespace

extern constinit const Family gemma4_text = family();

}  // namespace mica::tables
