// Recorded cases: reading them, and the calls that all tests make. Not a test.
#include "golden.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "mica_video.h"

namespace mica::test {
namespace {

template <class T>
std::vector<T> values(const mica_tensors* file, const char* name) {
  mica_tensor tensor;
  mica_error error{};
  REQUIRE_MESSAGE(mica_tensors_find(file, name, &tensor, &error) == MICA_OK, error.message);
  std::vector<T> out(tensor.bytes / sizeof(T));
  std::memcpy(out.data(), tensor.data, tensor.bytes);
  return out;
}

int collect(void* user, const char*, size_t, int32_t token) {
  if (token >= 0) static_cast<std::vector<int32_t>*>(user)->push_back(token);
  return 0;
}

// Frames with their times: as far apart as the processor said of patches of two, or as where nobody says it.
void set_time(const mica_tensors* file, const std::string& name, size_t frame, mica_picture* picture) {
  mica_tensor step;
  const char* frames = mica_tensors_metadata(file, "video_frames", nullptr);
  if (frames == nullptr || std::string(frames).find(name) == std::string::npos) return;
  const bool is_said = mica_tensors_find(file, "second_per_grid_ts", &step, nullptr) == MICA_OK;
  const double seconds = is_said ? double{values<float>(file, "second_per_grid_ts")[0]} / 2 : 1.0 / 24;
  REQUIRE(mica_frame_set_time(picture, static_cast<double>(frame) * seconds, 1 / seconds, nullptr) == MICA_OK);
}

}  // namespace

std::string golden_path(const std::string& family) { return std::string(MICA_TEST_DATA) + "/golden/" + family; }

std::vector<GoldenCase> golden_cases(const std::string& family) {
  std::vector<GoldenCase> cases;
  for (int k = 0;; ++k) {
    GoldenCase golden;
    golden.name = family + " " + std::to_string(k);
    mica_tensors* file = nullptr;
    mica_error error{};
    if (mica_tensors_open((golden_path(family) + "/golden_" + std::to_string(k) + ".safetensors").c_str(), &file,
                          &error) != MICA_OK)
      break;
    golden.ids = values<int32_t>(file, "input_ids");
    golden.logits = values<float>(file, "logits_last8");
    golden.greedy = values<int32_t>(file, "greedy");
    std::string names =
        mica_tensors_metadata(file, "images", nullptr) ? mica_tensors_metadata(file, "images", nullptr) : "";
    while (!names.empty()) {
      const size_t comma = names.find(',');
      const std::string path = std::string(MICA_TEST_DATA) + "/images/" + names.substr(0, comma);
      mica_picture* picture = nullptr;
      REQUIRE_MESSAGE(mica_picture_open(path.c_str(), &picture, &error) == MICA_OK, error.message);
      golden.pictures.push_back(picture);
      set_time(file, names.substr(0, comma), golden.pictures.size(), picture);
      names = comma == std::string::npos ? "" : names.substr(comma + 1);
    }
    mica_tensors_close(file);
    cases.push_back(std::move(golden));
  }
  REQUIRE(!cases.empty());
  return cases;
}

mica_model* open_golden(const std::string& family) {
  mica_model* model = nullptr;
  mica_error error{};
  REQUIRE_MESSAGE(mica_model_open(golden_path(family).c_str(), nullptr, &model, &error) == MICA_OK, error.message);
  return model;
}

mica_session* make_session(const mica_model* model, uint32_t batch, uint32_t threads, uint32_t logit_rows,
                           uint32_t context, uint32_t kv_bits) {
  mica_session_options options = mica_session_options_default();
  options.context = context;
  options.batch = batch;
  options.threads = threads;
  options.logit_rows = logit_rows;
  options.kv_visual_bits = kv_bits;
  mica_session* session = nullptr;
  mica_error error{};
  REQUIRE_MESSAGE(mica_session_create(model, &options, nullptr, 0, &session, &error) == MICA_OK, error.message);
  return session;
}

void add_prompt(mica_session* session, const GoldenCase& golden) {
  mica_error error{};
  REQUIRE_MESSAGE(mica_session_add_tokens(session, golden.ids.data(), golden.ids.size(), golden.pictures.data(),
                                          golden.pictures.size(), &error) == MICA_OK,
                  error.message);
  REQUIRE_MESSAGE(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_OK, error.message);
}

std::vector<int32_t> greedy_tokens(mica_session* session, uint32_t count) {
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0;
  sampling.tokens_max = count;
  sampling.ignore_end = 1;
  std::vector<int32_t> tokens;
  mica_error error{};
  REQUIRE_MESSAGE(mica_session_generate(session, &sampling, collect, &tokens, nullptr, &error) == MICA_OK,
                  error.message);
  return tokens;
}

}  // namespace mica::test
