// The families that mica runs, and published shapes to measure a machine with. Adding a family is a file of tables and
// a line here. Data only.
#include "tables.hpp"

namespace mica {
namespace {

constexpr const Family* kAll[] = {&tables::qwen2_vl, &tables::llava, &tables::internvl,
                                  &tables::qwen2,    &tables::qwen3, &tables::llama};

// config.json as published (Qwen/Qwen2-VL-2B-Instruct, Qwen/Qwen2-VL-7B-Instruct, HuggingFaceTB/SmolLM2-135M-Instruct).
constexpr Shape kPublished[] = {
    {"qwen2-vl-2b", "qwen2_vl",
     R"({"model_type": "qwen2_vl", "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
         "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151936, "max_position_embeddings": 32768,
         "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "tie_word_embeddings": true, "image_token_id": 151655,
         "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
         "vision_config": {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "patch_size": 14,
                           "spatial_merge_size": 2, "temporal_patch_size": 2, "hidden_size": 1536}})",
     R"({"min_pixels": 3136, "max_pixels": 12845056, "image_mean": [0.48145466, 0.4578275, 0.40821073],
         "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3})"},
    {"qwen2-vl-7b", "qwen2_vl",
     R"({"model_type": "qwen2_vl", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
         "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064, "max_position_embeddings": 32768,
         "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "tie_word_embeddings": false, "image_token_id": 151655,
         "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
         "vision_config": {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "patch_size": 14,
                           "spatial_merge_size": 2, "temporal_patch_size": 2, "hidden_size": 3584}})",
     R"({"min_pixels": 3136, "max_pixels": 12845056, "image_mean": [0.48145466, 0.4578275, 0.40821073],
         "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3})"},
    {"smollm2-135m", "llama",
     R"({"model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
         "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192,
         "rms_norm_eps": 1e-5, "rope_theta": 100000, "tie_word_embeddings": true})",
     nullptr},
};

}  // namespace

constinit const std::span<const Family* const> kFamilies = kAll;
constinit const std::span<const Shape> kShapes = kPublished;

}  // namespace mica
