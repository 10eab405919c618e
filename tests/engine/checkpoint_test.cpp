// Checkpoints that are wrong in meaning: config numbers, tensors and token ids that contradict each other. Each gets a
// status and a message that names what is wrong. Damaged files: tests/fault.
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint.hpp"

using mica::test::Checkpoint;
using mica::test::Json;
namespace fs = std::filesystem;

namespace {

struct BadNumber {
  const char* family;
  const char* pointer;  // into config.json
  Json value;
  const char* named;    // what the message must say
};

}  // namespace

TEST_CASE("config numbers out of range are refused by their path") {
  const BadNumber table[] = {
      {"llama", "/hidden_size", 0, "hidden_size"},
      {"llama", "/hidden_size", -1, "hidden_size"},
      {"llama", "/hidden_size", 65537, "hidden_size"},
      {"llama", "/hidden_size", 1e300, "hidden_size"},
      {"llama", "/hidden_size", "64", "hidden_size"},
      {"llama", "/hidden_size", 63.5, "hidden_size"},
      {"llama", "/num_hidden_layers", 0, "num_hidden_layers"},
      {"llama", "/num_hidden_layers", 513, "num_hidden_layers"},
      {"llama", "/num_attention_heads", 0, "num_attention_heads"},
      {"llama", "/num_key_value_heads", 3, "num_key_value_heads"},
      {"llama", "/num_key_value_heads", 8, "num_key_value_heads"},
      {"llama", "/head_dim", 15, "head_dim"},
      {"llama", "/head_dim", 514, "head_dim"},
      {"llama", "/vocab_size", 1 << 21, "vocab_size"},
      {"llama", "/max_position_embeddings", 0, "max_position_embeddings"},
      {"llama", "/rms_norm_eps", -1, "rms_norm_eps"},
      {"llama", "/hidden_act", "mish", "hidden_act"},
      {"llama", "/rope_parameters/rope_type", "longrope", "rope_type"},
      {"llama", "/rope_parameters/rope_type", "yarn", "factor is missing"},
      {"llama", "/architectures/0", "LlamaForSequenceClassification", "architectures"},
      {"llama", "/quantization_config", Json{{"quant_method", "hqq"}, {"bits", 4}}, "hqq, 4 bits"},
      {"llama", "/quantization_config", Json{{"quant_method", "gptq"}, {"checkpoint_format", "marlin"}}, "is marlin"},
      {"llama", "/quantization_config", Json{{"quant_method", "awq"}, {"version", "gemv"}}, "version is gemv"},
      {"llama", "/quantization_config", Json{{"quant_method", "compressed-tensors"}, {"format", "float-quantized"}},
       "format is float-quantized"},
      {"llama", "/quantization", Json{{"bits", 4}, {"group_size", 32}, {"mode", "mxfp4"}}, "mode is mxfp4"},
      {"llama", "/quantization", Json{{"bits", 9}, {"group_size", 32}}, "bits"},
      {"llama", "/quantization_config", Json{{"load_in_8bit", true}, {"load_in_4bit", true}}, "exactly one"},
      {"llama", "/quantization_config", Json{{"quant_method", "awq"}, {"checkpoint_format", "gemv"}},
       "checkpoint_format is gemv"},
      {"llama", "/quantization_config",
       Json{{"quant_method", "compressed-tensors"}, {"format", "pack-quantized"}, {"transform_config", {{"R1", 1}}}},
       "transform_config"},
      {"llama", "/quantization_config",
       Json{{"quant_method", "compressed-tensors"}, {"sparsity_config", {{"format", "sparse-24-bitmask"}}}},
       "format is sparse-24-bitmask"},
      {"llama", "/quantization_config",
       Json{{"quant_method", "compressed-tensors"},
            {"config_groups", {{"group_0", {{"weights", {{"strategy", "block"}}}}}}}},
       "strategy is block"},
      {"llama", "/quantization_config",
       Json{{"quant_method", "compressed-tensors"},
            {"format", "mixed-precision"},
            {"config_groups", {{"group_0", {{"format", "float-quantized"}}}}}},
       "format is float-quantized"},
      {"llama", "/final_logit_softcapping", 30.0, "final_logit_softcapping"},
      {"llama", "/embedding_multiplier", 1.4, "embedding_multiplier"},
      {"llama", "/eos_token_id", -2, "eos_token_id"},
      {"llava", "/text_config/model_type", "gemma", "text_config.model_type"},
      {"llava", "/text_config", 7, "text_config"},
      {"llava", "/vision_config/model_type", "dinov2", "vision_config.model_type"},
      {"llava", "/vision_feature_layer", Json::array({-2, 4}), "vision_feature_layer"},
      {"internvl", "/vision_config/patch_size", Json::array({14, 7}), "patch_size"},
      {"internvl", "/vision_config/use_mean_pooling", false, "layernorm"},
      {"internvl", "/text_config/layer_types", Json::array({"full_attention"}), "layer_types"},
      {"internvl", "/text_config/layer_types/1", "sliding_attention", "layer_types"},
      {"llama", "/rope_parameters/rope_theta", 0, "rope_theta"},
      {"llama", "/model_type", "gpt5", "model_type"},
      {"llama", "/model_type", 7, "model_type"},
      {"qwen2", "/use_sliding_window", 1, "use_sliding_window"},
      {"qwen2_vl", "/image_token_id", 320, "image token"},
      {"qwen2_vl", "/image_token_id", -5, "image_token_id"},
      {"qwen2_vl", "/text_config/rope_parameters/mrope_section", Json::array({2, 3}), "mrope_section"},
      {"qwen2_vl", "/text_config/rope_parameters/mrope_section", Json::array({2, 3, 4}), "mrope_section"},
      {"qwen3_vl", "/vision_config/num_position_embeddings", 63, "num_position_embeddings"},
      {"qwen3_vl", "/vision_config/num_position_embeddings", 65537, "num_position_embeddings"},
      {"qwen3_vl", "/vision_config/deepstack_visual_indexes", Json::array({0, 4}), "deepstack_visual_indexes"},
      {"qwen3_vl", "/vision_config/deepstack_visual_indexes", Json::array({2, 0}), "deepstack_visual_indexes"},
      {"qwen3_vl", "/vision_config/deepstack_visual_indexes", Json::array({0, -1}), "deepstack_visual_indexes"},
      {"qwen3_vl", "/vision_config/deepstack_visual_indexes", std::vector<int>(600, 1), "deepstack_visual_indexes"},
      {"qwen3_vl", "/vision_config/deepstack_visual_indexes", 3, "deepstack_visual_indexes"},
      {"qwen3_vl", "/vision_config/out_hidden_size", 96, "out_hidden_size"},
      {"qwen2_5_vl", "/vision_config/window_size", 0, "window_size"},
      {"qwen2_5_vl", "/vision_config/window_size", 27, "window_size"},
      {"qwen2_5_vl", "/vision_config/fullatt_block_indexes", Json::array({512}), "fullatt_block_indexes"},
      {"glm4v", "/vision_config/image_size", 13, "image_size"},
      {"glm4v", "/text_config/rope_parameters/partial_rotary_factor", 0.01, "partial_rotary_factor"},
      {"glm_ocr", "/text_config/num_nextn_predict_layers", 17, "num_nextn_predict_layers"},
      {"paddleocr_vl", "/vision_config/image_size", 0, "image_size"},
      {"lighton_ocr", "/spatial_merge_size", 17, "spatial_merge_size"},
      {"qwen2_vl", "/vision_config/patch_size", 0, "patch_size"},
      {"qwen2_vl", "/vision_config/num_heads", 5, "heads"},
      {"qwen2_vl", "/vision_config/mlp_ratio", 0, "mlp_ratio"},
      {"llava", "/vision_feature_layer", -5, "vision_feature_layer"},
      {"llava", "/vision_feature_layer", 4, "vision_feature_layer"},
      {"llava", "/vision_feature_select_strategy", "some", "vision_feature_select_strategy"},
      {"llava", "/vision_config/image_size", 57, "crop_size"},
      {"internvl", "/downsample_ratio", 0.4, "downsample_ratio"},
      {"internvl", "/downsample_ratio", 0, "downsample_ratio"},
      {"internvl", "/vision_config/use_qk_norm", true, "q_norm"},
      {"gemma4", "/text_config/num_kv_shared_layers", 8, "num_kv_shared_layers"},
      {"gemma4", "/text_config/num_kv_shared_layers", 6, "layer_types"},
      {"gemma4", "/text_config/global_head_dim", 33, "global_head_dim"},
      {"gemma4", "/text_config/vocab_size_per_layer_input", 319, "vocab_size_per_layer_input"},
      {"gemma4", "/text_config/pad_token_id", 320, "pad_token_id"},
      {"gemma4", "/text_config/use_bidirectional_attention", "all", "use_bidirectional_attention"},
      {"gemma4", "/text_config/enable_moe_block", true, "enable_moe_block"},
      {"gemma4", "/text_config/per_layer_config", Json{{"2", {{"head_dim", 32}}}}, "per_layer_config"},
      {"gemma4_dense", "/text_config/num_global_key_value_heads", 3, "num_global_key_value_heads"},
      {"gemma4", "/vision_config/head_dim", 8, "head_dim"},
      {"gemma4", "/vision_config/num_key_value_heads", 1, "num_key_value_heads"},
      {"gemma4_unified", "/vision_config/output_proj_dims", 64, "output_proj_dims"},
  };
  for (const BadNumber& bad : table) {
    CAPTURE(bad.family);
    CAPTURE(bad.pointer);
    Checkpoint checkpoint(bad.family);
    checkpoint.config[Json::json_pointer(bad.pointer)] = bad.value;
    mica_error error{};
    CHECK(checkpoint.open(&error) != MICA_OK);
    CHECK_MESSAGE(std::string(error.message).find(bad.named) != std::string::npos, error.message);
  }
}

TEST_CASE("numbers that are in range but not the tensors' name the tensor") {
  const BadNumber table[] = {
      {"llama", "/hidden_size", 128, "embed_tokens"},
      {"llama", "/intermediate_size", 168, "mlp.gate_proj"},
      {"llama", "/num_hidden_layers", 3, "layers.2."},
      {"llama", "/vocab_size", 321, "embed_tokens"},
      {"qwen2_vl", "/vision_config/depth", 3, "blocks.2."},
      {"qwen2_vl", "/vision_config/mlp_ratio", 2, "mlp.fc1"},
      {"llava", "/vision_config/intermediate_size", 97, "mlp.fc1"},
      {"llava", "/vision_feature_layer", Json::array({-2, -1}), "multi_modal_projector.linear_1"},
      {"internvl", "/vision_config/num_hidden_layers", 4, "layer.3."},
      {"gemma4", "/text_config/hidden_size_per_layer_input", 8, "embed_tokens_per_layer"},
      {"gemma4", "/text_config/use_double_wide_mlp", false, "layers.5.mlp.gate_proj"},
      {"gemma4", "/vision_config/standardize", true, "std_bias"},
      {"gemma4_dense", "/text_config/attention_k_eq_v", false, "self_attn.k_proj"},
      {"gemma4_dense", "/vision_config/use_clipped_linears", true, "input_min"},
      {"gemma4_unified", "/vision_config/mm_posemb_size", 47, "pos_embedding"},
  };
  for (const BadNumber& bad : table) {
    CAPTURE(bad.pointer);
    Checkpoint checkpoint(bad.family);
    checkpoint.config[Json::json_pointer(bad.pointer)] = bad.value;
    mica_error error{};
    CHECK(checkpoint.open(&error) != MICA_OK);
    CHECK_MESSAGE(std::string(error.message).find(bad.named) != std::string::npos, error.message);
  }
}

TEST_CASE("picture rules out of range are refused") {
  const BadNumber table[] = {
      {"qwen2_vl", "/size/longest_edge", 0, "size.longest_edge"},
      {"qwen2_vl", "/size/shortest_edge", 70000, "size.shortest_edge"},
      {"qwen2_vl", "/resample", 9, "resample"},
      {"qwen2_vl", "/image_mean", Json::array({1, 2}), "image_mean"},
      {"qwen2_vl", "/image_std", Json::array({1, 0, 1}), "image_std"},
      {"llava", "/crop_size/width", 70, "70 x 56"},
      {"internvl", "/min_patches", 7, "min_patches"},
      {"internvl", "/max_patches", 0, "max_patches"},
  };
  for (const BadNumber& bad : table) {
    CAPTURE(bad.pointer);
    Checkpoint checkpoint(bad.family);
    checkpoint.preprocessor[Json::json_pointer(bad.pointer)] = bad.value;
    mica_error error{};
    CHECK(checkpoint.open(&error) != MICA_OK);
    CHECK_MESSAGE(std::string(error.message).find(bad.named) != std::string::npos, error.message);
  }
}

TEST_CASE("configs as transformers 4 writes them open too") {
  Checkpoint flat("qwen2_vl");
  Json text = flat.config["text_config"];
  flat.config.erase("text_config");
  for (const auto& [key, value] : text.items())
    if (key != "model_type" && key != "rope_parameters") flat.config[key] = value;
  flat.config["rope_theta"] = text["rope_parameters"]["rope_theta"];
  flat.config["rope_scaling"] = {{"type", "mrope"}, {"mrope_section", text["rope_parameters"]["mrope_section"]}};
  flat.preprocessor.erase("size");
  flat.preprocessor["min_pixels"] = 3136;
  flat.preprocessor["max_pixels"] = 60000;
  mica_error error{};
  CHECK_MESSAGE(flat.open(&error) == MICA_OK, error.message);
}

namespace {

// The tensors of a golden checkpoint as one file that a test may change: by name, with what the header says of them.
struct Tensors {
  std::map<std::string, std::pair<Json, std::string>> all;

  explicit Tensors(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string file((std::istreambuf_iterator<char>(in)), {});
    uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof length);
    const Json header = Json::parse(file.substr(sizeof length, length));
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      const size_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
      all[name] = {entry, file.substr(sizeof length + length + begin, end - begin)};
    }
  }
  void write(const fs::path& path) const {
    Json header;
    std::string data;
    for (const auto& [name, tensor] : all) {
      header[name] = tensor.first;
      header[name]["data_offsets"] = {data.size(), data.size() + tensor.second.size()};
      data += tensor.second;
    }
    const std::string text = header.dump();
    const uint64_t length = text.size();
    fs::remove(path);  // the link to the golden file
    std::ofstream(path, std::ios::binary) << std::string(reinterpret_cast<const char*>(&length), sizeof length) << text
                                          << data;
  }
};

// The logits behind a few tokens.
std::vector<float> logits_of(const Checkpoint& checkpoint) {
  mica_error error{};
  mica_model* model = checkpoint.open_model(&error);
  REQUIRE_MESSAGE(model != nullptr, error.message);
  mica_session_options options = mica_session_options_default();
  options.context = 16;
  mica_session* session = nullptr;
  REQUIRE(mica_session_create(model, &options, nullptr, 0, &session, &error) == MICA_OK);
  const int32_t ids[] = {7, 11, 13};
  REQUIRE(mica_session_add_tokens(session, ids, 3, nullptr, 0, &error) == MICA_OK);
  REQUIRE(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_OK);
  const float* logits = nullptr;
  REQUIRE(mica_session_logits(session, 0, &logits, &error) == MICA_OK);
  std::vector<float> out(logits, logits + mica_model_vocabulary(model));
  mica_session_free(session);
  mica_model_close(model);
  return out;
}

}  // namespace

TEST_CASE("matrices with static ranges that contradict themselves are refused by their name") {
  const std::string layer = "model.language_model.layers.0.mlp.down_proj";
  const struct {
    std::string tensor;
    void (*change)(std::pair<Json, std::string>*);
    const char* named;
  } table[] = {
      {layer + ".weight", [](auto* tensor) { tensor->first["shape"] = {64, 18, 2}; }, "down_proj"},
      {layer + ".weight", [](auto* tensor) { tensor->first["dtype"] = "I8"; }, "down_proj"},
      {layer + ".weight_scale", [](auto* tensor) { tensor->first["shape"] = {32, 2}; }, "down_proj"},
      {layer + ".weight_scale", [](auto* tensor) { tensor->second.replace(0, 4, "\0\0\xC0\x7F", 4); }, "weight_scale"},
      {layer + ".input_activation_scale", [](auto* tensor) { tensor->second.assign("\0\0\x80\xBF", 4); },
       "input_activation_scale"},
      {"lm_head.input_activation_scale", [](auto* tensor) { tensor->second.assign("\0\0\x80\x3F", 4); }, "head"},
  };
  for (const auto& row : table) {
    CAPTURE(row.tensor);
    Checkpoint checkpoint("gemma_static_qat");
    Tensors tensors(checkpoint.file("model.safetensors"));
    REQUIRE(tensors.all.contains(row.tensor));
    row.change(&tensors.all[row.tensor]);
    tensors.write(checkpoint.file("model.safetensors"));
    mica_error error{};
    CHECK(checkpoint.open(&error) != MICA_OK);
    CHECK_MESSAGE(std::string(error.message).find(row.named) != std::string::npos, error.message);
  }
}

TEST_CASE("a tied head that is stored alone is the embedding too") {
  Checkpoint alone("llama"), both("llama");
  alone.config["tie_word_embeddings"] = both.config["tie_word_embeddings"] = true;
  Tensors tensors(fs::path(mica::test::golden_path("llama")) / "model.safetensors");
  const auto embedding = tensors.all.at("model.embed_tokens.weight");
  REQUIRE(embedding.second != tensors.all.at("lm_head.weight").second);
  tensors.all["model.embed_tokens.weight"] = tensors.all.at("lm_head.weight");
  tensors.write(both.file("model.safetensors"));
  tensors.all.erase("model.embed_tokens.weight");
  tensors.write(alone.file("model.safetensors"));
  mica_set_log([](void*, int, const char* message) { FAIL(message); }, nullptr);
  CHECK(logits_of(alone) == logits_of(both));
  mica_set_log(nullptr, nullptr);
}
