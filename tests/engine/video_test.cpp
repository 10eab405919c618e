// Videos: how frames are prepared, what a session makes of them, and what is refused. The outputs of recorded videos:
// golden_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "byte_tokenizer.hpp"
#include "config.hpp"
#include "golden.hpp"
#include "log.hpp"
#include "mica_video.h"
#include "shot.hpp"
#include "test_folder.hpp"

using namespace mica;
using namespace mica::test;

namespace {

// A tower for pictures of 28 x 28 pixels.
std::string config_of(const std::string& family, const std::string& more = "") {
  return R"({"model_type":")" + family + R"(","image_token_index":5,"video_token_index":6,"vision_feature_layer":-1,)" +
         R"("image_grid_pinpoints":[[28,56]],)" + more +
         R"("text_config":{"model_type":"llama","hidden_size":64,"num_hidden_layers":1,"num_attention_heads":4,
            "intermediate_size":96,"vocab_size":64},
            "vision_config":{"hidden_size":32,"intermediate_size":64,"num_attention_heads":2,"num_hidden_layers":1,
            "image_size":28,"patch_size":7}})";
}

constexpr const char* kPictures = R"({"size":{"height":28,"width":28},"crop_size":{"height":28,"width":28},
    "image_grid_pinpoints":[[28,56]],"image_mean":[0.5,0.5,0.5],"image_std":[0.25,0.25,0.25]})";

struct Read {
  Status status;
  ModelSpec spec;
  std::string log;
};

Read read(const std::string& config, const std::string& pictures, const std::string& frames = "",
          const std::string& processor = "") {
  Read result;
  set_log([](void* user, int, const char* message) { *static_cast<std::string*>(user) += message; }, &result.log);
  PictureDocuments documents{bytes_of(pictures), bytes_of(processor)};
  documents.frames = bytes_of(frames);
  result.status = read_model_spec(bytes_of(config), documents, "folder", &result.spec);
  set_log(nullptr, nullptr);
  return result;
}

std::vector<float> newest_logits(const mica_session* session, size_t vocabulary) {
  const float* logits = nullptr;
  REQUIRE(mica_session_logits(session, 0, &logits, nullptr) == MICA_OK);
  return {logits, logits + vocabulary};
}

}  // namespace

TEST_CASE("frames are prepared as a file of their own says, or as that of pictures") {
  const std::string config = config_of("llava_onevision");
  const Read as_pictures = read(config, kPictures);
  REQUIRE_MESSAGE(as_pictures.status, as_pictures.status.message());
  CHECK(as_pictures.spec.frames.cut == PictureCut::fixed);
  CHECK(as_pictures.spec.frames.mean[0] == 0.5f);
  CHECK_FALSE(as_pictures.spec.frames.columns_first);  // its outputs were recorded so
  CHECK_FALSE(as_pictures.spec.pictures.columns_first);
  CHECK(as_pictures.spec.sampling == FrameSampling{.frames = 32});

  const std::string own = R"({"size":{"height":28,"width":28},"image_mean":[0.1,0.2,0.3],"num_frames":12})";
  const std::string nested = "{\"video_processor\":" + own + "}";
  for (const Read& said : {read(config, kPictures, own), read(config, kPictures, "", nested)}) {
    REQUIRE_MESSAGE(said.status, said.status.message());
    CHECK(said.spec.frames.mean[1] == 0.2f);
    CHECK_FALSE(said.spec.frames.columns_first);
    CHECK(said.spec.frames.std[1] == 0.26130258f);  // the class's
    CHECK(said.spec.pictures.mean[1] == 0.5f);
    CHECK(said.spec.sampling == FrameSampling{.frames = 12});
  }
  const std::string rate = R"({"size":{"height":28,"width":28},"fps":0.5})";
  CHECK(read(config, kPictures, rate).spec.sampling == FrameSampling{.per_second = 0.5});
}

TEST_CASE("what a file of frames says wrongly is refused by its name; that of pictures only leaves videos out") {
  const std::string config = config_of("llava_next_video");
  const struct {
    const char* file;
    const char* named;
  } cases[] = {
      {R"({"size":{"height":28,"width":56}})", "size"},
      {R"({"size":{"shortest_edge":28},"do_center_crop":true,"crop_size":{"height":56,"width":56}})", "crop_size"},
      {R"({"do_resize":false})", "crop_size"},
      {R"({"num_frames":0})", "num_frames"},
      {R"({"num_frames":70000})", "num_frames"},
      {R"({"fps":-1})", "fps"},
      {R"({"image_mean":"x"})", "image_mean"},
      {"7", "object"},
      {"{", "line 1"},
  };
  for (const auto& each : cases) {
    CAPTURE(std::string(each.file));
    const Read refused = read(config, kPictures, each.file);
    CHECK_FALSE(refused.status);
    const std::string message = refused.status.message();
    CHECK_MESSAGE(message.find(each.named) != std::string::npos, message);
  }
  // Tiles have one size whether they are resized or not; frames have not.
  std::string pictures = kPictures;
  pictures.replace(pictures.find('{'), 1, R"({"do_resize":false,"do_center_crop":false,)");
  const Read left_out = read(config, pictures);
  REQUIRE_MESSAGE(left_out.status, left_out.status.message());
  CHECK(left_out.spec.video_token == -1);
  CHECK_MESSAGE(left_out.log.find("takes no videos") != std::string::npos, left_out.log);
}

TEST_CASE("windows of patches that leave nothing of a frame are refused; what has weights of its own, too") {
  CHECK(read(config_of("llava_next_video", R"("spatial_pool_stride":4,)"), kPictures).status);
  CHECK(read(config_of("llava_next_video", R"("spatial_pool_mode":"max",)"), kPictures).status);
  for (const char* more : {R"("spatial_pool_stride":5,)", R"("spatial_pool_mode":"conv",)"}) {
    const Status status = read(config_of("llava_next_video", more), kPictures).status;
    CHECK_FALSE(status);
    CHECK_MESSAGE(std::string(status.message()).find("spatial_pool") != std::string::npos, status.message());
  }
}

namespace {

std::string qwen_config(const std::string& family) {
  const bool third = family == "qwen3_vl";
  return R"({"model_type":")" + family + R"(","image_token_id":5,"video_token_id":6,
            "text_config":{"model_type":")" + family + R"(_text","hidden_size":64,"num_hidden_layers":1,
            "num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":96,"vocab_size":64,)" +
         (third ? R"("head_dim":16,)" : "") + R"("rope_parameters":{"rope_type":"default","rope_theta":10000,)" +
         (third ? R"("mrope_interleaved":true,)" : "") + R"("mrope_section":[4,2,2]}},
            "vision_config":{"depth":1,"num_heads":2,"patch_size":7,"spatial_merge_size":2,"temporal_patch_size":2,)" +
         (third ? R"("hidden_size":32,"out_hidden_size":64,"intermediate_size":64,"num_position_embeddings":16,
                     "deepstack_visual_indexes":[0]}})"
                : R"("embed_dim":32,"hidden_size":64}})");
}

constexpr const char* kAnySize = R"({"size":{"shortest_edge":196,"longest_edge":3920},"patch_size":7,"merge_size":2,
    "temporal_patch_size":2,"image_mean":[0.5,0.5,0.5],"image_std":[0.25,0.25,0.25]})";

Shot shot_of_video(const Picture& frame, uint32_t frames) {
  Shot shot = shot_of(frame);
  shot.shown = Shown::frame;
  shot.video_frames = frames;
  return shot;
}

}  // namespace

TEST_CASE("frames of any size keep to bounds of their own: each by itself, or all of a video together") {
  const std::string own = R"({"size":{"shortest_edge":196,"longest_edge":1960},"patch_size":7,"merge_size":2,
      "temporal_patch_size":2})";
  for (const char* family : {"qwen2_vl", "qwen3_vl"}) {
    CAPTURE(std::string(family));
    const Read said = read(qwen_config(family), kAnySize, own);
    REQUIRE_MESSAGE(said.status, said.status.message());
    CHECK(said.spec.pictures.pixels_max == 3920);
    CHECK(said.spec.frames.pixels_max == 1960);
    CHECK(said.spec.video_token == 6);
    Picture frame;
    frame.width = 84;
    frame.height = 56;
    const auto pixels = [&](uint32_t frames) {
      PixelPlan plan;
      REQUIRE(plan_shot(said.spec, shot_of_video(frame, frames), &plan));
      return plan.width * plan.height;
    };
    const bool together = std::string(family) == "qwen3_vl";
    CHECK(pixels(2) == (together ? 2 * 196 : 6 * 196));  // of 980 pixels each, or of 1960
    CHECK(pixels(8) == (together ? 196 : 6 * 196));
    CHECK(pixels(1) == pixels(2));
  }
}

TEST_CASE("a video's pixels may be capped at so many tokens of each frame, or at an even share of them all") {
  const auto pixels = [](const char* capped, uint32_t frames) {
    const std::string file = std::string(R"({"size":{"shortest_edge":196,"longest_edge":196000},"patch_size":7,)") +
                             R"("merge_size":2,"temporal_patch_size":2)" + capped + "}";
    const Read said = read(qwen_config("qwen3_vl"), kAnySize, file);
    REQUIRE_MESSAGE(said.status, said.status.message());
    Picture frame;
    frame.width = 280;
    frame.height = 140;
    PixelPlan plan;
    REQUIRE(plan_shot(said.spec, shot_of_video(frame, frames), &plan));
    return plan.width * plan.height;
  };
  constexpr const char* kCap = R"(,"cap_pixels_per_frame":true,"max_video_tokens":8)";
  for (const uint32_t frames : {2u, 5u}) {
    CHECK(pixels("", frames) == 280 * 140);
    CHECK(pixels(R"(,"cap_pixels_per_frame":false)", frames) == 280 * 140);
    CHECK(pixels(kCap, frames) == 8 * 196);
  }
  CHECK(pixels(R"(,"cap_pixels_per_frame":true)", 5) == 196000 / 5);  // 768 tokens are more than there are
  CHECK(pixels(R"(,"cap_pixels_per_frame":true,"max_video_tokens":1)", 4) == 196);
  CHECK(pixels(kCap, 250) == 2 * 196);  // a share of 784 pixels; the sides are rounded down
}

TEST_CASE("what a file of frames of any size says wrongly is refused by its name") {
  const struct {
    const char* file;
    const char* named;
  } cases[] = {
      {R"({"patch_size":14,"merge_size":2,"temporal_patch_size":2})", "patch_size"},
      {R"({"patch_size":7,"merge_size":3,"temporal_patch_size":2})", "merge_size"},
      {R"({"patch_size":7,"merge_size":2,"temporal_patch_size":1})", "temporal_patch_size"},
      {R"({"patch_size":7,"size":{"height":28,"width":28}})", "size"},
      {R"({"patch_size":7,"size":{"shortest_edge":900,"longest_edge":800}})", "size.shortest_edge"},
      {R"({"patch_size":7,"cap_pixels_per_frame":"yes","max_video_tokens":0})", "cap_pixels_per_frame"},
      {R"({"patch_size":7,"do_resize":false})", "do_resize"},
      {R"({"patch_size":7,"min_frames":0})", "min_frames"},
      {R"({"patch_size":7,"max_duration":0})", "max_duration"},
  };
  for (const char* family : {"qwen2_vl", "qwen3_vl"})
    for (const auto& each : cases) {
      CAPTURE(std::string(each.file));
      const Status status = read(qwen_config(family), kAnySize, each.file).status;
      CHECK_FALSE(status);
      CHECK_MESSAGE(std::string(status.message()).find(each.named) != std::string::npos, status.message());
    }
}

TEST_CASE("a template that is run shows videos as the model's own format does, and a message may have several") {
  constexpr const char* kTemplate =
      "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}{% if c['type'] == 'text' %}"
      "{{ c['text'] }}{% else %}<|vision_start|>{% if c['type'] == 'video' %}<|video_pad|>{% else %}<|image_pad|>"
      "{% endif %}<|vision_end|>{% endif %}{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}"
      "<|im_start|>assistant\n{% endif %}";
  const std::string folder = std::string(MICA_TEST_DATA) + "/panel/model", text = "Read it.";
  std::vector<mica_picture*> frames(5);
  for (size_t i = 0; i < frames.size(); ++i) {
    const std::string path = std::string(MICA_TEST_DATA) + "/images/clip1_" + std::to_string(i) + ".png";
    REQUIRE(mica_picture_open(path.c_str(), &frames[i], nullptr) == MICA_OK);
    REQUIRE(mica_frame_set_time(frames[i], i < 3 ? static_cast<double>(i) : static_cast<double>(i - 3), 1, nullptr) ==
            MICA_OK);
  }
  CHECK(mica_frame_set_time(frames[0], -1, 1, nullptr) == MICA_INVALID_ARGUMENT);
  CHECK(mica_frame_set_time(frames[0], 0, 0, nullptr) == MICA_INVALID_ARGUMENT);
  std::vector<mica_part> parts;
  for (const mica_picture* frame : frames) parts.push_back({MICA_PART_FRAME, nullptr, 0, frame});
  parts.push_back({MICA_PART_TEXT, text.data(), text.size(), nullptr});
  std::vector<float> logits[2];
  uint32_t tokens[2] = {};
  for (const bool templated : {false, true}) {
    mica_model_options options = mica_model_options_default();
    if (templated) options.chat_template = kTemplate;
    mica_model* model = nullptr;
    mica_error error{};
    REQUIRE_MESSAGE(mica_model_open(folder.c_str(), &options, &model, &error) == MICA_OK, error.message);
    mica_session* session = make_session(model, 0, 1, 1, 256);
    REQUIRE_MESSAGE(mica_session_add_message(session, MICA_ROLE_USER, parts.data(), parts.size(), &error) == MICA_OK,
                    error.message);
    REQUIRE(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_OK);
    logits[templated] = newest_logits(session, mica_model_vocabulary(model));
    mica_stats stats{};
    mica_session_stats(session, &stats);
    tokens[templated] = stats.tokens;
    CHECK(stats.pictures == 3);  // two frames, one, and two
    mica_session_free(session);
    mica_model_close(model);
  }
  CHECK(tokens[0] == tokens[1]);
  CHECK(logits[0] == logits[1]);
  for (mica_picture* frame : frames) mica_picture_free(frame);
}

TEST_CASE("frames that stand as pictures do are read by their classes, and what these do not run is refused by its name") {
  const auto golden_file = [](const std::string& family, const char* name) {
    return std::string(text_of(read_all(golden_path(family) + "/" + name)));
  };
  const struct {
    const char* family;
    FrameSampling sampling;
    std::vector<std::pair<const char*, const char*>> refused;  // what the file says, and what is named
  } cases[] = {
      {"smolvlm", {.per_second = 1, .spread = FrameSpread::within, .frames_max = 8},
       {{R"("video_sampling":{"max_frames":0})", "video_sampling.max_frames"},
        {R"("video_sampling":{"fps":-1})", "video_sampling.fps"},
        {R"("video_sampling":{"video_size":{"height":56,"width":56}})", "size"},
        {R"("max_image_size":{"longest_edge":112})", "max_image_size"},
        {R"("do_resize":false)", "do_resize"}}},
      {"internvl", {.frames = 4, .spread = FrameSpread::middles},
       {{R"("size":{"height":56,"width":112})", "size"},
        {R"("initial_shift":0.5)", "initial_shift"},
        {R"("num_frames":0)", "num_frames"}}},
      {"minicpmv4_6", {.per_second = 1, .spread = FrameSpread::whole_seconds, .frames_max = 16},
       {{R"("stack_frames":3)", "stack_frames"},
        {R"("max_num_frames":0)", "max_num_frames"},
        {R"("patch_size":16)", "patch_size"},
        {R"("max_slice_nums":300)", "max_slice_nums"},
        {R"("downsample_mode":"4x")", "downsample_mode"}}},
      {"gemma4", {.frames = 32},
       {{R"("max_soft_tokens":71)", "max_soft_tokens"},
        {R"("patch_size":7)", "patch_size"},
        {R"("pooling_kernel_size":2)", "pooling_kernel_size"}}},
  };
  for (const auto& each : cases) {
    CAPTURE(std::string(each.family));
    const std::string config = golden_file(each.family, "config.json");
    const std::string pictures = golden_file(each.family, "preprocessor_config.json");
    const std::string frames = golden_file(each.family, "video_preprocessor_config.json");
    const Read said = read(config, pictures, frames);
    REQUIRE_MESSAGE(said.status, said.status.message());
    CHECK(said.spec.sampling == each.sampling);
    CHECK(said.spec.frames.columns_first);
    for (const auto& refused : each.refused) {
      const std::string field = refused.first, named = refused.second;
      CAPTURE(field);
      nlohmann::json changed = nlohmann::json::parse(frames);
      changed.update(nlohmann::json::parse("{" + field + "}"));
      const Status status = read(config, pictures, changed.dump()).status;
      CHECK_FALSE(status);
      CHECK_MESSAGE(std::string(status.message()).find(named) != std::string::npos, status.message());
    }
  }
  // Idefics 3 has no class for videos, whatever its file says.
  CHECK(read(golden_file("idefics3", "config.json"), golden_file("idefics3", "preprocessor_config.json")).spec
            .video_token == -1);
}

namespace {

// The checkpoint of a family with a tokenizer of bytes, whose control tokens stand behind these, and a chat template.
class TalkingCheckpoint {
 public:
  TalkingCheckpoint(const std::string& family, std::span<const char* const> controls, const char* picture,
                    const std::string& chat_template) {
    const std::string source = std::string(MICA_TEST_DATA) + "/golden/" + family;
    for (const char* name : {"model.safetensors", "preprocessor_config.json", "video_preprocessor_config.json"})
      std::filesystem::copy_file(source + "/" + name, folder_.path(name));
    const std::vector<uint8_t> config = read_all(source + "/config.json");
    nlohmann::json changed = nlohmann::json::parse(config);
    for (size_t i = 0; i < controls.size(); ++i)
      if (std::string(controls[i]) == picture) changed["image_token_id"] = kOwnControl + i;
    folder_.write("config.json", changed.dump());
    folder_.write("tokenizer.json", byte_tokenizer(false, controls));
    folder_.write("chat_template.jinja", chat_template);
  }
  const std::string& path() const { return folder_.path(); }

 private:
  TestFolder folder_;
};

std::string repeated(const std::string& text, size_t times) {
  std::string all;
  while (times-- > 0) all += text;
  return all;
}

}  // namespace

// A turn that a template shows gives the same logits as the text that the processor writes, as one text.
TEST_CASE("what processors write around videos joins the text of a template, which may know no videos") {
  constexpr const char* kSmolControls[] = {"<image>", "<fake_token_around_image>", "<global-img>", "<row_1_col_1>"};
  constexpr const char* kInternControls[] = {"<IMG_CONTEXT>", "<img>", "</img>"};
  const std::string smol = "<fake_token_around_image><global-img>" + repeated("<image>", 4) +
                           "<fake_token_around_image>",
                    intern = "<img>" + repeated("<IMG_CONTEXT>", 4) + "</img>";
  const struct {
    const char* family;
    std::span<const char* const> controls;
    const char* picture;
    const char* chat_template;
    std::string text;
  } cases[] = {
      {"smolvlm", kSmolControls, "<image>",
       "{% for m in messages %}{{ m['role'] | capitalize }}{% if m['content'][0]['type'] == 'image' %}:{% else %}: "
       "{% endif %}{% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }}{% elif c['type'] == 'image' "
       "%}<image>{% endif %}{% endfor %}.\n{% endfor %}",
       "User: You are provided the following series of two frames from a 0:01:02 [H:MM:SS] video.\n\nFrame from 00:00:" +
           smol + "\nFrame from 01:01:" + smol + "\n\n<video>?.\n"},
      {"internvl", kInternControls, "<IMG_CONTEXT>",
       "{% for m in messages %}{{ m['role'] }}\n{% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }}"
       "{% elif c['type'] == 'image' %}<IMG_CONTEXT>\n{% else %}<video>\n{% endif %}{% endfor %}\n{% endfor %}",
       "user\nFrame1: " + intern + "\nFrame2: " + intern + "\n<video>?"},
  };
  std::vector<mica_picture*> frames(2);
  for (size_t i = 0; i < frames.size(); ++i) {
    const std::string path = std::string(MICA_TEST_DATA) + "/images/clip0_" + std::to_string(i) + ".png";
    REQUIRE(mica_picture_open(path.c_str(), &frames[i], nullptr) == MICA_OK);
    REQUIRE(mica_frame_set_time(frames[i], 61.0 * static_cast<double>(i), 2.0 / 62, nullptr) == MICA_OK);
  }
  const std::string question = "<video>?";
  const mica_part parts[] = {{MICA_PART_FRAME, nullptr, 0, frames[0]},
                             {MICA_PART_FRAME, nullptr, 0, frames[1]},
                             {MICA_PART_TEXT, question.data(), question.size(), nullptr}};
  for (const auto& each : cases) {
    CAPTURE(std::string(each.family));
    const TalkingCheckpoint checkpoint(each.family, each.controls, each.picture, each.chat_template);
    mica_model* model = nullptr;
    mica_error error{};
    REQUIRE_MESSAGE(mica_model_open(checkpoint.path().c_str(), nullptr, &model, &error) == MICA_OK, error.message);
    std::vector<float> logits[2];
    for (const bool templated : {false, true}) {
      mica_session* session = make_session(model, 0, 1, 1, 512);
      if (templated) {
        REQUIRE_MESSAGE(mica_session_add_message(session, MICA_ROLE_USER, parts, 3, &error) == MICA_OK, error.message);
      } else {
        std::vector<int32_t> ids(each.text.size());
        size_t count = 0;
        REQUIRE(mica_tokenize(mica_model_tokenizer(model), each.text.data(), each.text.size(),
                              MICA_TOKENIZE_SPECIAL, ids.data(), ids.size(), &count, &error) == MICA_OK);
        REQUIRE_MESSAGE(mica_session_add_tokens(session, ids.data(), count, frames.data(), 2, &error) == MICA_OK,
                        error.message);
      }
      REQUIRE(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_OK);
      logits[templated] = newest_logits(session, mica_model_vocabulary(model));
      mica_session_free(session);
    }
    CHECK(logits[0] == logits[1]);
    mica_model_close(model);
  }
  for (mica_picture* frame : frames) mica_picture_free(frame);
}

TEST_CASE("a video added as frames is what its placeholders are") {
  const struct {
    const char* family;
    size_t number;
  } videos[] = {{"video_llava", 0}, {"llava_next_video", 0}, {"llava_onevision_video", 0}, {"qwen2_vl", 4},
                {"qwen2_5_vl", 2}};
  for (const auto& video_case : videos) {
    const char* family = video_case.family;
    CAPTURE(std::string(family));
    mica_model* model = open_golden(family);
    CHECK(mica_model_has_video(model) == 1);
    const std::vector<GoldenCase> cases = golden_cases(family);
    const GoldenCase& golden = cases[video_case.number];
    const size_t vocabulary = mica_model_vocabulary(model);
    uint32_t tokens = 0;
    REQUIRE(mica_video_tokens(model, golden.pictures.data(), golden.pictures.size(), &tokens, nullptr) == MICA_OK);
    const int32_t video = 301;  // of these checkpoints
    const auto found = std::find(golden.ids.begin(), golden.ids.end(), video);
    const auto first = static_cast<size_t>(found - golden.ids.begin());
    CHECK(static_cast<size_t>(std::count(golden.ids.begin(), golden.ids.end(), video)) == tokens);

    mica_session* by_ids = make_session(model, 0, 1, 1, 256);
    add_prompt(by_ids, golden);
    mica_session* by_frames = make_session(model, 0, 1, 1, 256);
    const int32_t* ids = golden.ids.data();
    REQUIRE(mica_session_add_tokens(by_frames, ids, first, nullptr, 0, nullptr) == MICA_OK);
    mica_error error{};
    const auto& frames = golden.pictures;
    REQUIRE_MESSAGE(mica_session_add_video(by_frames, frames.data(), frames.size(), &error) == MICA_OK, error.message);
    REQUIRE(mica_session_add_tokens(by_frames, ids + first + tokens, golden.ids.size() - first - tokens, nullptr, 0,
                                    nullptr) == MICA_OK);
    REQUIRE(mica_session_prefill(by_frames, nullptr, nullptr, &error) == MICA_OK);
    CHECK(newest_logits(by_frames, vocabulary) == newest_logits(by_ids, vocabulary));
    mica_session_free(by_ids);
    mica_session_free(by_frames);
    mica_model_close(model);
  }
}

TEST_CASE("videos that do not fit their placeholders or their model are refused, and nothing is added") {
  mica_model* model = open_golden("llava_onevision_video");
  const std::vector<GoldenCase> cases = golden_cases("llava_onevision_video");
  const GoldenCase& golden = cases[0];
  mica_session* session = make_session(model, 0, 1, 1, 256);
  mica_error error{};
  const auto refuses = [&](const std::vector<int32_t>& ids, size_t pictures, const char* said) {
    CHECK(mica_session_add_tokens(session, ids.data(), ids.size(), golden.pictures.data(), pictures, &error) ==
          MICA_INVALID_ARGUMENT);
    CHECK_MESSAGE(std::string(error.message).find(said) != std::string::npos, error.message);
    mica_stats stats{};
    mica_session_stats(session, &stats);
    CHECK(stats.tokens == 0);
  };
  refuses(golden.ids, 3, "no number of the 3 pictures");
  std::vector<int32_t> one_less = golden.ids;
  one_less.erase(std::find(one_less.begin(), one_less.end(), 301));
  refuses(one_less, 4, "of which the last 1 frames take 17");
  CHECK(mica_session_add_video(session, nullptr, 0, &error) == MICA_INVALID_ARGUMENT);
  mica_session_free(session);
  mica_model_close(model);

  mica_model* pictures_only = open_golden("llava");
  CHECK(mica_model_has_video(pictures_only) == 0);
  session = make_session(pictures_only, 0, 1, 1, 256);
  CHECK(mica_session_add_video(session, golden.pictures.data(), 2, &error) == MICA_UNSUPPORTED);
  CHECK_MESSAGE(std::string(error.message).find("no videos") != std::string::npos, error.message);
  mica_session_free(session);
  mica_model_close(pictures_only);
}
