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
                        kHeadDimMax = 512, kVocabularyMax = 1 << 20, kContextMax = 1 << 24, kPositionsMax = 65536;

inline constexpr Choice kActivations[] = {
    {"silu", static_cast<uint8_t>(Activation::silu)},
    {"swish", static_cast<uint8_t>(Activation::silu)},
    {"gelu", static_cast<uint8_t>(Activation::gelu)},
    {"gelu_pytorch_tanh", static_cast<uint8_t>(Activation::gelu_tanh)},
    {"gelu_new", static_cast<uint8_t>(Activation::gelu_tanh)},
    {"quick_gelu", static_cast<uint8_t>(Activation::quick_gelu)},
};

// Classes of transformers.
extern const DecoderKind kind_llama;
extern const DecoderKind kind_mistral;
extern const DecoderKind kind_ministral3;
extern const DecoderKind kind_qwen2;
extern const DecoderKind kind_qwen3;
extern const DecoderKind kind_granite;
extern const DecoderKind kind_phi3;
extern const DecoderKind kind_lfm2;
extern const DecoderKind kind_qwen3_5;
extern const DecoderKind kind_qwen2_vl;
extern const DecoderKind kind_qwen2_5_vl;
extern const DecoderKind kind_qwen3_vl;
extern const DecoderKind kind_gemma;
extern const DecoderKind kind_gemma2;
extern const DecoderKind kind_gemma3;
extern const DecoderKind kind_gemma4;
extern const DecoderKind kind_gemma4_unified;
// Where pictures, or whole prompts, are seen both ways.
extern const DecoderKind kind_gemma3_pictured;
extern const DecoderKind kind_gemma_prompted;
extern const DecoderKind kind_gemma2_prompted;
extern const DecoderKind kind_glm4v;
extern const DecoderKind kind_glm_ocr;
extern const DecoderKind kind_paddleocr_vl;
// Of their own code.
extern const DecoderKind kind_internlm2;
extern const DecoderKind kind_chatglm;

inline constexpr Choice kOnlyFalse[] = {{"false", 0}};
inline constexpr Choice kOnlyTrue[] = {{"true", 1}};
inline constexpr Choice kOnlyOne[] = {{"1", 1}};
inline constexpr Choice kOnlyThree[] = {{"3", 3}};

// A field that changes the result elsewhere and that mica runs with these values only.
constexpr ConfigField only(const char* paths, std::span<const Choice> values) {
  return {paths, FieldKind::only, 0, 0, 0, false, values};
}
// The same where the class's own default is another one: it must be said.
constexpr ConfigField only_said(const char* paths, std::span<const Choice> values) {
  return {paths, FieldKind::only, 0, 0, 0, true, values};
}
constexpr ConfigField refused(const char* paths) { return {paths, FieldKind::absent, 0}; }
constexpr ConfigField no_effect(const char* paths) { return {paths, FieldKind::no_effect, 0}; }

// The placeholder of a video's frames.
inline constexpr ConfigField kVideoToken = {"video_token_index|video_token_id", FieldKind::i32,
                                            MICA_FIELD(video_token), 0, kVocabularyMax};

inline constexpr ConfigField kVideoTokens[] = {kVideoToken};

inline constexpr DerivedField kDecoderDerived[] = {
    {MICA_FIELD(decoder.kv_heads), MICA_FIELD(decoder.heads)},
    {MICA_FIELD(decoder.head_dim), MICA_FIELD(decoder.hidden), DerivedField::kOne, DerivedField::kOne,
     MICA_FIELD(decoder.heads)},
};

inline constexpr TensorName kDecoderTensors[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens", "token_embd"},
    {Slot::final_norm, Section::decoder, true, "norm", "output_norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {Slot::query_norm, Section::decoder, false, "layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm"},
    {Slot::key_norm, Section::decoder, false, "layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {Slot::gate, Section::decoder, true, "layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {Slot::up, Section::decoder, true, "layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {Slot::lm_head, Section::head, false, "lm_head", "output"},
};

// RoPE of towers that turn with a patch's row and column.
inline constexpr Choice kTowerRopes[] = {{"axial", 0}, {"default", 0}};
inline constexpr ConfigField kTowerRope[] = {
    {"rope_theta", FieldKind::f32, MICA_FIELD(vision.rope_theta), 1, 1e12},
    only("rope_type|type", kTowerRopes), only("partial_rotary_factor", kOnlyOne),
};

// Between the matrices of a projector as wide as what it joins.
inline constexpr DerivedField kProjectorAsJoined[] = {
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(vision.hidden), MICA_FIELD(vision.merge),
     MICA_FIELD(vision.merge)},
};

// A table of positions of as many patches as a picture of position_pixels has.
inline constexpr DerivedField kPositionsOfPixels[] = {
    {MICA_FIELD(vision.position_side), MICA_FIELD(vision.position_pixels), DerivedField::kOne, DerivedField::kOne,
     MICA_FIELD(vision.patch)},
    {MICA_FIELD(vision.position_count), MICA_FIELD(vision.position_side), MICA_FIELD(vision.position_side)},
};

// What no tower of ours is or has.
inline constexpr ConfigField kTowerForeign[] = {
    only("is_encoder_decoder|add_cross_attention", kOnlyFalse), refused("pruned_heads"),
};
inline constexpr Choice kSelectStrategies[] = {{"default", 0}, {"full", 1}};
// As transformers writes it for models whose text_config may say it too, which then wins.
inline constexpr ConfigField kRootTie[] = {
    {"tie_word_embeddings", FieldKind::boolean, MICA_FIELD(decoder.tied_embeddings)},
};

inline constexpr ConfigField kPictureToken[] = {
    {"image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
};

inline constexpr const char* kDecoderRoots[] = {"model.", "language_model.model.", "model.language_model."};
inline constexpr const char* kTowerRoots[] = {"vision_tower.vision_model.", "vision_tower.",
                                              "model.vision_tower.vision_model.", "model.vision_tower."};
inline constexpr const char* kHeadRoots[] = {"", "language_model.", "model.language_model."};

inline constexpr PicturePiece kQwenPicture[] = {
    {PicturePiece::Kind::control, "<|vision_start|>"},
    {PicturePiece::Kind::tokens},
    {PicturePiece::Kind::control, "<|vision_end|>"},
};

extern const ChatFormat chatml;
extern const ChatFormat llama2;
extern const ChatFormat llama3;
extern const ChatFormat llama31;
extern const ChatFormat vicuna;
extern const ChatFormat internvl2_turns;
extern const ChatFormat internvl25_turns;
extern const ChatFormat internvl2_phi3_turns;
extern const ChatFormat qwen_vl_turns;
extern const ChatFormat glm4_turns;
extern const ChatFormat cogvlm2_turns;
extern const ChatFormat cogvlm2_short_turns;
extern const ChatFormat gemma4_turns;
extern const ChatFormat gemma_turns;
extern const ChatFormat paligemma_turns;

constexpr std::span<const DerivedField> kDecoderDerivedOnly[] = {kDecoderDerived};
constexpr std::span<const TensorName> kDecoderTensorsOnly[] = {kDecoderTensors};

// A family of text alone: what differs is the class of the decoder.
constexpr Family text_family(const char* name, std::span<const char* const> model_types,
                             std::span<const char* const> architectures, std::span<const DecoderKind* const> decoder,
                             const GgufKind& gguf) {
  Family family = {};
  family.name = name;
  family.model_types = model_types;
  family.architectures = architectures;
  family.decoders = decoder;
  family.gguf = gguf;
  family.derived = kDecoderDerivedOnly;
  family.tensors = kDecoderTensorsOnly;
  family.roots[static_cast<size_t>(Section::decoder)] = kDecoderRoots;
  family.roots[static_cast<size_t>(Section::head)] = kHeadRoots;
  return family;
}

}  // namespace mica::tables
