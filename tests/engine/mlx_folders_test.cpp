// Folders that MLX wrote of golden checkpoints: its names of parts, channels last in convolutions, norms of some families
// with 1 added. The answers are those of the checkpoint. Its quantization: mica check --formats.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "golden.hpp"
#include "test_folder.hpp"
#include "two_models.hpp"

using namespace mica;
using namespace mica::test;

namespace {

using Json = nlohmann::json;

struct Converted {
  const char* family;
  std::vector<std::pair<const char*, const char*>> roots;  // how names begin, and how MLX's do
  bool adds_to_norms = false;
  bool keeps_first = false;  // the convolution of patches stays as it was
};

const std::vector<Converted>& converted() {
  static const std::vector<Converted> all = {
      {"qwen2_vl", {{"visual.", "vision_tower."}, {"model.visual.", "vision_tower."},
                    {"model.language_model.", "language_model.model."}, {"lm_head.", "language_model.lm_head."}}},
      {"qwen3_vl", {{"model.visual.", "vision_tower."}, {"model.language_model.", "language_model.model."},
                    {"lm_head.", "language_model.lm_head."}}, false, true},
      {"glm_ocr", {{"model.visual.", "vision_tower."}, {"model.language_model.", "language_model.model."},
                   {"lm_head.", "language_model.lm_head."}}},
      {"smolvlm", {{"model.text_model.", "language_model."}, {"model.vision_model.", "vision_model."},
                   {"model.connector.", "connector."}, {"lm_head.", "language_model.lm_head."}}},
      {"gemma3", {{"model.language_model.", "language_model.model."}, {"model.vision_tower.", "vision_tower."},
                  {"model.multi_modal_projector.", "multi_modal_projector."}}},
      {"mistral3", {{"model.language_model.", "language_model.model."},
                    {"model.vision_tower.", "vision_tower.vision_model."},
                    {"model.multi_modal_projector.", "multi_modal_projector."},
                    {"vision_tower.", "vision_tower.vision_model."}, {"lm_head.", "language_model.lm_head."}}},
      {"qwen3_5", {{"model.visual.", "vision_tower."}, {"model.language_model.", "language_model.model."},
                   {"lm_head.", "language_model.lm_head."}}, true},
  };
  return all;
}

std::string renamed(const Converted& one, const std::string& name) {
  for (const auto& [before, after] : one.roots)
    if (name.starts_with(before)) return after + name.substr(std::strlen(before));
  return name;
}

bool is_shifted_norm(const std::string& name) {
  if (name.find("language_model") == std::string::npos) return false;
  for (const char* end : {".input_layernorm.weight", ".post_attention_layernorm.weight", "model.norm.weight",
                          ".q_norm.weight", ".k_norm.weight"})
    if (name.ends_with(end)) return true;
  return false;
}

// F32 values of a tensor in which channels, its second axis, become the last.
std::vector<float> with_channels_last(const std::vector<float>& values, std::vector<uint64_t>* shape) {
  const size_t rows = (*shape)[0], channels = (*shape)[1], places = values.size() / rows / channels;
  std::vector<float> moved(values.size());
  for (size_t row = 0; row < rows; ++row)
    for (size_t channel = 0; channel < channels; ++channel)
      for (size_t place = 0; place < places; ++place)
        moved[(row * places + place) * channels + channel] = values[(row * channels + channel) * places + place];
  shape->erase(shape->begin() + 1);
  shape->push_back(channels);
  return moved;
}

// model.safetensors as MLX has it.
std::string converted_tensors(const Converted& one, const std::string& path) {
  const std::vector<uint8_t> file = read_all(path);
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  const Json header = Json::parse(file.begin() + 8, file.begin() + 8 + static_cast<ptrdiff_t>(length));
  Json out = {{"__metadata__", {{"format", "mlx"}}}};
  std::string data;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    REQUIRE(entry["dtype"] == "F32");
    auto shape = entry["shape"].get<std::vector<uint64_t>>();
    const uint64_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
    std::vector<float> values((end - begin) / sizeof(float));
    std::memcpy(values.data(), file.data() + 8 + length + begin, end - begin);
    if (shape.size() >= 4 && !(one.keeps_first && shape[1] == 3)) values = with_channels_last(values, &shape);
    const std::string own = renamed(one, name);
    if (one.adds_to_norms && is_shifted_norm(own))
      for (float& value : values) value += 1;
    out[own] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {data.size(), data.size() + end - begin}}};
    data.append(reinterpret_cast<const char*>(values.data()), end - begin);
  }
  std::string text = out.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + text + data;
}

}  // namespace

TEST_CASE("a folder that MLX wrote gives the answers of the checkpoint that it was made of") {
  for (const Converted& one : converted()) {
    CAPTURE(std::string(one.family));
    const TestFolder folder;
    const std::string source = golden_path(one.family) + "/";
    for (const auto& file : std::filesystem::directory_iterator(source))
      if (file.path().extension() == ".json")
        std::filesystem::copy_file(file.path(), folder.path(file.path().filename().string()));
    folder.write("model.safetensors", converted_tensors(one, source + "model.safetensors"));
    mica_model* checkpoint = open_model(source);
    mica_model* written = open_model(folder.path());
    for (const GoldenCase& golden : golden_cases(one.family)) {
      CAPTURE(golden.name);
      CHECK(difference_of(checkpoint, written, [&](mica_session* session) { add_prompt(session, golden); }) < 1e-5);
    }
    mica_model_close(checkpoint);
    mica_model_close(written);
  }
}
