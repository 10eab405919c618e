// The tables that several families share: where config.json describes a decoder of the Llama kind, how its tensors are
// named, how pictures are normalised. Data; each family's own is in its file.
#pragma once

#include <cstddef>
#include <span>

#include "family.hpp"

// The offset of a field of ModelSpec, as the tables name their targets.
#define MICA_FIELD(field) static_cast<uint16_t>(offsetof(::mica::ModelSpec, field))

namespace mica::tables {

// Bounds of the numbers of a shape: four times the largest published value of each.
inline constexpr double kLayersMax = 512, kHiddenMax = 65536, kFeedForwardMax = 262144, kHeadsMax = 1024,
                        kHeadDimMax = 512, kVocabularyMax = 1 << 20, kContextMax = 1 << 24;

inline constexpr Choice kActivations[] = {
    {"silu", static_cast<uint8_t>(Activation::silu)},
    {"swish", static_cast<uint8_t>(Activation::silu)},
    {"gelu", static_cast<uint8_t>(Activation::gelu)},
    {"gelu_pytorch_tanh", static_cast<uint8_t>(Activation::gelu_tanh)},
    {"gelu_new", static_cast<uint8_t>(Activation::gelu_tanh)},
    {"quick_gelu", static_cast<uint8_t>(Activation::quick_gelu)},
};

inline constexpr Choice kRopeScalings[] = {
    {"default", static_cast<uint8_t>(RopeScaling::none)},
    {"mrope", static_cast<uint8_t>(RopeScaling::none)},  // what M-RoPE adds is in its sections
    {"linear", static_cast<uint8_t>(RopeScaling::linear)},
    {"llama3", static_cast<uint8_t>(RopeScaling::llama3)},
};

inline constexpr Choice kOnlyFalse[] = {{"false", 0}};

inline constexpr ConfigField kDecoderConfig[] = {
    {"text_config.num_hidden_layers|num_hidden_layers", FieldKind::u32, MICA_FIELD(decoder.layers), 1, kLayersMax},
    {"text_config.hidden_size|hidden_size", FieldKind::u32, MICA_FIELD(decoder.hidden), 8, kHiddenMax},
    {"text_config.intermediate_size|intermediate_size", FieldKind::u32, MICA_FIELD(decoder.feed_forward), 8,
     kFeedForwardMax},
    {"text_config.num_attention_heads|num_attention_heads", FieldKind::u32, MICA_FIELD(decoder.heads), 1, kHeadsMax},
    {"text_config.num_key_value_heads|num_key_value_heads", FieldKind::u32, MICA_FIELD(decoder.kv_heads), 1, kHeadsMax},
    {"text_config.head_dim|head_dim", FieldKind::u32, MICA_FIELD(decoder.head_dim), 2, kHeadDimMax},
    {"text_config.vocab_size|vocab_size", FieldKind::u32, MICA_FIELD(decoder.vocabulary), 1, kVocabularyMax},
    {"text_config.max_position_embeddings|max_position_embeddings", FieldKind::u32, MICA_FIELD(decoder.context), 1,
     kContextMax},
    {"text_config.rms_norm_eps|rms_norm_eps", FieldKind::f32, MICA_FIELD(decoder.norm_epsilon), 0, 0.1},
    {"text_config.hidden_act|hidden_act", FieldKind::choice, MICA_FIELD(decoder.activation), 0, 0, false, kActivations},
    {"text_config.tie_word_embeddings|tie_word_embeddings", FieldKind::boolean, MICA_FIELD(decoder.tied_embeddings)},
    {"text_config.rope_parameters.rope_theta|text_config.rope_theta|rope_parameters.rope_theta|rope_theta",
     FieldKind::f32, MICA_FIELD(decoder.rope.theta), 1, 1e12},
    {"text_config.rope_parameters.rope_type|text_config.rope_scaling.rope_type|text_config.rope_scaling.type|"
     "rope_parameters.rope_type|rope_scaling.rope_type|rope_scaling.type",
     FieldKind::choice, MICA_FIELD(decoder.rope.scaling), 0, 0, false, kRopeScalings},
    {"text_config.rope_parameters.mrope_section|text_config.rope_scaling.mrope_section|rope_parameters.mrope_section|"
     "rope_scaling.mrope_section",
     FieldKind::u32x3, MICA_FIELD(decoder.rope.sections), 0, kHeadDimMax},
    {"text_config.rope_parameters.factor|text_config.rope_scaling.factor|rope_parameters.factor|rope_scaling.factor",
     FieldKind::f32, MICA_FIELD(decoder.rope.factor), 1e-3, 1e6},
    {"text_config.rope_parameters.low_freq_factor|text_config.rope_scaling.low_freq_factor|"
     "rope_parameters.low_freq_factor|rope_scaling.low_freq_factor",
     FieldKind::f32, MICA_FIELD(decoder.rope.low_frequency_factor), 1e-3, 1e6},
    {"text_config.rope_parameters.high_freq_factor|text_config.rope_scaling.high_freq_factor|"
     "rope_parameters.high_freq_factor|rope_scaling.high_freq_factor",
     FieldKind::f32, MICA_FIELD(decoder.rope.high_frequency_factor), 1e-3, 1e6},
    {"text_config.rope_parameters.original_max_position_embeddings|text_config.rope_scaling.original_max_position_"
     "embeddings|"
     "rope_parameters.original_max_position_embeddings|rope_scaling.original_max_position_embeddings",
     FieldKind::u32, MICA_FIELD(decoder.rope.original_context), 1, kContextMax},
    {"mica_rope_interleaved", FieldKind::boolean, MICA_FIELD(decoder.rope.interleaved)},
    {"text_config.use_sliding_window|use_sliding_window", FieldKind::choice, MICA_FIELD(accepted), 0, 0, false,
     kOnlyFalse},
};

inline constexpr DerivedField kDecoderDerived[] = {
    {MICA_FIELD(decoder.kv_heads), MICA_FIELD(decoder.heads)},
    {MICA_FIELD(decoder.head_dim), MICA_FIELD(decoder.hidden), DerivedField::kOne, MICA_FIELD(decoder.heads)},
};

inline constexpr TensorName kDecoderTensors[] = {
    {Slot::embedding, Part::decoder, false, true, "embed_tokens"},
    {Slot::final_norm, Part::decoder, false, true, "norm"},
    {Slot::attention_norm, Part::decoder, true, true, "layers.{}.input_layernorm"},
    {Slot::query, Part::decoder, true, true, "layers.{}.self_attn.q_proj"},
    {Slot::key, Part::decoder, true, true, "layers.{}.self_attn.k_proj"},
    {Slot::value, Part::decoder, true, true, "layers.{}.self_attn.v_proj"},
    {Slot::output, Part::decoder, true, true, "layers.{}.self_attn.o_proj"},
    {Slot::query_norm, Part::decoder, true, false, "layers.{}.self_attn.q_norm"},
    {Slot::key_norm, Part::decoder, true, false, "layers.{}.self_attn.k_norm"},
    {Slot::mlp_norm, Part::decoder, true, true, "layers.{}.post_attention_layernorm"},
    {Slot::gate, Part::decoder, true, true, "layers.{}.mlp.gate_proj"},
    {Slot::up, Part::decoder, true, true, "layers.{}.mlp.up_proj"},
    {Slot::down, Part::decoder, true, true, "layers.{}.mlp.down_proj"},
    {Slot::lm_head, Part::head, false, false, "lm_head"},
};

inline constexpr Choice kFilters[] = {  // PIL's numbers
    {"2", static_cast<uint8_t>(PictureFilter::bilinear)},
    {"3", static_cast<uint8_t>(PictureFilter::bicubic)},
};

inline constexpr ConfigField kPictureNorm[] = {
    {"do_rescale", FieldKind::boolean, MICA_FIELD(pictures.do_rescale)},
    {"do_normalize", FieldKind::boolean, MICA_FIELD(pictures.do_normalize)},
    {"rescale_factor", FieldKind::f64, MICA_FIELD(pictures.rescale), 1e-9, 1e3},
    {"image_mean", FieldKind::f32x3, MICA_FIELD(pictures.mean), -1e3, 1e3},
    {"image_std", FieldKind::f32x3, MICA_FIELD(pictures.std), 1e-6, 1e3},
    {"resample", FieldKind::choice, MICA_FIELD(pictures.filter), 0, 0, false, kFilters},
};

inline constexpr const char* kDecoderRoots[] = {"model.", "language_model.model.", "model.language_model."};
inline constexpr const char* kHeadRoots[] = {"", "language_model.", "model.language_model."};

extern const ChatFormat chatml;
extern const ChatFormat chatml_plain;
extern const ChatFormat chatml_smollm;
extern const ChatFormat llama2;
extern const ChatFormat llama3;
extern const ChatFormat vicuna;

extern const Family qwen2_vl;
extern const Family llava;
extern const Family internvl;
extern const Family qwen2;
extern const Family qwen3;
extern const Family llama;

}  // namespace mica::tables
