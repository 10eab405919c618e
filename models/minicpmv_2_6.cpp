// MiniCPM-V 2.6 (openbmb/MiniCPM-V-2_6, with its own code): slices of about one size behind the whole picture, a SigLIP
// tower for any grid, queries that look at its rows, a Qwen2 decoder. Data only.
#include "picture_processors.hpp"
#include "resampler_steps.hpp"
#include "siglip.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"minicpmv"};
constexpr const char* kArchitectures[] = {"MiniCPMV"};
constexpr const DecoderKind* kDecoders[] = {&kind_qwen2};
constexpr const char* kTowers[] = {"siglip", "siglip_vision_model"};

constexpr Choice kVersion[] = {{"2.6", 0}};  // others have other decoders, towers and prompts

constexpr ConfigField kRoot[] = {
    only_said("version", kVersion),
    {"query_num", FieldKind::u32, MICA_FIELD(vision.queries), 1, 4096},
    {"drop_vision_last_layer", FieldKind::boolean, MICA_FIELD(vision.drops_last_layer)},
    // How pictures are cut, the processor's file says.
    no_effect("slice_config"), no_effect("slice_mode"), no_effect("image_size"), no_effect("patch_size"),
    no_effect("use_image_id"), no_effect("batch_vision_input"),
};

constexpr ConfigField kTower[] = {
    {"num_hidden_layers", FieldKind::u32, MICA_FIELD(vision.layers), 1, kLayersMax},
    {"hidden_size", FieldKind::u32, MICA_FIELD(vision.hidden), 8, kHiddenMax},
    {"num_attention_heads", FieldKind::u32, MICA_FIELD(vision.heads), 1, kHeadsMax},
    {"intermediate_size", FieldKind::u32, MICA_FIELD(vision.feed_forward), 8, kFeedForwardMax},
    {"image_size", FieldKind::u32, MICA_FIELD(vision.position_pixels), 1, 16384},  // of the table of positions alone
    {"patch_size", FieldKind::u32, MICA_FIELD(vision.patch), 1, 256},
    {"layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.norm_epsilon), 0, 0.1},
    {"hidden_act", FieldKind::choice, MICA_FIELD(vision.activation), 0, 0, false, kActivations},
    only("num_channels", kOnlyThree),
};

constexpr ProcessorField kSliceFields[] = {
    {"max_slice_nums", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(max_patches), 1, 255},
    {"scale_resolution", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(scale_resolution), 1, 16384},
    {"patch_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(patch_size), 1, 256},
    {"image_feature_size", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(image_feature_size), 1, 4096},
    {"norm_mean", ProcessorFieldKind::colors, MICA_PROCESSOR_FIELD(image_mean), -1e3, 1e3},
    {"norm_std", ProcessorFieldKind::colors, MICA_PROCESSOR_FIELD(image_std), 1e-6, 1e3},
    {"slice_mode", ProcessorFieldKind::expected, 0, true},
    {"use_image_id", ProcessorFieldKind::expected, 0, true},
    // Texts of tokens, as the family's prompts have them, and what config.json says, too.
    {"im_start", ProcessorFieldKind::no_effect},    {"im_end", ProcessorFieldKind::no_effect},
    {"slice_start", ProcessorFieldKind::no_effect}, {"slice_end", ProcessorFieldKind::no_effect},
    {"unk", ProcessorFieldKind::no_effect},         {"im_id_start", ProcessorFieldKind::no_effect},
    {"im_id_end", ProcessorFieldKind::no_effect},   {"version", ProcessorFieldKind::no_effect},
    {"auto_map", ProcessorFieldKind::no_effect},
};
constexpr std::span<const ProcessorField> kProcessorTables[] = {kSliceFields};

constexpr ProcessorValues slice_values() {
  ProcessorValues values;
  for (size_t i = 0; i < 3; ++i) values.image_mean[i] = values.image_std[i] = 0.5;
  values.max_patches = 9;
  values.scale_resolution = 448;
  values.patch_size = 14;
  values.image_feature_size = 64;
  return values;
}
constexpr PictureProcessor kProcessors[] = {
    {"MiniCPMVImageProcessor", ProcessorSteps::slices, slice_values(), kProcessorTables}};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kPositionsOfPixels};

constexpr TensorName kTensors[] = {
    {Slot::resampler_in, Section::projector, true, "kv_proj", "resampler.kv"},
    {Slot::resampler_norm, Section::projector, true, "ln_kv", "resampler.ln_kv"},
    {Slot::resampler_query_norm, Section::projector, true, "ln_q", "resampler.ln_q"},
    {Slot::resampler_queries, Section::projector, true, "query", "resampler.query"},
    {Slot::resampler_query, Section::projector, true, "attn.in_proj_",
     "resampler.attn.q|resampler.attn.k|resampler.attn.v", Stored::query_of_blocks},
    {Slot::resampler_key, Section::projector, true, "attn.in_proj_", nullptr, Stored::key_of_blocks},
    {Slot::resampler_value, Section::projector, true, "attn.in_proj_", nullptr, Stored::value_of_blocks},
    {Slot::resampler_output, Section::projector, true, "attn.out_proj", "resampler.attn.out"},
    {Slot::resampler_post_norm, Section::projector, true, "ln_post", "resampler.ln_post"},
    {Slot::resampler_out, Section::projector, true, "proj", "^resampler.proj", Stored::transposed},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kSiglipTensors, kSiglipLastNorm, kTensors};
constexpr const char* kTextRoots[] = {"llm.model."};
constexpr const char* kOwnHeadRoots[] = {"llm."};
constexpr const char* kVisionRoots[] = {"vpm."};
constexpr const char* kProjectorRoots[] = {"resampler."};

// Of a text file and its projector, whose numbers llama.cpp counts: 3 is 2.6.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["MiniCPMV"], "model_type": "minicpmv",
  "version": "$(clip.minicpmv_version=3?2.6:of another clip.minicpmv_version)",
  "query_num": $(rows resampler.query), "drop_vision_last_layer": false,
  "text_config": $(text),
  "vision_config": {
    "hidden_size": $(clip.vision.embedding_length), "intermediate_size": $(clip.vision.feed_forward_length),
    "num_hidden_layers": $(clip.vision.block_count), "num_attention_heads": $(clip.vision.attention.head_count),
    "image_size": $(side v.position_embd.weight clip.vision.patch_size), "patch_size": $(clip.vision.patch_size),
    "layer_norm_eps": $(clip.vision.attention.layer_norm_epsilon), "hidden_act": "gelu_pytorch_tanh"}})json";
// How many slices a picture has at most no key says: as many as the published checkpoint's and llama.cpp's.
constexpr const char* kGgufProcessor = R"json({
  "image_processor_type": "MiniCPMVImageProcessor", "max_slice_nums": 9,
  "scale_resolution": $(clip.vision.image_size), "patch_size": $(clip.vision.patch_size),
  "image_feature_size": $(rows resampler.query),
  "norm_mean": $(clip.vision.image_mean), "norm_std": $(clip.vision.image_std)})json";
constexpr const char* kUnread[] = {"resampler.pos_embed_k"};  // of GGUF files: positions, which are computed

constexpr Step kStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::resample, Slot::position_embedding},
};

constexpr Step kProjector[] = {
    {Op::norm, Slot::post_norm},
    kResamplerIn, kResamplerNorm, kResamplerAttend, kResamplerPostNorm, kResamplerOut,
};

constexpr const char* kFrame[] = {"<image>", "</image>", "<slice>", "</slice>"};
constexpr PicturePiece kPicture[] = {
    {PicturePiece::Kind::control, "<image_id>"},
    {PicturePiece::Kind::text, "{index}"},
    {PicturePiece::Kind::control, "</image_id>"},
    {PicturePiece::Kind::control, "<image>"},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::overview},
    {PicturePiece::Kind::control, "</image>", PieceOf::overview},
    {PicturePiece::Kind::control, "<slice>", PieceOf::tile},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::tile},
    {PicturePiece::Kind::control, "</slice>", PieceOf::tile},
    {PicturePiece::Kind::text, "\n", PieceOf::tile_row_but_last},
    {PicturePiece::Kind::text, "\n"},
};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.vision = siglip_defaults(12, 768, 12, 3072, 0, 16);
  spec.vision.position_rule = PositionRule::buckets;
  spec.vision.position_pixels = 224;
  spec.vision.last_norm = true;
  spec.vision.drops_last_layer = true;
  spec.vision.queries = 64;
  spec.vision.query_head = 128;
  return spec;
}

}  // namespace

extern constinit const Family minicpmv_2_6 = {
    .name = "minicpmv_2_6",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested_or_root,  // nested of GGUF files
    .towers = kTowers,
    .vision_absent = R"({"hidden_size": 1152, "image_size": 980, "intermediate_size": 4304, "num_attention_heads": 16,
                         "num_hidden_layers": 27, "patch_size": 14})",
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = kProcessors,
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .unread = kUnread,
    .roots = {kTextRoots, kOwnHeadRoots, kVisionRoots, kProjectorRoots},
    .gguf = {.projector = "resampler", .config = kGgufConfig, .processor = kGgufProcessor},
    .stem = kStem,
    .projector = kProjector,
    .projector_title = "queries that look at patches",
    .picture = kPicture,
    .picture_frame = kFrame,
};

}  // namespace mica::tables
