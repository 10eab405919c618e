// Changes of config.json against transformers: the logits that it gives with the same change (make_config_cases.py).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "checkpoint.hpp"

using namespace mica::test;

namespace {

std::vector<std::string> g_warnings;

void keep_warning(void*, int level, const char* message) {
  if (level == MICA_LOG_WARNING) g_warnings.push_back(message);
}

void change(Json* config, const Json& described) {
  for (const Json& pointer : described["remove"]) {
    const Json::json_pointer place(pointer.get<std::string>());
    config->at(place.parent_pointer()).erase(place.back());
  }
  for (const auto& [pointer, value] : described["set"].items()) (*config)[Json::json_pointer(pointer)] = value;
}

std::vector<float> recorded(const mica_tensors* file, const std::string& name) {
  mica_tensor tensor;
  mica_error error{};
  REQUIRE_MESSAGE(mica_tensors_find(file, name.c_str(), &tensor, &error) == MICA_OK, error.message);
  std::vector<float> values(tensor.bytes / sizeof(float));
  std::memcpy(values.data(), tensor.data, tensor.bytes);
  return values;
}

// max |a - b| / max |b| over the last two positions.
double difference(const mica_model* model, const Json& described, const std::vector<float>& wanted) {
  mica_session* session = make_session(model, 0, 0, 2);
  const std::string family = described["family"];
  std::vector<GoldenCase> cases = golden_cases(family);
  const bool pictured = !described["golden"].is_null();
  GoldenCase text;
  GoldenCase& prompt = pictured ? cases.at(described["golden"].get<size_t>()) : text;
  prompt.ids = described["ids"].get<std::vector<int32_t>>();
  add_prompt(session, prompt);
  double apart = 0, largest = 0;
  const size_t vocabulary = mica_model_vocabulary(model);
  for (uint32_t row = 0; row < 2; ++row) {
    const float* logits = nullptr;
    mica_error error{};
    REQUIRE_MESSAGE(mica_session_logits(session, 1 - row, &logits, &error) == MICA_OK, error.message);
    for (size_t i = 0; i < vocabulary; ++i) {
      apart = std::max(apart, std::abs(static_cast<double>(logits[i]) - wanted[row * vocabulary + i]));
      largest = std::max(largest, std::abs(static_cast<double>(wanted[row * vocabulary + i])));
    }
  }
  mica_session_free(session);
  return apart / largest;
}

}  // namespace

TEST_CASE("changed configs give what transformers gives") {
  const std::string data = MICA_TEST_DATA;
  const Json cases = read_json(data + "/config_cases.json");
  mica_tensors* file = nullptr;
  mica_error error{};
  REQUIRE(mica_tensors_open((data + "/config_cases.safetensors").c_str(), &file, &error) == MICA_OK);
  for (size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(cases[i]["family"]);
    CAPTURE(cases[i]["set"].dump());
    CAPTURE(cases[i]["remove"].dump());
    Checkpoint checkpoint(cases[i]["family"].get<std::string>());
    change(&checkpoint.config, cases[i]);
    mica_model* model = checkpoint.open_model(&error);
    CHECK_MESSAGE(model != nullptr, error.message);
    if (model == nullptr) continue;
    CHECK(difference(model, cases[i], recorded(file, "logits_" + std::to_string(i))) < 2e-5);
    mica_model_close(model);
  }
  mica_tensors_close(file);
}

TEST_CASE("what is stored beside the config's word, or not stored with it, is warned of") {
  const struct {
    const char* family;
    const char* pointer;
    Json value;
    const char* named;
  } cases[] = {
      {"llama", "/tie_word_embeddings", true, "tie_word_embeddings is true, but the stored lm_head differs"},
      {"llama", "/attention_bias", true, "attention_bias, but no such bias is stored"},
      {"internvl", "/vision_config/attention_bias", false, "attention_bias excludes"},
      {"llava", "/multimodal_projector_bias", false, "multimodal_projector_bias excludes"},
      {"llama", "/no_such_field", 3, "config.json: no_such_field is not a field that mica knows"},
      {"llava", "/vision_config/no_such_field", "x", "vision_config.no_such_field is not a field"},
      {"llava", "/hidden_size", 64, "config.json: hidden_size is not a field"},
      {"qwen2_vl", "/head_dim", 16, "config.json: head_dim stands beside text_config"},
  };
  mica_set_log(keep_warning, nullptr);
  for (const auto& each : cases) {
    CAPTURE(each.pointer);
    Checkpoint checkpoint(each.family);
    checkpoint.config[Json::json_pointer(each.pointer)] = each.value;
    g_warnings.clear();
    mica_error error{};
    CHECK_MESSAGE(checkpoint.open(&error) == MICA_OK, error.message);
    REQUIRE(g_warnings.size() == 1);
    CHECK_MESSAGE(g_warnings[0].find(each.named) != std::string::npos, g_warnings[0]);
  }
  for (const char* family : {"qwen2", "qwen3", "llama", "qwen2_vl", "llava", "internvl", "lfm2", "qwen3_5_text",
                             "qwen3_5", "gemma3_text", "gemma3", "paligemma", "gemma4", "gemma4_unified",
                             "gemma_static_qat"}) {
    g_warnings.clear();
    mica_model_close(open_golden(family));
    CHECK_MESSAGE(g_warnings.empty(), g_warnings[0]);
  }
  mica_set_log(nullptr, nullptr);
}

TEST_CASE("a gate that Qwen3.5's attention always has is known, and refused where it is switched off") {
  for (const bool gated : {true, false}) {
    Checkpoint checkpoint("qwen3_5_text");
    checkpoint.config["attn_output_gate"] = gated;
    g_warnings.clear();
    mica_set_log(keep_warning, nullptr);
    mica_error error{};
    CHECK(checkpoint.open(&error) == (gated ? MICA_OK : MICA_UNSUPPORTED));
    mica_set_log(nullptr, nullptr);
    CHECK(g_warnings.empty());
    if (!gated) CHECK_MESSAGE(std::strstr(error.message, "attn_output_gate") != nullptr, error.message);
  }
}
