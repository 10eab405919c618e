// Checkpoints that are wrong in meaning: config numbers, tensors and token ids that contradict each other. Each gets a
// status and a message that names what is wrong. Damaged files: tests/fault.
#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "golden.hpp"

using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

Json read_json(const fs::path& path) {
  std::ifstream in(path);
  return Json::parse(in);
}

// A copy of a golden checkpoint with other documents; the tensors are linked, not copied.
class Checkpoint {
 public:
  explicit Checkpoint(const std::string& family) : source_(mica::test::golden_path(family)) {
    folder_ = fs::temp_directory_path() / ("mica_checkpoint_" + std::to_string(reinterpret_cast<uintptr_t>(this)));
    fs::create_directories(folder_);
    fs::create_symlink(source_ / "model.safetensors", folder_ / "model.safetensors");
    config = read_json(source_ / "config.json");
    if (fs::exists(source_ / "preprocessor_config.json"))
      preprocessor = read_json(source_ / "preprocessor_config.json");
  }
  ~Checkpoint() { fs::remove_all(folder_); }

  mica_status open(mica_error* error) const {
    std::ofstream(folder_ / "config.json") << config;
    if (!preprocessor.is_null()) std::ofstream(folder_ / "preprocessor_config.json") << preprocessor;
    mica_model* model = nullptr;
    const mica_status status = mica_model_open(folder_.c_str(), nullptr, &model, error);
    if (status == MICA_OK) mica_model_close(model);
    return status;
  }

  Json config, preprocessor;

 private:
  fs::path source_, folder_;
};

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
      {"llama", "/rope_parameters/rope_type", "yarn", "rope_type"},
      {"llama", "/rope_parameters/rope_theta", 0, "rope_theta"},
      {"llama", "/model_type", "gpt5", "model_type"},
      {"llama", "/model_type", 7, "model_type"},
      {"qwen2", "/use_sliding_window", true, "use_sliding_window"},
      {"qwen2_vl", "/image_token_id", 320, "image token"},
      {"qwen2_vl", "/image_token_id", -5, "image_token_id"},
      {"qwen2_vl", "/text_config/rope_parameters/mrope_section", Json::array({2, 3}), "mrope_section"},
      {"qwen2_vl", "/text_config/rope_parameters/mrope_section", Json::array({2, 3, 4}), "mrope_section"},
      {"qwen2_vl", "/vision_config/patch_size", 0, "patch_size"},
      {"qwen2_vl", "/vision_config/num_heads", 5, "heads"},
      {"qwen2_vl", "/vision_config/mlp_ratio", 0, "mlp_ratio"},
      {"llava", "/vision_feature_layer", -5, "vision_feature_layer"},
      {"llava", "/vision_feature_layer", 4, "vision_feature_layer"},
      {"llava", "/vision_feature_select_strategy", "some", "vision_feature_select_strategy"},
      {"llava", "/vision_config/image_size", 57, "image_size"},
      {"internvl", "/downsample_ratio", 0.4, "downsample_ratio"},
      {"internvl", "/downsample_ratio", 0, "downsample_ratio"},
      {"internvl", "/vision_config/use_qk_norm", true, "use_qk_norm"},
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
      {"internvl", "/vision_config/num_hidden_layers", 4, "layer.3."},
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

TEST_CASE("missing fields that have no default are named") {
  Checkpoint checkpoint("qwen2_vl");
  checkpoint.config["vision_config"].erase("depth");
  mica_error error{};
  CHECK(checkpoint.open(&error) == MICA_NOT_FOUND);
  CHECK_MESSAGE(std::string(error.message).find("vision_config.depth") != std::string::npos, error.message);
}

TEST_CASE("picture rules out of range are refused") {
  const BadNumber table[] = {
      {"qwen2_vl", "/size/longest_edge", 0, "size.longest_edge"},
      {"qwen2_vl", "/size/shortest_edge", 70000, "min_pixels"},
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
