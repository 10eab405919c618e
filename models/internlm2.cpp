// InternLM2 and 2.5 (internlm/internlm2_5-7b-chat), as the decoder of InternVL2: a Llama whose tensors have other names
// and whose queries, keys and values are one matrix. Data only.
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr ConfigField kBias[] = {
    {"bias", FieldKind::boolean, MICA_FIELD(decoder.qkv_bias)},
    {"bias", FieldKind::boolean, MICA_FIELD(decoder.output_bias)},
};
constexpr Choice kRopeScalings[] = {{"linear", static_cast<uint8_t>(RopeScaling::linear)},
                                    {"dynamic", static_cast<uint8_t>(RopeScaling::dynamic)}};
constexpr ConfigField kRopeType[] = {
    {"type|rope_type", FieldKind::choice, MICA_FIELD(decoder.rope.scaling), 0, 0, false, kRopeScalings},
    refused("mrope_section"),
};
constexpr ConfigTable kConfigs[] = {{ConfigScope::text, kBias}, {ConfigScope::text_rope, kRopeType}};

constexpr TensorName kTensors[] = {
    {Slot::embedding, Section::decoder, true, "tok_embeddings"},
    {Slot::final_norm, Section::decoder, true, "norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.attention_norm"},
    {Slot::query, Section::decoder, true, "layers.{}.attention.wqkv", nullptr, Stored::query_of_groups},
    {Slot::key, Section::decoder, true, "layers.{}.attention.wqkv", nullptr, Stored::key_of_groups},
    {Slot::value, Section::decoder, true, "layers.{}.attention.wqkv", nullptr, Stored::value_of_groups},
    {Slot::output, Section::decoder, true, "layers.{}.attention.wo"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.ffn_norm"},
    {Slot::gate, Section::decoder, true, "layers.{}.feed_forward.w1"},
    {Slot::up, Section::decoder, true, "layers.{}.feed_forward.w3"},
    {Slot::down, Section::decoder, true, "layers.{}.feed_forward.w2"},
    {Slot::lm_head, Section::head, false, "output"},
};

constexpr DecoderSpec defaults() {
  DecoderSpec spec;
  spec.layers = 32;
  spec.hidden = 4096;
  spec.heads = 32;
  spec.feed_forward = 11008;
  spec.vocabulary = 103168;
  spec.context = 2048;
  spec.qkv_bias = spec.output_bias = true;
  return spec;
}

}  // namespace

constinit const DecoderKind kind_internlm2 = {"internlm2", defaults, kConfigs, 2, kTensors, "InternLM2ForCausalLM"};

}  // namespace mica::tables
