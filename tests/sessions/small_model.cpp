// SmallModel: configs from numbers, layers from several models. Not a test.
#include "small_model.hpp"

#include <cstring>
#include <string_view>

#include "config.hpp"

namespace mica::test {
namespace {

std::string number(const char* name, uint32_t value) {
  return std::string("\"") + name + "\":" + std::to_string(value) + ",";
}

std::string decoder_fields(const SmallShape& s, bool multimodal_rope) {
  std::string text = number("hidden_size", s.hidden) + number("num_hidden_layers", s.layers) +
                     number("num_attention_heads", s.heads) + number("num_key_value_heads", s.kv_heads) +
                     number("head_dim", s.head_dim) + number("intermediate_size", s.feed_forward) +
                     number("vocab_size", s.vocabulary) + number("max_position_embeddings", 4096);
  const bool gemma = std::string_view(s.family).starts_with("gemma");
  text += gemma ? R"("hidden_activation":"gelu_pytorch_tanh",)" : R"("hidden_act":"silu","rope_theta":10000.0,)";
  text += R"("rms_norm_eps":1e-6,)";
  if (std::strcmp(s.family, "gemma3") == 0) text += R"("sliding_window":7,"sliding_window_pattern":2,)";
  if (multimodal_rope) {
    const uint32_t half = s.head_dim / 2, time = half / 4, height = (half - time) / 2;
    text += "\"rope_scaling\":{\"type\":\"mrope\",\"mrope_section\":[" + std::to_string(time) + "," +
            std::to_string(height) + "," + std::to_string(half - time - height) + "]},";
  }
  if (std::strcmp(s.family, "minicpmv4_6") == 0)
    text += number("full_attention_interval", 2) + number("linear_conv_kernel_dim", 4) +
            number("linear_num_key_heads", 2) + number("linear_num_value_heads", 4) +
            number("linear_key_head_dim", 8) + number("linear_value_head_dim", 12);
  return text + "\"tie_word_embeddings\":" + (s.tied ? "true" : "false");
}

// Windows in every other layer, heads of twice the size in the others, two layers that borrow keys and values.
std::string gemma4_fields(const SmallShape& s) {
  std::string types;
  for (uint32_t i = 0; i < s.layers; ++i)
    types += std::string(i == 0 ? "" : ",") + (i % 2 == 0 ? "\"sliding_attention\"" : "\"full_attention\"");
  return "," + number("global_head_dim", 2 * s.head_dim) + number("num_kv_shared_layers", 2) +
         number("hidden_size_per_layer_input", 8) + number("vocab_size_per_layer_input", s.vocabulary) +
         number("sliding_window", 24) + "\"use_double_wide_mlp\":true,\"layer_types\":[" + types + "]";
}

// Two tiles, either way, and four.
std::string grids_of(const SmallShape& s) {
  const std::string one = std::to_string(s.patch * s.patches), two = std::to_string(2 * s.patch * s.patches);
  return "[[" + one + "," + two + "],[" + two + "," + one + "],[" + two + "," + two + "]]";
}

bool is_idefics3(const std::string& family) { return family == "idefics3" || family == "smolvlm"; }
bool has_grids(const std::string& family) { return family == "llava_next" || family == "llava_next_video"; }
bool has_clip(const std::string& family) { return family == "llava" || family == "video_llava" || has_grids(family); }

// Towers of the Qwen2-VL kind, whose pictures have any size: the type of their decoder; null: of another kind.
const char* kin_of_qwen2_vl(const std::string& family) {
  if (family == "qwen2_vl") return "qwen2_vl_text";
  if (family == "qwen2_5_vl") return "qwen2_5_vl_text";
  if (family == "qwen3_vl") return "qwen3_vl_text";
  return family == "glm_ocr" ? "glm_ocr_text" : nullptr;
}

// What these have of their own beside the first of them.
std::string vision_fields_of_kin(const SmallShape& s) {
  const std::string family = s.family;
  const std::string common = number("hidden_size", s.vision_hidden) + number("out_hidden_size", s.hidden) +
                             number("intermediate_size", s.vision_feed_forward);
  if (family == "qwen2_5_vl") return common + number("window_size", 6 * s.patch) + R"("fullatt_block_indexes":[1],)";
  if (family == "qwen3_vl")
    return common + number("num_position_embeddings", 9) + R"("deepstack_visual_indexes":[0,1],)";
  if (family == "glm_ocr") return common;
  return number("embed_dim", s.vision_hidden) + number("hidden_size", s.hidden) +
         R"("mlp_ratio":2,"hidden_act":"quick_gelu",)";
}

std::string vision_fields(const SmallShape& s) {
  const std::string side = std::to_string(s.patch * s.patches), patch = std::to_string(s.patch);
  if (kin_of_qwen2_vl(s.family) != nullptr)
    return number("depth", s.vision_layers) + vision_fields_of_kin(s) + number("num_heads", s.vision_heads) +
           number("patch_size", s.patch) + number("spatial_merge_size", 2) +
           R"("temporal_patch_size":2,"in_channels":3)";
  const std::string family = s.family;
  const std::string common = number("hidden_size", s.vision_hidden) + number("intermediate_size", s.vision_feed_forward) +
                             number("num_attention_heads", s.vision_heads) +
                             number("num_hidden_layers", s.vision_layers) + number("num_channels", 3);
  if (is_idefics3(family))
    return common + number("image_size", s.patch * s.patches) + number("patch_size", s.patch) +
           "\"model_type\":\"" + family + "_vision\"";
  if (family == "mistral3") return common + number("patch_size", s.patch) + R"("model_type":"pixtral")";
  if (family == "gemma4")
    return number("hidden_size", s.vision_hidden) + number("intermediate_size", s.vision_feed_forward) +
           number("num_attention_heads", s.vision_heads) + number("num_key_value_heads", s.vision_heads) +
           number("head_dim", s.vision_hidden / s.vision_heads) + number("num_hidden_layers", s.vision_layers) +
           number("patch_size", s.patch) + number("pooling_kernel_size", 2) + R"("use_clipped_linears":true,)" +
           R"("standardize":true,"model_type":"gemma4_vision")";
  if (family == "gemma3")
    return common + number("image_size", s.patch * s.patches) + number("patch_size", s.patch) +
           R"("model_type":"siglip_vision_model")";
  if (family == "lfm2_vl")
    return common + number("num_patches", 16) + number("patch_size", s.patch) +
           R"("model_type":"siglip2_vision_model")";
  if (family == "minicpmv4_6")
    return common + number("image_size", s.patch * s.patches) + number("patch_size", s.patch) +
           R"("model_type":"minicpmv4_6_vision")";
  if (has_clip(family))
    return common + number("image_size", s.patch * s.patches) + number("patch_size", s.patch) +
           R"("model_type":"clip_vision_model","hidden_act":"quick_gelu","layer_norm_eps":1e-5)";
  return common + "\"image_size\":[" + side + "," + side + "],\"patch_size\":[" + patch + "," + patch +
         R"(],"model_type":"internvl_vision","hidden_act":"gelu","layer_norm_eps":1e-6,"norm_type":"layer_norm",)"
         R"("attention_bias":true,"use_qk_norm":false,"use_absolute_position_embeddings":true,"use_mean_pooling":true)";
}

std::string config_of(const SmallShape& s) {
  const std::string family = s.family;
  if (!has_pictures(s)) return "{\"model_type\":\"" + family + "\"," + decoder_fields(s, false) + "}";
  const char* kin = kin_of_qwen2_vl(family);
  const char* type = kin != nullptr            ? kin
                     : family == "internvl"    ? "qwen2"
                     : family == "mistral3"    ? "mistral"
                     : family == "lfm2_vl"     ? "lfm2"
                     : family == "minicpmv4_6" ? "qwen3_5_text"
                     : family == "gemma3"      ? "gemma3_text"
                     : family == "gemma4"      ? "gemma4_text"
                                               : "llama";
  std::string text = "{\"model_type\":\"" + family + "\",\"image_token_id\":5,\"image_token_index\":5,";
  const bool has_token = kin != nullptr || family == "minicpmv4_6" || family == "gemma4";
  if (family.find("video") != std::string::npos || has_token) text += R"("video_token_id":4,)";
  if (is_idefics3(family)) text += R"("scale_factor":2,)";
  if (family == "mistral3") text += R"("spatial_merge_size":2,)";
  if (has_grids(family)) text += "\"image_grid_pinpoints\":" + grids_of(s) + ",\"vision_feature_layer\":-1,";
  if (family == "gemma3") text += number("mm_tokens_per_image", s.patches * s.patches / 4);
  if (family == "lfm2_vl") text += R"("downsample_factor":2,"projector_hidden_size":32,)";
  if (family == "minicpmv4_6") text += R"("insert_layer_id":0,)";
  if (family == "llava" || family == "video_llava")
    text += R"("projector_hidden_act":"gelu","vision_feature_layer":-1,)";
  if (family == "internvl") text += R"("projector_hidden_act":"gelu","vision_feature_layer":-1,"downsample_ratio":0.5,)";
  return text + "\"text_config\":{\"model_type\":\"" + type + "\"," + decoder_fields(s, kin != nullptr) +
         (family == "gemma4" ? gemma4_fields(s) : "") + "},\"tie_word_embeddings\":" + (s.tied ? "true" : "false") + ",\"vision_config\":{" + vision_fields(s) + "}}";
}

std::string preprocessor_of(const SmallShape& s) {
  const std::string side = std::to_string(s.patch * s.patches), square = "{\"height\":" + side + ",\"width\":" + side + "}";
  const std::string common =
      R"({"do_resize":true,"do_rescale":true,"do_normalize":true,"do_convert_rgb":true,"resample":3,)"
      R"("rescale_factor":0.00392156862745098,"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],)";
  if (kin_of_qwen2_vl(s.family) != nullptr)
    return common + number("patch_size", s.patch) + number("merge_size", 2) + number("temporal_patch_size", 2) +
           "\"image_processor_type\":\"" +
           (std::strcmp(s.family, "glm_ocr") == 0 ? "Glm46VImageProcessor" : "Qwen2VLImageProcessor") +
           "\",\"size\":{\"longest_edge\":" + std::to_string(s.pixels_max) +
           ",\"shortest_edge\":" + std::to_string(4 * s.patch * s.patch) + "}}";
  const std::string family = s.family;
  if (is_idefics3(family))
    return common + "\"max_image_size\":{\"longest_edge\":" + side + "},\"size\":{\"longest_edge\":" +
           std::to_string(2 * s.patch * s.patches) + "}}";
  if (has_grids(family))
    return common + "\"image_grid_pinpoints\":" + grids_of(s) + ",\"crop_size\":" + square + ",\"size\":" + square + "}";
  if (family == "mistral3")
    return common + number("patch_size", s.patch) + "\"size\":{\"longest_edge\":" + side + "}}";
  if (family == "gemma4")
    return common + number("patch_size", s.patch) + number("pooling_kernel_size", 2) + R"("max_soft_tokens":70})";
  if (family == "gemma3") return common + "\"size\":" + square + "}";
  if (family == "lfm2_vl")
    return common + number("encoder_patch_size", s.patch) + number("tile_size", s.patch * s.patches) +
           number("max_tiles", s.tiles) + number("max_image_tokens", s.patches * s.patches / 4) +
           R"("min_image_tokens":2,"min_tiles":2,"max_pixels_tolerance":1.5})";
  if (family == "minicpmv4_6")
    return common + number("patch_size", s.patch) + number("scale_resolution", s.patch * s.patches) +
           "\"max_slice_nums\":" + std::to_string(s.tiles) + "}";
  if (has_clip(family))
    return common + "\"image_processor_type\":\"" + (family == "llava" ? "CLIP" : "VideoLlava") +
           "ImageProcessor\",\"do_center_crop\":true,\"crop_size\":" + square +
           ",\"size\":{\"shortest_edge\":" + side + "}}";
  return common + "\"image_processor_type\":\"GotOcr2ImageProcessor\",\"crop_to_patches\":true,\"min_patches\":1," +
         number("max_patches", s.tiles) + "\"size\":" + square + "}";
}

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

}  // namespace

bool has_pictures(const SmallShape& shape) {
  const std::string family = shape.family;
  return family != "llama" && family != "qwen2" && family != "qwen3";
}

Status make_small_model(const SmallShape& shape, const std::vector<WeightFormat>& storages, SmallModel* out) {
  const std::string config = config_of(shape), preprocessor = has_pictures(shape) ? preprocessor_of(shape) : "";
  ModelSpec spec;
  MICA_TRY(read_model_spec(bytes_of(config), {bytes_of(preprocessor), {}}, shape.family, &spec));
  MICA_TRY(open_random(spec, storages[0], storages[0], true, &out->model));
  for (size_t i = 1; i < storages.size(); ++i) {
    MICA_TRY(open_random(spec, storages[i], storages[i], true, &out->lenders.emplace_back()));
    Weights& to = out->model->weights;
    const Weights& from = out->lenders.back()->weights;
    for (size_t layer = i; layer < to.decoder.layers.size(); layer += storages.size())
      to.decoder.layers[layer] = from.decoder.layers[layer];
    for (size_t layer = i; layer < to.vision.layers.size(); layer += storages.size())
      to.vision.layers[layer] = from.vision.layers[layer];
  }
  return Status::ok();
}

}  // namespace mica::test
