// What stands for a picture in a prompt: the runs and the text of published processors, and runs found among ids.
#include "picture_prompt.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tokenizer.hpp"

using namespace mica;

namespace {

constexpr int32_t kPlaceholder = 300;

// A tokenizer of letters, with some of Idefics 3's control tokens: the others are text then.
std::string tokenizer_json() {
  std::string vocabulary = R"("\u0120": 0, "\u010a": 1)";  // a space and the end of a line
  int next = 2;
  for (char letter = '!'; letter <= '~'; ++letter) {
    const std::string escaped = letter == '"' || letter == '\\' ? std::string("\\") + letter : std::string(1, letter);
    vocabulary += ", \"" + escaped + "\": " + std::to_string(next++);
  }
  std::string added;
  for (const char* control : {"<fake_token_around_image>", "<global-img>", "<row_1_col_1>", "<row_1_col_2>"}) {
    if (!added.empty()) added += ", ";
    added += R"({"id": )" + std::to_string(next++) + R"(, "content": ")" + control +
             R"(", "special": true, "normalized": false, "lstrip": false, "rstrip": false, "single_word": false})";
  }
  return R"({"added_tokens": [)" + added + R"(], "normalizer": null, "post_processor": null,
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
             "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
             "model": {"type": "BPE", "vocab": {)" + vocabulary + R"(}, "merges": []}})";
}

// A model of a family that has tiles of 4 x 4 patches.
void make_model(const char* family, Model* out) {
  Model& model = *out;
  for (const Family* one : kFamilies)
    if (std::string(one->name) == family) model.spec = one->defaults(), model.spec.family = one;
  REQUIRE(model.spec.family != nullptr);
  model.spec.decoder.hidden = 8;
  model.spec.vision.patch = 14;
  model.spec.vision.image_width = model.spec.vision.image_height = 56;
  model.spec.picture_token = kPlaceholder;
  const std::string json = tokenizer_json();
  const Status status =
      Tokenizer::load({reinterpret_cast<const uint8_t*>(json.data()), json.size()}, "tokenizer", &model.tokenizer);
  REQUIRE_MESSAGE(status, status.message());
}

PixelPlan tiles(uint32_t columns, uint32_t rows) {
  PixelPlan plan;
  plan.tile_columns = columns;
  plan.tile_rows = rows;
  plan.tiles = columns * rows + (columns * rows > 1);
  plan.width = plan.height = 56;
  plan.grid_width = plan.grid_height = 4;
  plan.values = size_t{3} * plan.width * plan.height * plan.tiles;
  return plan;
}

// The whole as text, each run of placeholders as its number in brackets.
std::string shown(const Model& model, const PicturePrompt& prompt) {
  std::string all;
  const auto add = [&](const std::vector<int32_t>& ids) {
    std::string text;
    REQUIRE(model.tokenizer->decode(ids, false, &text));
    all += text;
  };
  for (const PicturePrompt::Run& run : prompt.runs) {
    add(run.before);
    all += "[" + std::to_string(run.tokens) + "]";
  }
  add(prompt.behind);
  return all;
}

PicturePrompt of_runs(std::initializer_list<size_t> tokens) {
  PicturePrompt prompt;
  for (const size_t count : tokens) prompt.runs.push_back({{}, count});
  return prompt;
}

}  // namespace

TEST_CASE("Idefics 3 writes tiles with their places, and the whole picture behind them") {
  Model model;
  make_model("idefics3", &model);
  PicturePrompt prompt;
  REQUIRE(write_picture(model, tiles(2, 2), {}, &prompt));
  CHECK(shown(model, prompt) ==
        "<fake_token_around_image><row_1_col_1>[4]<fake_token_around_image><row_1_col_2>[4]\n"
        "<fake_token_around_image><row_2_col_1>[4]<fake_token_around_image><row_2_col_2>[4]\n\n"
        "<fake_token_around_image><global-img>[4]<fake_token_around_image>");
  CHECK(prompt.runs[0].before.size() == 2);  // control tokens that the tokenizer has
  CHECK(prompt.runs[2].before.size() > 13);  // and one that it has not
  REQUIRE(write_picture(model, tiles(1, 1), {}, &prompt));
  CHECK(shown(model, prompt) == "<fake_token_around_image><global-img>[4]<fake_token_around_image>");
}

TEST_CASE("texts of videos say numbers, times and durations as the processors do") {
  PictureFacts facts = {.index = 2, .shot = 4, .frames = 3, .seconds = 75.9, .middle_seconds = 76.05,
                        .video_seconds = 3725.2};
  CHECK(piece_text("Frame{frame}: ", facts) == "Frame5: ");
  CHECK(piece_text("{index} {number}", facts) == "2 3");
  CHECK(piece_text("{clock}|{seconds}", facts) == "01:15|75");
  CHECK(piece_text("{frames} frames from a {duration}", facts) == "three frames from a 1:02:05");
  facts = {.frames = 64, .seconds = 6000, .video_seconds = 9.9999999999};
  CHECK(piece_text("{frames} {duration} {clock}", facts) == "sixty-four 0:00:10 100:00");
  const struct {
    size_t number;
    const char* words;
  } numbers[] = {{0, "zero"}, {13, "thirteen"}, {20, "twenty"}, {99, "ninety-nine"}, {100, "one hundred"},
                 {256, "two hundred and fifty-six"}, {807, "eight hundred and seven"}, {1000, "1000"}};
  for (const auto& each : numbers) CHECK(piece_text("{frames}", {.frames = each.number}) == each.words);
  CHECK(piece_text("{duration}", {.video_seconds = 86400 + 61}) == "1 day, 0:01:01");
  CHECK(piece_text("{duration}", {.video_seconds = 3 * 86400}) == "3 days, 0:00:00");
}

TEST_CASE("what stands between a video's frames stands before all but the first") {
  Model model;
  make_model("smolvlm", &model);
  const PicturePieces around = pieces_of(*model.spec.family, Shown::frame);
  REQUIRE(around.before.size() == 1);
  CHECK(piece_text(around.before[0].text, {.frames = 2, .seconds = 1, .video_seconds = 4}) ==
        "You are provided the following series of two frames from a 0:00:04 [H:MM:SS] video.\n\nFrame from 00:01:");
  REQUIRE(around.behind.size() == 1);
  CHECK(std::string(around.behind[0].text) == "\n\n");
  PixelPlan plan = tiles(1, 1);
  plan.shown = Shown::frame;
  PicturePrompt prompt;
  REQUIRE(write_picture(model, plan, {.shot = 0, .frames = 2, .seconds = 1}, &prompt));
  CHECK(shown(model, prompt) == "<fake_token_around_image><global-img>[4]<fake_token_around_image>");
  REQUIRE(write_picture(model, plan, {.shot = 1, .frames = 2, .seconds = 61}, &prompt));
  CHECK(shown(model, prompt) ==
        "\nFrame from 01:01:<fake_token_around_image><global-img>[4]<fake_token_around_image>");
}

TEST_CASE("a family whose picture is one run has no text that depends on its tiles") {
  Model model;
  make_model("internvl", &model);
  PicturePrompt prompt;
  REQUIRE(write_picture(model, tiles(3, 2), {}, &prompt));
  REQUIRE(prompt.runs.size() == 1);
  CHECK(prompt.runs[0].tokens == 7 * 4);
  CHECK(prompt.text_tokens() == 0);
  const PicturePieces pieces = pieces_of(*model.spec.family);
  CHECK(pieces.before.size() == 1);
  CHECK(pieces.inner.size() == 1);
  CHECK(pieces.behind.size() == 2);
}

TEST_CASE("a picture's runs are found among ids, in one run or as they are written") {
  constexpr int32_t p = kPlaceholder;
  const PicturePrompt wanted = of_runs({2, 2, 1});
  PicturePrompt found;
  size_t length = 0;
  const auto find = [&](const std::vector<int32_t>& ids) { return find_picture(ids, p, wanted, &found, &length); };

  REQUIRE(find({p, p, p, p, p, p, 7}));  // the sixth is another picture's
  CHECK(found.runs.size() == 1);
  CHECK(length == 5);

  REQUIRE(find({p, p, 7, 8, p, p, 9, p, p}));
  REQUIRE(found.runs.size() == 3);
  CHECK(found.runs[1].before == std::vector<int32_t>{7, 8});
  CHECK(found.runs[2].before == std::vector<int32_t>{9});
  CHECK(found.behind.empty());
  CHECK(length == 8);

  CHECK_FALSE(find({p, p, 7, p, p, p, 9, p}));
  CHECK_FALSE(find({p, p, 7, p, p, 9}));
  CHECK_FALSE(find({p, 7, p, p, 9, p, p}));
  CHECK_FALSE(find({p, p}));
}
