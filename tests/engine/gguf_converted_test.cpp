// GGUF files that llama.cpp's converter wrote of golden checkpoints (make_gguf_converted.py), with their towers or alone:
// answers and pixels are those of the checkpoint, whose own are held against transformers elsewhere.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "golden.hpp"
#include "test_folder.hpp"
#include "two_models.hpp"

using namespace mica;
using namespace mica::test;

namespace {

using Json = nlohmann::json;

// Weights are stored in 16 bits there; in 32 bits they gave answers within 1e-5.
constexpr int32_t kPlaceholder = 300;
constexpr double kStored = 2e-2;

struct Converted {
  const char* family;
  const char* alone;  // the family of its text alone; null: that has none
  Json limits = {};   // of pictures, which files do not say: what is changed of the checkpoint's
  bool has_tower = true;
  bool small_pictures = false;  // others have tokens between their parts
};

const std::vector<Converted>& converted() {
  static const Json patch_limits = {{"size", {{"shortest_edge", 8192}, {"longest_edge", 16777216}}}};
  static const Json glm_limits = {{"size", {{"shortest_edge", 112 * 112}, {"longest_edge", 28 * 28 * 15000}}}};
  static const Json lfm2_limits = {{"tile_size", 512},
                                   {"min_image_tokens", 64},
                                   {"max_image_tokens", 256},
                                   {"max_tiles", 10},
                                   {"max_pixels_tolerance", 2}};
  static const std::vector<Converted> all = {
      {"gemma4", "gemma4_text", {{"max_soft_tokens", 280}}},
      {"gemma4_dense", "gemma4_text", {}, false},
      {"gemma4_unified", "gemma4_text", {{"max_soft_tokens", 280}}},
      {"qwen3_5", "qwen3_5_text", patch_limits},
      {"lfm2_vl", "lfm2", lfm2_limits, true, true},
      {"mistral3", "ministral3", {}, true, true},
      {"minicpmv4_6", "qwen3_5_text", {{"max_slice_nums", 9}}, true, true},
      {"glm4v", nullptr, glm_limits},
      {"glm_ocr", nullptr, glm_limits},
      {"paddleocr_vl", nullptr},
      {"granite", "granite", {}, false},
      {"phi3", "phi3", {}, false},
      {"phi3_long", "phi3", {}, false},
  };
  return all;
}

std::string file_of(const Converted& one, const char* part) {
  return std::string(MICA_TEST_DATA) + "/gguf/" + one.family + "-" + part + ".gguf";
}

// A copy of the checkpoint with the limits that the files have.
void copy_checkpoint(const Converted& one, const TestFolder& folder) {
  const std::string source = golden_path(one.family) + "/";
  for (const char* name : {"config.json", "model.safetensors", "added_tokens.json"})
    if (std::filesystem::exists(source + name)) std::filesystem::copy_file(source + name, folder.path(name));
  if (!std::filesystem::exists(source + "preprocessor_config.json")) return;
  Json pictures = Json::parse(read_all(source + "preprocessor_config.json"));
  for (const auto& [name, value] : one.limits.items()) pictures[name] = value;
  folder.write("preprocessor_config.json", pictures.dump());
}

mica_picture* picture_of(const char* name) {
  mica_picture* picture = nullptr;
  REQUIRE(mica_picture_open((std::string(MICA_TEST_DATA) + "/images/" + name).c_str(), &picture, nullptr) == MICA_OK);
  return picture;
}

}  // namespace

TEST_CASE("a converted pair gives the answers and the pixels of its checkpoint") {
  mica_picture* const pictures[] = {picture_of("clip0_0.png"), picture_of("a_cat.jpg")};
  for (const Converted& one : converted()) {
    if (!one.has_tower) continue;
    CAPTURE(std::string(one.family));
    const TestFolder folder;
    copy_checkpoint(one, folder);
    mica_model* checkpoint = open_model(folder.path());
    mica_model* pair = open_model(file_of(one, "text"), file_of(one, "mmproj").c_str());
    CHECK(std::string(mica_model_family(pair)) == mica_model_family(checkpoint));
    for (const mica_picture* picture : pictures) {
      if (picture == pictures[1] && one.small_pictures) continue;
      // Only placeholders: a checkpoint without a vocabulary knows none of the tokens around them.
      uint32_t count = 0;
      REQUIRE(mica_picture_tokens(pair, picture, &count, nullptr) == MICA_OK);
      std::vector<int32_t> ids = {5, 40, 77};
      ids.insert(ids.end(), count, kPlaceholder);
      ids.insert(ids.end(), {12, 99, 150, 31, 8, 64, 201, 17, 90});
      const auto add = [&](mica_session* session) {
        mica_error error{};
        REQUIRE_MESSAGE(mica_session_add_tokens(session, ids.data(), ids.size(), &picture, 1, &error) == MICA_OK,
                        error.message);
        REQUIRE_MESSAGE(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_OK, error.message);
      };
      CHECK(pixels_of(checkpoint, picture) == pixels_of(pair, picture));
      CHECK(difference_of(checkpoint, pair, add) < kStored);
    }
    mica_model_close(checkpoint);
    mica_model_close(pair);
  }
  for (mica_picture* picture : pictures) mica_picture_free(picture);
}

TEST_CASE("a converted text gives the answers of its checkpoint, with its tower or alone") {
  for (const Converted& one : converted()) {
    CAPTURE(std::string(one.family));
    mica_model* checkpoint = open_golden(one.family);
    mica_model* text = one.alone == nullptr ? open_model(file_of(one, "text"), file_of(one, "mmproj").c_str())
                                            : open_model(file_of(one, "text"));
    if (one.alone != nullptr) CHECK(std::string(mica_model_family(text)) == one.alone);
    std::vector<int32_t> ids;  // beyond the windows and the first contexts of all
    for (int32_t i = 0; i < 90; ++i) ids.push_back((7 + 41 * i) % kPlaceholder);
    const auto add = [&](mica_session* session) {
      REQUIRE(mica_session_add_tokens(session, ids.data(), ids.size(), nullptr, 0, nullptr) == MICA_OK);
      REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
    };
    CHECK(difference_of(checkpoint, text, add) < kStored);
    mica_model_close(checkpoint);
    mica_model_close(text);
  }
}

TEST_CASE("a converted text that lacks or changes what its kind needs is refused by that") {
  const TestFolder folder;
  const struct {
    const char* family;
    const char* before;
    const char* after;
    const char* said;
  } changes[] = {
      {"granite", "granite.attention.scale", "granite.attention.scalx", "granite.attention.scale"},
      {"qwen3_5", "qwen35.rope.dimension_sections", "qwen35.rope.dimension_sectionx", "dimension_sections"},
      {"qwen3_5", "qwen35.ssm.inner_size", "qwen35.ssm.inner_sizx", "qwen35.ssm.inner_size"},
      {"qwen3_5", "blk.0.ssm_a", "blk.0.ssm_x", "A_log"},
      {"lfm2_vl", "lfm2.attention.head_count_kv", "lfm2.attention.head_count_kx", "lfm2.attention.head_count_kv"},
      {"lfm2_vl", "blk.0.shortconv.conv.weight", "blk.0.shortconv.conx.weight", "conv.conv"},
      {"gemma4", "rope_freqs.weight", "rope_freqx.weight", "rope_freqs.weight is missing"},
      {"gemma4", "gemma4.attention.key_length_swa", "gemma4.attention.key_length_swx", "key_length_swa"},
      {"phi3_long", "rope_factors_long.weight", "rope_factors_lonx.weight", "rope_factors_long.weight is missing"},
      {"phi3_long", "phi3.rope.scaling.original_context_length", "phi3.rope.scaling.original_context_lengtx",
       "original_context_length"},
      {"mistral3", "mistral3.rope.scaling.factor", "mistral3.rope.scaling.factox", "mistral3.rope.scaling.factor"},
  };
  for (const auto& change : changes) {
    CAPTURE(std::string(change.before));
    const std::string file = std::string(MICA_TEST_DATA) + "/gguf/" + change.family + "-text.gguf";
    const std::string said = refusal_of(changed_copy(file, change.before, change.after, folder));
    CHECK_MESSAGE(said.find(change.said) != std::string::npos, said);
  }
  for (const Converted& one : converted())
    if (one.alone == nullptr) CHECK(refusal_of(file_of(one, "text")).find("--mmproj") != std::string::npos);
}

TEST_CASE("a tower in blocks, values of which leave their columns, gives the answers of the one in plain numbers") {
  const std::string text = std::string(MICA_TEST_DATA) + "/gguf/mistral3-text.gguf";
  const std::string plain = std::string(MICA_TEST_DATA) + "/gguf/mistral3-mmproj.gguf";
  const std::string blocks = std::string(MICA_TEST_DATA) + "/gguf/mistral3-mmproj-q8_0.gguf";
  mica_model* floats = open_model(text, plain.c_str());
  mica_model* stored = open_model(text, blocks.c_str());
  mica_picture* const opened = picture_of("clip0_0.png");
  const mica_picture* const picture = opened;
  uint32_t count = 0;
  REQUIRE(mica_picture_tokens(stored, picture, &count, nullptr) == MICA_OK);
  std::vector<int32_t> ids = {5, 40, 77};
  ids.insert(ids.end(), count, kPlaceholder);
  ids.insert(ids.end(), {12, 99, 150, 31, 8, 64, 201, 17, 90});
  const auto add = [&](mica_session* session) {
    REQUIRE(mica_session_add_tokens(session, ids.data(), ids.size(), &picture, 1, nullptr) == MICA_OK);
    REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
  };
  const double difference = difference_of(floats, stored, add);
  CHECK(difference > 0);
  CHECK(difference < kStored);
  mica_picture_free(opened);
  mica_model_close(floats);
  mica_model_close(stored);
}
