// SmolVLM2 (HuggingFaceTB/SmolVLM2-2.2B-Instruct): as Idefics 3, and videos, whose frames are whole and stand with the
// time when each is seen. Data only.
#include "idefics3.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"smolvlm"};
constexpr const char* kArchitectures[] = {"SmolVLMForConditionalGeneration"};

constexpr ConfigField kRoot[] = {
    {"image_token_id", FieldKind::i32, MICA_FIELD(video_token), 0, kVocabularyMax},  // of frames, too
};
constexpr ConfigTable kConfigs[] = {
    {ConfigScope::root, kRootTie},
    {ConfigScope::root, kIdefics3Root},
    {ConfigScope::root, kRoot},
    {ConfigScope::vision, kSiglipTower},
    {ConfigScope::vision, kSiglipImage},
    {ConfigScope::vision, kIdefics3Tower},
    {ConfigScope::vision, kTowerForeign},
    {ConfigScope::text, kIdefics3Text},
};

// In files of both classes, where `size` goes before what is said of videos.
constexpr ProcessorField kFrameFields[] = {
    {"video_sampling.video_size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size), 0, 0, true},
    {"video_sampling.max_frames", ProcessorFieldKind::count, MICA_PROCESSOR_FIELD(num_frames), 1, 65536, true},
    {"video_sampling.fps", ProcessorFieldKind::number, MICA_PROCESSOR_FIELD(fps), 1e-3, 1e3, true},
    {"size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(size)},
    {"max_image_size", ProcessorFieldKind::size, MICA_PROCESSOR_FIELD(max_image_size)},
    {"do_resize", ProcessorFieldKind::expected, 0, true},
    {"do_center_crop", ProcessorFieldKind::expected, 0, false},
};
constexpr std::span<const ProcessorField> kFrameTable[] = {kProcessorFields, kVideoFields, kFrameFields};

constexpr ProcessorValues frame_values() {
  ProcessorValues values = idefics3_values();
  values.do_image_splitting = false;
  return values;
}
constexpr PictureProcessor kFrames = {"SmolVLMVideoProcessor", ProcessorSteps::squares, frame_values(), kFrameTable};

constexpr PicturePiece kVideo[] = {
    {PicturePiece::Kind::text, "You are provided the following series of {frames} frames from a {duration} [H:MM:SS] "
                               "video.\n\nFrame from {clock}:",
     PieceOf::video},
    {PicturePiece::Kind::text, "\nFrame from {clock}:", PieceOf::frame_but_first},
    {PicturePiece::Kind::control, "<fake_token_around_image>", PieceOf::frame},
    {PicturePiece::Kind::control, "<global-img>", PieceOf::frame},
    {PicturePiece::Kind::tokens, nullptr, PieceOf::frame},
    {PicturePiece::Kind::control, "<fake_token_around_image>", PieceOf::frame},
    {PicturePiece::Kind::text, "\n\n", PieceOf::video},
};

constexpr ModelSpec defaults() {
  ModelSpec spec = idefics3_defaults();
  spec.video_token = spec.picture_token;
  spec.sampling = {.per_second = 1, .spread = FrameSpread::within, .frames_max = 64};
  return spec;
}

}  // namespace

extern constinit const Family smolvlm = {
    .name = "smolvlm",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = defaults,
    .decoders = kIdefics3Decoders,
    .text = TextPlace::nested,
    .towers = kIdefics3Towers,
    .config = kConfigs,
    .processors = kIdefics3Processors,
    .published_processor = &kIdefics3Processors[0],
    .frame_processor = &kFrames,
    .derived = kIdefics3Derived,
    .tensors = kIdefics3TensorTables,
    .roots = {kIdefics3TextRoots, kIdefics3HeadRoots, kIdefics3VisionRoots, kIdefics3ProjectorRoots},
    .stem = kIdefics3Stem,
    .projector = kIdefics3Projector,
    .frame = kIdefics3Projector,
    .projector_title = "pixel shuffle, one matrix",
    .picture = kIdefics3Picture,
    .video = kVideo,
    .video_in_template = "<video>",
};

}  // namespace mica::tables
