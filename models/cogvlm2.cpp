// CogVLM2 (THUDM/cogvlm2-llama3-chat-19B, with its own code): the tower of eva2_clip.hpp, and a Llama 3 whose visual
// rows have matrices of their own. config.json has no model_type. Data only.
#include "eva2_clip.hpp"

namespace mica::tables {
namespace {

constexpr const char* kArchitectures[] = {"CogVLMForCausalLM"};

constexpr Choice kTemplates[] = {{"chat", 1}, {"vqa", 2}, {"base", 0}};
constexpr const ChatFormat* kChats[] = {&cogvlm2_turns, &cogvlm2_short_turns};

constexpr ConfigField kText[] = {
    {"num_multi_query_heads", FieldKind::u32, MICA_FIELD(decoder.kv_heads), 1, kHeadsMax},
};
constexpr ConfigTable kTextConfigs[] = {{ConfigScope::text, kText}};

constexpr TensorName kDecoderNames[] = {
    {Slot::embedding, Section::decoder, true, "embed_tokens"},
    {Slot::final_norm, Section::decoder, true, "norm"},
    {Slot::attention_norm, Section::decoder, true, "layers.{}.input_layernorm"},
    {Slot::query, Section::decoder, true, "layers.{}.self_attn.language_expert_query_key_value", nullptr,
     Stored::query_of_blocks},
    {Slot::key, Section::decoder, true, "layers.{}.self_attn.language_expert_query_key_value", nullptr,
     Stored::key_of_blocks},
    {Slot::value, Section::decoder, true, "layers.{}.self_attn.language_expert_query_key_value", nullptr,
     Stored::value_of_blocks},
    {Slot::visual_query, Section::decoder, true, "layers.{}.self_attn.vision_expert_query_key_value", nullptr,
     Stored::query_of_blocks},
    {Slot::visual_key, Section::decoder, true, "layers.{}.self_attn.vision_expert_query_key_value", nullptr,
     Stored::key_of_blocks},
    {Slot::visual_value, Section::decoder, true, "layers.{}.self_attn.vision_expert_query_key_value", nullptr,
     Stored::value_of_blocks},
    {Slot::output, Section::decoder, true, "layers.{}.self_attn.language_expert_dense"},
    {Slot::visual_output, Section::decoder, true, "layers.{}.self_attn.vision_expert_dense"},
    {Slot::mlp_norm, Section::decoder, true, "layers.{}.post_attention_layernorm"},
    {Slot::gate, Section::decoder, true, "layers.{}.mlp.language_mlp.gate_proj"},
    {Slot::up, Section::decoder, true, "layers.{}.mlp.language_mlp.up_proj"},
    {Slot::down, Section::decoder, true, "layers.{}.mlp.language_mlp.down_proj"},
    {Slot::visual_gate, Section::decoder, true, "layers.{}.mlp.vision_mlp.gate_proj"},
    {Slot::visual_up, Section::decoder, true, "layers.{}.mlp.vision_mlp.up_proj"},
    {Slot::visual_down, Section::decoder, true, "layers.{}.mlp.vision_mlp.down_proj"},
    {Slot::lm_head, Section::head, true, "lm_head"},
};

// The defaults of CogVLMConfig, and the base of RoPE that its code has.
constexpr DecoderSpec decoder_defaults() {
  DecoderSpec spec;
  spec.layers = 32;
  spec.hidden = 4096;
  spec.heads = 32;
  spec.kv_heads = 8;
  spec.feed_forward = 11008;
  spec.vocabulary = 32000;
  spec.context = 2048;
  spec.rope.theta = 500000.0f;
  return spec;
}
constexpr DecoderKind kDecoder = {"cogvlm2", decoder_defaults, kTextConfigs, 2, kDecoderNames};
constexpr const DecoderKind* kDecoders[] = {&kDecoder};

constexpr ConfigField kRoot[] = {
    {"pad_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax, true},
    {"template_version", FieldKind::choice, MICA_FIELD(chat), 0, 0, false, kTemplates},
};
constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kEva2ClipTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr DerivedField kDerived[] = {
    {MICA_FIELD(vision.projector_merged), MICA_FIELD(vision.hidden)},
    {MICA_FIELD(vision.projector_hidden), MICA_FIELD(decoder.feed_forward)},
};
constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kDerived};
constexpr std::span<const TensorName> kTensorTables[] = {kEva2ClipTensors};
constexpr const char* kDecoderRoot[] = {"model."};
constexpr const char* kHeadRoot[] = {""};
constexpr const char* kVisionRoots[] = {"model.vision."};

constexpr ModelSpec defaults() {
  ModelSpec spec = eva2_clip_defaults();
  spec.chat = 1;
  spec.picture_ends_as_text = true;  // a row is visual where the one behind it is of the picture, too
  return spec;
}

}  // namespace

extern constinit const Family cogvlm2 = {
    .name = "cogvlm2",
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .config = kConfigs,
    .processors = kEva2ClipProcessors,
    .published_processor = kEva2ClipProcessors,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoot, kHeadRoot, kVisionRoots, kVisionRoots},
    .stem = kEva2ClipStem,
    .projector = kEva2ClipProjector,
    .projector_title = "convolution, gated MLP",
    .picture = kEva2ClipPicture,
    .chats = kChats,
};

}  // namespace mica::tables
