// Idefics 3 and SmolVLM (HuggingFaceM4/Idefics3-8B-Llama3, HuggingFaceTB/SmolVLM2-2.2B-Instruct): square tiles and the
// whole picture behind them, a SigLIP tower, pixel shuffle and one matrix, a Llama decoder. Data only.
#include "picture_processors.hpp"
#include "siglip.hpp"
#include "tables.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"idefics3", "smolvlm"};
constexpr const char* kArchitectures[] = {"Idefics3ForConditionalGeneration", "SmolVLMForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_llama, &kind_mistral, &kind_qwen2, &kind_qwen3};
constexpr const char* kTowers[] = {"idefics3_vision", "smolvlm_vision", "idefics3", "smolvlm"};

constexpr ConfigField kRoot[] = {
    {"image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"scale_factor", FieldKind::u32, MICA_FIELD(vision.merge), 1, 16},
    no_effect("vocab_size"),  // beside text_config's, which is read
};
constexpr ConfigField kTower[] = {
    {"image_size", FieldKind::square_u32, MICA_FIELD(vision.position_pixels), 1, 16384},
    // Notes of training: the processor's file says how pictures are cut.
    no_effect("max_image_size"), no_effect("size"), no_effect("use_base_siglip"),
};
// What the code that published checkpoints were trained with had, and LlamaConfig has not.
constexpr ConfigField kText[] = {
    no_effect("_flash_attn_2_enabled"), no_effect("neftune_noise_alpha"), no_effect("perceiver_config"),
    no_effect("pixel_shuffle_factor"), no_effect("use_resampler"), only("qk_layer_norms", kOnlyFalse),
};

constexpr ProcessorField kSquareFields[] = {
    {"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size)},
    {"max_image_size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(max_image_size)},
    {"do_image_splitting", ProcessorFieldKind::boolean, MICA_PROCESSOR_FIELD(do_image_splitting)},
    {"do_resize", ProcessorFieldKind::expected, 0, true},
    {"do_center_crop", ProcessorFieldKind::expected, 0, false},
    {"do_pad", ProcessorFieldKind::no_effect},  // pictures of a batch to one size; tiles have it already
    {"crop_size", ProcessorFieldKind::crop_size, MICA_PROCESSOR_FIELD(crop_size)},  // of no effect
    {"pad_size", ProcessorFieldKind::no_effect},
    {"return_row_col_info", ProcessorFieldKind::no_effect},
    {"video_sampling", ProcessorFieldKind::no_effect},
};
constexpr std::span<const ProcessorField> kProcessorTables[] = {kProcessorFields, kSquareFields};

constexpr ProcessorValues square_values() {
  ProcessorValues values;
  for (size_t i = 0; i < 3; ++i) values.image_mean[i] = values.image_std[i] = 0.5;
  values.resample = PictureFilter::lanczos;
  values.size.longest_edge = 4 * 364;
  values.max_image_size.longest_edge = 364;
  return values;
}

constexpr PictureProcessor kProcessors[] = {
    {"Idefics3ImageProcessor", ProcessorSteps::squares, square_values(), kProcessorTables},
    {"SmolVLMImageProcessor", ProcessorSteps::squares, square_values(), kProcessorTables},
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kSiglipTower},
    {ConfigScope::vision, kSiglipImage},
    {ConfigScope::vision, kTower},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::text, kText},
};

constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kPositionsOfPixels};

constexpr TensorName kTensors[] = {
    {Slot::projector_down, Section::projector, true, "modality_projection.proj", "mm.model.fc"},
};
constexpr std::span<const TensorName> kTensorTables[] = {kDecoderTensors, kSiglipTensors, kSiglipLastNorm, kTensors};
constexpr const char* kTextRoots[] = {"model.text_model."};
constexpr const char* kOwnHeadRoots[] = {""};
constexpr const char* kVisionRoots[] = {"model.vision_model."};
constexpr const char* kProjectorRoots[] = {"model.connector."};

// The reference looks for the entry of a patch by its share of the side, in float: it is not always the patch's own.
constexpr Step kStem[] = {
    {Op::linear, Slot::patch_embedding},
    {Op::resample, Slot::position_embedding},
};
constexpr Step kProjector[] = {
    {Op::norm, Slot::post_norm},
    {Op::merge},
    {Op::linear, Slot::projector_down},
};

// Of a text file and its projector.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["Idefics3ForConditionalGeneration"], "model_type": "idefics3",
  "image_token_id": $(token <image>), "scale_factor": $(clip.vision.projector.scale_factor),
  "text_config": $(text),
  "vision_config": {
    "model_type": "idefics3_vision", "hidden_size": $(clip.vision.embedding_length),
    "intermediate_size": $(clip.vision.feed_forward_length), "num_hidden_layers": $(clip.vision.block_count),
    "num_attention_heads": $(clip.vision.attention.head_count), "image_size": $(clip.vision.image_size),
    "patch_size": $(clip.vision.patch_size), "layer_norm_eps": $(clip.vision.attention.layer_norm_epsilon),
    "hidden_act": "gelu_pytorch_tanh"}})json";
constexpr const char* kGgufProcessor = R"json({
  "image_processor_type": "Idefics3ImageProcessor", "do_image_splitting": true,
  "size": {"longest_edge": $(clip.vision.preproc_image_size|1456)},
  "max_image_size": {"longest_edge": $(clip.vision.image_size)},
  "image_mean": $(clip.vision.image_mean), "image_std": $(clip.vision.image_std)})json";

constexpr PicturePiece kPicture[] = {
    {PicturePiece::Kind::control, "<fake_token_around_image>", PieceOf::tile},
    {PicturePiece::Kind::control, "<row_{row}_col_{column}>", PieceOf::tile},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::tile},
    {PicturePiece::Kind::text, "\n", PieceOf::tile_row},
    {PicturePiece::Kind::text, "\n", PieceOf::cut},
    {PicturePiece::Kind::control, "<fake_token_around_image>", PieceOf::overview},
    {PicturePiece::Kind::control, "<global-img>", PieceOf::overview},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::overview},
    {PicturePiece::Kind::control, "<fake_token_around_image>", PieceOf::overview},
};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 128257;
  spec.vision = siglip_defaults(12, 1152, 16, 3072, 224, 32);
  spec.vision.merge = 2;
  spec.vision.projector_bias = false;
  spec.vision.position_rule = PositionRule::buckets;
  spec.vision.position_pixels = 224;
  return spec;
}

}  // namespace

extern constinit const Family idefics3 = {
    .name = "idefics3",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults(),
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kTextRoots, kOwnHeadRoots, kVisionRoots, kProjectorRoots},
    .gguf = {.projector = "idefics3", .config = kGgufConfig, .processor = kGgufProcessor},
    .stem = kStem,
    .projector = kProjector,
    .projector_title = "pixel shuffle, one matrix",
    .picture = kPicture,
};

}  // namespace mica::tables
