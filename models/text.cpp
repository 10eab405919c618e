// Text-only families: Qwen2, Qwen3, Llama. Their decoders are the same table; what differs is defaults and chat format.
// Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kQwen2Types[] = {"qwen2"};
constexpr const char* kQwen3Types[] = {"qwen3"};
constexpr const char* kLlamaTypes[] = {"llama"};

constexpr std::span<const ConfigField> kConfigs[] = {kDecoderConfig};
constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors};

constexpr const ChatFormat* kQwenChats[] = {&chatml};
constexpr const ChatFormat* kQwen3Chats[] = {&chatml_plain};
constexpr const ChatFormat* kLlamaChats[] = {&chatml_smollm, &llama3, &llama2};

constexpr ModelSpec defaults(float theta, uint32_t context, uint32_t head_dim) {
  ModelSpec spec;
  spec.decoder.rope.theta = theta;
  spec.decoder.context = context;
  spec.decoder.head_dim = head_dim;
  return spec;
}

constexpr Family text_family(const char* name, std::span<const char* const> model_types, const ModelSpec& spec,
                             std::span<const ChatFormat* const> chats) {
  return {
      .name = name,
      .model_types = model_types,
      .defaults = spec,
      .config = kConfigs,
      .preprocessor = {},
      .derived = kDerivedTables,
      .tensors = kTensorTables,
      .roots = {kDecoderRoots, kHeadRoots, {}, {}},
      .chats = chats,
      .picture = {},
  };
}

}  // namespace

constinit const Family qwen2 = text_family("qwen2", kQwen2Types, defaults(10000.0f, 32768, 0), kQwenChats);
// Qwen3Config's head_dim is 128 where the file is silent, not hidden / heads.
constinit const Family qwen3 = text_family("qwen3", kQwen3Types, defaults(1e6f, 32768, 128), kQwen3Chats);
constinit const Family llama = text_family("llama", kLlamaTypes, defaults(10000.0f, 2048, 0), kLlamaChats);

}  // namespace mica::tables
