// Gemma 3 (google/gemma-3-4b-it): a SigLIP tower whose rows are averaged over squares, one matrix, a decoder in which the
// rows of a picture see each other. Data only.
#include "gemma.hpp"
#include "picture_processors.hpp"
#include "siglip.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"gemma3"};
constexpr const char* kArchitectures[] = {"Gemma3ForConditionalGeneration"};
constexpr const DecoderKind* kDecoders[] = {&kind_gemma3_pictured};
constexpr const char* kTowers[] = {"siglip_vision_model"};

constexpr ConfigField kRoot[] = {
    {"image_token_index|image_token_id", FieldKind::i32, MICA_FIELD(picture_token), 0, kVocabularyMax},
    {"mm_tokens_per_image", FieldKind::u32, MICA_FIELD(vision.picture_tokens), 1, kPositionsMax},
    no_effect("boi_token_index|eoi_token_index|boi_token_id|eoi_token_id"),  // prompts name them by their texts
};

constexpr ProcessorField kPanAndScan[] = {
    {"do_pan_and_scan", ProcessorFieldKind::expected, 0, false},
    {"pan_and_scan_min_crop_size", ProcessorFieldKind::no_effect},
    {"pan_and_scan_max_num_crops", ProcessorFieldKind::no_effect},
    {"pan_and_scan_min_ratio_to_activate", ProcessorFieldKind::no_effect},
};
constexpr std::span<const ProcessorField> kProcessorTables[] = {kProcessorFields, kNoCropFields, kOneSize, kPanAndScan};

constexpr ProcessorValues bilinear_values(uint32_t side) {
  ProcessorValues values = half_colors({});
  values.default_to_square = true;
  values.resample = PictureFilter::bilinear;
  values.size.height = values.size.width = side;
  return values;
}
constexpr PictureProcessor kProcessors[] = {
    {"Gemma3ImageProcessor", ProcessorSteps::resize_crop, bilinear_values(224), kProcessorTables}};

// The norm behind the average has the tower's epsilon; the file says it once.
constexpr ConfigField kProjectorNorm[] = {
    {"layer_norm_eps", FieldKind::f32, MICA_FIELD(vision.projector_norm_epsilon), 0, 0.1},
};

constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kSiglipTower},
    {ConfigScope::vision, kSiglipImage},
    {ConfigScope::vision, kProjectorNorm},
    {ConfigScope::vision, kTowerForeign},
};

constexpr DerivedField kProjectorWidth[] = {{MICA_FIELD(vision.projector_hidden), MICA_FIELD(decoder.hidden)}};
constexpr std::span<const DerivedField> kDerivedTables[] = {kDecoderDerived, kProjectorWidth};

constexpr TensorName kTensors[] = {
    {Slot::projector_norm, Section::projector, true, "mm_soft_emb_norm", "mm.soft_emb_norm", Stored::as_it_is, 1},
    {Slot::projector_up, Section::projector, true, "mm_input_projection_weight", "mm.input_projection",
     Stored::transposed},
};
constexpr std::span<const TensorName> kTensorTables[] = {
    kGemmaTensors, kGemma2Norms, kGemma3Norms, kSiglipTensors, kSiglipLastNorm, kTensors};

constexpr const char* kProjectorRoots[] = {"multi_modal_projector.", "model.multi_modal_projector."};

constexpr Step kProjector[] = {
    {Op::norm, Slot::post_norm}, {Op::pool}, {Op::norm, Slot::projector_norm}, {Op::linear, Slot::projector_up},
};

// Of a text file and its projector.
constexpr const char* kGgufConfig = R"json({
  "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
  "image_token_index": $(token <image_soft_token>),
  "mm_tokens_per_image": $(squares clip.vision.image_size clip.vision.patch_size clip.vision.projector.scale_factor|4),
  "text_config": $(text),
  "vision_config": {
    "model_type": "siglip_vision_model", "hidden_size": $(clip.vision.embedding_length),
    "intermediate_size": $(clip.vision.feed_forward_length), "num_hidden_layers": $(clip.vision.block_count),
    "num_attention_heads": $(clip.vision.attention.head_count), "image_size": $(clip.vision.image_size),
    "patch_size": $(clip.vision.patch_size), "layer_norm_eps": $(clip.vision.attention.layer_norm_epsilon),
    "hidden_act": "gelu_pytorch_tanh"}})json";
constexpr const char* kGgufProcessor = R"json({
  "image_processor_type": "Gemma3ImageProcessor",
  "size": {"height": $(clip.vision.image_size), "width": $(clip.vision.image_size)},
  "image_mean": $(clip.vision.image_mean), "image_std": $(clip.vision.image_std)})json";

constexpr PicturePiece kPicture[] = {
    {PicturePiece::Kind::text, "\n\n"},
    {PicturePiece::Kind::control, "<start_of_image>"},
    {PicturePiece::Kind::tokens},
    {PicturePiece::Kind::control, "<end_of_image>"},
    {PicturePiece::Kind::text, "\n\n"},
};

constexpr ModelSpec defaults() {
  ModelSpec spec;
  spec.has_vision = true;
  spec.picture_token = 262144;
  spec.vision = siglip_defaults(12, 768, 12, 3072, 224, 16);
  spec.vision.last_norm = true;
  spec.vision.picture_tokens = 256;
  spec.vision.projector_norm = Norm::rms;
  spec.vision.projector_bias = false;
  return spec;
}

}  // namespace

extern constinit const Family gemma3 = {
    .name = "gemma3",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kDecoders,
    .text = TextPlace::nested,
    .towers = kTowers,
    .config = kConfigs,
    .processors = kProcessors,
    .published_processor = &kProcessors[0],
    .derived = kDerivedTables,
    .tensors = kTensorTables,
    .roots = {kDecoderRoots, kHeadRoots, kTowerRoots, kProjectorRoots},
    .gguf = {.projector = "gemma3", .config = kGgufConfig, .processor = kGgufProcessor},
    .stem = kSiglipStem,
    .projector = kProjector,
    .projector_title = "average, one matrix",
    .picture = kPicture,
    .picture_in_template = "<start_of_image>",
};

}  // namespace mica::tables
