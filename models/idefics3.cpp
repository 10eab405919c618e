// Idefics 3 and SmolVLM (HuggingFaceM4/Idefics3-8B-Llama3, HuggingFaceTB/SmolVLM-256M-Instruct). Data only.
#include "idefics3.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"idefics3"};
constexpr const char* kArchitectures[] = {"Idefics3ForConditionalGeneration"};

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

}  // namespace

extern constinit const Family idefics3 = {
    .name = "idefics3",
    .model_types = kModelTypes,
    .architectures = kArchitectures,
    .defaults = idefics3_defaults,
    .decoders = kIdefics3Decoders,
    .text = TextPlace::nested,
    .towers = kIdefics3Towers,
    .config = kIdefics3Configs,
    .processors = kIdefics3Processors,
    .published_processor = &kIdefics3Processors[0],
    .derived = kIdefics3Derived,
    .tensors = kIdefics3TensorTables,
    .roots = {kIdefics3TextRoots, kIdefics3HeadRoots, kIdefics3VisionRoots, kIdefics3ProjectorRoots},
    .gguf = {.projector = "idefics3", .config = kGgufConfig, .processor = kGgufProcessor},
    .stem = kIdefics3Stem,
    .projector = kIdefics3Projector,
    .projector_title = "pixel shuffle, one matrix",
    .picture = kIdefics3Picture,
};

}  // namespace mica::tables
