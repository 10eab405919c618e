// ChatGLM3 and GLM-4 (THUDM/glm-4-9b-chat, with their own code): a Llama under other names, whose heads turn in their
// first half, neighbouring pairs. The family of text; the decoder of GLM-4V. Data only.
#include "chatglm.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"chatglm"};
constexpr const char* kArchitectures[] = {"ChatGLMModel", "ChatGLMForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_chatglm};

constexpr Choice kNoBits[] = {{"0", 0}};

constexpr ConfigField kFields[] = {
    {"num_layers", FieldKind::u32, MICA_FIELD(decoder.layers), 1, kLayersMax},
    {"ffn_hidden_size", FieldKind::u32, MICA_FIELD(decoder.feed_forward), 8, kFeedForwardMax},
    {"kv_channels", FieldKind::u32, MICA_FIELD(decoder.head_dim), 2, kHeadDimMax},
    {"multi_query_group_num", FieldKind::u32, MICA_FIELD(decoder.kv_heads), 1, kHeadsMax},
    {"padded_vocab_size", FieldKind::u32, MICA_FIELD(decoder.vocabulary), 1, kVocabularyMax},
    {"seq_length", FieldKind::u32, MICA_FIELD(decoder.context), 1, kContextMax},
    {"layernorm_epsilon", FieldKind::f32, MICA_FIELD(decoder.norm_epsilon), 0, 0.1},
    {"add_qkv_bias", FieldKind::boolean, MICA_FIELD(decoder.qkv_bias)},
    {"rope_ratio", FieldKind::f32, MICA_FIELD(decoder.rope.theta_factor), 1e-3, 1e9},
    only_said("multi_query_attention", kOnlyTrue),
    only("original_rope|rmsnorm|post_layer_norm", kOnlyTrue),
    only("add_bias_linear|apply_residual_connection_post_layernorm|interleaved_qkv", kOnlyFalse),
    only("quantization_bit", kNoBits),
    refused("pre_seq_len"),
    no_effect("apply_query_key_layer_scaling"),  // divides and multiplies by the same number
    no_effect("attention_softmax_in_fp32"), no_effect("fp32_residual_connection"), no_effect("bias_dropout_fusion"),
    no_effect("prefix_projection"), no_effect("boi_token_id"), no_effect("eoi_token_id"),
};
constexpr ConfigTable kConfigs[] = {{ConfigScope::text, kFields}};

constexpr TensorName kTensors[] = {
    {Slot::embedding, Section::decoder, true, "embedding.word_embeddings"},
    {Slot::final_norm, Section::decoder, true, "encoder.final_layernorm"},
    {Slot::attention_norm, Section::decoder, true, "encoder.layers.{}.input_layernorm"},
    {Slot::query, Section::decoder, true, "encoder.layers.{}.self_attention.query_key_value", nullptr,
     Stored::query_of_blocks},
    {Slot::key, Section::decoder, true, "encoder.layers.{}.self_attention.query_key_value", nullptr,
     Stored::key_of_blocks},
    {Slot::value, Section::decoder, true, "encoder.layers.{}.self_attention.query_key_value", nullptr,
     Stored::value_of_blocks},
    {Slot::output, Section::decoder, true, "encoder.layers.{}.self_attention.dense"},
    {Slot::mlp_norm, Section::decoder, true, "encoder.layers.{}.post_attention_layernorm"},
    {Slot::gate, Section::decoder, true, "encoder.layers.{}.mlp.dense_h_to_4h", nullptr, Stored::first_half},
    {Slot::up, Section::decoder, true, "encoder.layers.{}.mlp.dense_h_to_4h", nullptr, Stored::second_half},
    {Slot::down, Section::decoder, true, "encoder.layers.{}.mlp.dense_4h_to_h"},
    {Slot::lm_head, Section::head, true, "output_layer"},
};

// The defaults of ChatGLMConfig.
constexpr DecoderSpec decoder_defaults() {
  DecoderSpec spec;
  spec.layers = 28;
  spec.hidden = 4096;
  spec.heads = 32;
  spec.kv_heads = 1;
  spec.head_dim = 128;
  spec.feed_forward = 13696;
  spec.vocabulary = 65024;
  spec.context = 2048;
  spec.norm_epsilon = 1e-5f;
  spec.rope.interleaved = true;
  spec.rope.rotated_share = 0.5f;
  spec.rope.may_be_partial = true;
  return spec;
}

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.chat = 1;
  return spec;
}

constexpr Family family() {
  Family family = text_family("chatglm", kModelTypes, kArchitectures, kDecoders, {});
  family.roots[static_cast<size_t>(Section::decoder)] = kChatGlmRoots;
  family.roots[static_cast<size_t>(Section::head)] = kChatGlmRoots;
  family.defaults = defaults;
  family.chats = kChatGlmChats;
  return family;
}

}  // namespace

constinit const DecoderKind kind_chatglm = {"chatglm", decoder_defaults, kConfigs, 2, kTensors};

extern constinit const Family chatglm = family();

}  // namespace mica::tables
