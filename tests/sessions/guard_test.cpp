// Guard bytes behind every piece of a session's memory, for every family, storage and option: nothing is written
// there. Not exactness: engine/golden_test.cpp.
#include <doctest/doctest.h>

#include <random>

#include "session_steps.hpp"
#include "test_folder.hpp"

using namespace mica;
using namespace mica::test;

namespace {

constexpr WeightFormat kFloat = WeightFormat::floats, kW4 = WeightFormat::u4, kW8 = WeightFormat::s8;

struct Named {
  const char* name;
  SmallShape shape;
};

const Named kSmallShapes[] = {
    {"llama", {.family = "llama"}},
    {"a stream wider than q, k and v", {.family = "llama", .hidden = 1024, .heads = 1, .kv_heads = 1, .head_dim = 2}},
    {"odd widths", {.family = "qwen2", .hidden = 96, .heads = 3, .kv_heads = 1, .head_dim = 72, .feed_forward = 160}},
    {"a wide MLP", {.family = "llama", .hidden = 256, .feed_forward = 4096}},
    {"qwen3", {.family = "qwen3", .heads = 6, .kv_heads = 3, .tied = false}},
    {"qwen2_vl", {.family = "qwen2_vl", .hidden = 128, .head_dim = 64, .patch = 2}},
    {"qwen2_vl of large pictures", {.family = "qwen2_vl", .layers = 1, .head_dim = 32, .patch = 2, .pixels_max = 4000}},
    {"qwen2_5_vl", {.family = "qwen2_5_vl", .head_dim = 32, .patch = 2, .pixels_max = 1000}},
    {"qwen3_vl", {.family = "qwen3_vl", .head_dim = 32, .patch = 2, .pixels_max = 1000}},
    {"glm_ocr", {.family = "glm_ocr", .head_dim = 32, .patch = 2, .pixels_max = 2000}},
    {"llava", {.family = "llava", .heads = 1, .kv_heads = 1, .head_dim = 64, .patches = 14}},
    {"llava with a wide MLP", {.family = "llava", .vision_feed_forward = 1024, .patches = 6}},
    {"internvl", {.family = "internvl", .head_dim = 64, .patches = 12, .tiles = 4}},
    {"idefics3", {.family = "idefics3", .head_dim = 64, .patches = 12}},
    {"smolvlm", {.family = "smolvlm", .head_dim = 64, .patches = 6}},
    {"llava_next", {.family = "llava_next", .head_dim = 64, .patches = 6}},
    {"llava_next_video", {.family = "llava_next_video", .head_dim = 64, .patches = 7}},
    {"video_llava", {.family = "video_llava", .head_dim = 64, .patches = 5}},
    {"lfm2_vl", {.family = "lfm2_vl", .head_dim = 16, .patches = 8}},
    {"mistral3", {.family = "mistral3", .head_dim = 64, .patches = 16}},
    {"minicpmv4_6", {.family = "minicpmv4_6", .head_dim = 16, .patches = 8}},
    {"minicpmv4_6 of wide slices", {.family = "minicpmv4_6", .head_dim = 32, .vision_feed_forward = 96, .patches = 15}},
    {"gemma4", {.family = "gemma4", .layers = 6, .head_dim = 64}},
    {"gemma3", {.family = "gemma3", .head_dim = 64, .patches = 12}},
};

SessionOptions with_guards(uint32_t context) {
  SessionOptions options;
  options.context = context;
  options.guarded = true;
  return options;
}

// What AddressSanitizer, which knows the guards, would stop at.
__attribute__((no_sanitize("address"))) void write_unseen(uint8_t* byte) { *byte = 0; }

void check(const Status& status) { CHECK_MESSAGE(status, said(status)); }

std::vector<uint8_t> random_bytes(uint32_t seed, size_t count) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

}  // namespace

TEST_CASE("a broken guard names the place where the piece before it was taken") {
  std::vector<uint8_t> memory(4096 + Arena::kAlignment);
  void* start = memory.data() + (Arena::kAlignment - reinterpret_cast<uintptr_t>(memory.data()) % Arena::kAlignment);
  for (size_t behind : {size_t{0}, size_t{3}, size_t{100}}) {
    ArenaGuards guards;
    Arena arena(start, 4096);
    arena.guard_with(&guards);
    (void)arena.take<uint8_t>(100);
    uint8_t* piece = arena.take<uint8_t>(61);
    const int line = __LINE__ - 1;
    (void)arena.take<float>(100);
    CHECK(guards.count() == 3);
    CHECK(guards.first_broken() == nullptr);
    write_unseen(piece + 61 + behind);
    REQUIRE(guards.first_broken() != nullptr);
    CHECK(guards.first_broken()->line == line);
    CHECK(std::string(guards.first_broken()->file).find("guard_test.cpp") != std::string::npos);
  }
}

TEST_CASE("every shape, storage and cut of chunks stays within its buffers, and so do decoding, filling and growing") {
  const TestFolder folder;
  const std::vector<std::vector<WeightFormat>> storages = {{kFloat}, {kW4}, {kW8}, {kW8, kFloat}, {kFloat, kW4}};
  for (const Named& named : kSmallShapes)
    for (const std::vector<WeightFormat>& storage : storages) {
      CAPTURE(named.name);
      SmallModel small;
      const Status made = make_small_model(named.shape, storage, &small);
      REQUIRE_MESSAGE(made, said(made));
      struct Cut {
        uint32_t batch, logit_rows, threads;
      };
      for (const Cut& cut : {Cut{0, 256, 1}, Cut{7, 3, 2}}) {
        SessionOptions options = with_guards(300);
        options.batch = cut.batch;
        options.logit_rows = cut.logit_rows;
        options.threads = cut.threads;
        SessionSteps steps;
        check(steps.begin(*small.model, options, folder.path("session")));
        // Tokens, two pictures, prefill, tokens, a picture, prefill, two tokens, save, fill, grow, restore, a token.
        const std::vector<uint8_t> script = {1, 0, 39, 2, 63, 63, 2, 9, 120, 4, 0, 3, 2, 127, 3, 4, 5, 5,
                                             7, 6, 9,  40, 1, 10, 30, 8, 5, 5};
        Choices choices(script);
        check(steps.run(&choices, 100));
      }
    }
}

TEST_CASE("sessions that share a workspace stay within their buffers and its own, by turns and together") {
  for (const Named& named : kSmallShapes)
    for (const std::vector<WeightFormat>& storage : {std::vector{kFloat}, std::vector{kW4}, std::vector{kW8, kFloat}}) {
      CAPTURE(named.name);
      SmallModel small;
      REQUIRE(make_small_model(named.shape, storage, &small));
      OwnedBytes memory;
      const ModelSpec& spec = small.model->spec;
      const auto id = static_cast<int32_t>((static_cast<uint32_t>(spec.picture_token) + 1) % spec.decoder.vocabulary);
      SessionOptions wanted = with_guards(200), options;
      wanted.batch = 70;
      wanted.threads = 2;
      wanted.logit_rows = 3;
      wanted.sequences = 3;
      size_t bytes = 0;
      REQUIRE(Session::resolve(*small.model, wanted, &options));
      REQUIRE(Workspace::size(*small.model, options, &bytes));
      std::unique_ptr<Workspace> workspace;
      check(Workspace::create(*small.model, options, own_bytes(bytes, &memory), bytes, &workspace));
      std::vector<std::unique_ptr<Session>> sessions(3);
      std::vector<Session*> all;
      for (uint32_t i = 0; i < 3; ++i) {
        wanted.context = 80 + 60 * i;
        wanted.logit_rows = 1 + i;
        check(resolve_within(*small.model, workspace->options(), wanted, &options));
        REQUIRE(Session::size_within(*workspace, options, &bytes));
        check(Session::create_within(workspace.get(), options, own_bytes(bytes, &memory), bytes, &sessions[i]));
        const std::vector<int32_t> ids(3 + 20 * i, id);
        check(sessions[i]->add_tokens(ids, {}));
        check(sessions[i]->begin_answer({.sampling = {.temperature = 0}, .ignore_end = true}));
        all.push_back(sessions[i].get());
      }
      for (uint32_t round = 0; round < 5; ++round) {
        Session::step_together(all);
        for (Session* session : all) {
          // Made-up weights need not give finite logits.
          if (!session->outcome().status && session->tokens_pending() == 0) check(session->push_answer(1));
          check(session->check_guards());
        }
        const std::vector<int32_t> more(2, id);
        check(all[round % 3]->add_tokens(more, {}));
        check(all[(round + 1) % 3]->prefill(nullptr, nullptr));
      }
    }
}

TEST_CASE("settings of the cache stay within its buffers, with pictures of all sizes") {
  const TestFolder folder;
  for (const Named& named : kSmallShapes) {
    if (!has_pictures(named.shape) || named.shape.head_dim != 64) continue;
    SmallModel small;
    REQUIRE(make_small_model(named.shape, {kFloat}, &small));
    for (uint32_t visual : {1u, 2u, 4u, 16u})
      for (uint32_t text : {16u, 8u, 4u})
        for (const char* levels : {"token", "quantile=0.1"}) {
          CAPTURE(named.name);
          CAPTURE(visual);
          CAPTURE(text);
          SessionOptions options = with_guards(260);
          options.threads = 2;
          options.batch = 70;
          options.kv_wanted = {.visual_bits = visual, .text_bits = text, .levels = levels, .visual_layers = "1=2"};
          SessionSteps steps;
          check(steps.begin(*small.model, options, folder.path("session")));
          for (uint32_t side : {1u, 9u, 33u, 120u}) {
            const std::vector<uint8_t> script = {0, 2, 2, static_cast<uint8_t>(side), 60, 4, 5, 7, 8, 5};
            Choices choices(script);
            check(steps.run(&choices, 100));
          }
        }
  }
}

TEST_CASE("filling with pictures smaller than the model has is refused when the spans would not fit") {
  SmallModel small;
  const SmallShape llava = {.family = "llava", .heads = 1, .kv_heads = 1, .head_dim = 64, .patches = 16};
  REQUIRE(make_small_model(llava, {kFloat}, &small));
  for (uint32_t tokens : {1u, 31u, 32u, 33u, 64u, 255u, 256u})
    for (uint32_t bits : {1u, 2u, 4u, 16u}) {
      CAPTURE(tokens);
      SessionOptions options = with_guards(4096);
      options.context_text = 64;
      options.kv_wanted.visual_bits = bits;
      SessionSteps steps;
      check(steps.begin(*small.model, options, ""));
      const Status status = steps.session().fill(0, 4032 / tokens, tokens);
      CHECK((status || status.code() == Code::context_full));
      CHECK((status || tokens < 256));
      check(steps.session().check_guards());
      int32_t id = 3;
      check(steps.session().add_tokens({&id, 1}, {}));
      check(steps.session().prefill(nullptr, nullptr));
      check(steps.session().check_guards());
    }
}

TEST_CASE("random shapes, storages, options and steps") {
  const TestFolder folder;
  size_t ran = 0;
  for (uint32_t seed = 0; seed < 120; ++seed) {
    CAPTURE(seed);
    const std::vector<uint8_t> bytes = random_bytes(seed, 160);
    Choices choices(bytes);
    const SmallShape shape = choose_shape(&choices);
    SmallModel small;
    if (!make_small_model(shape, choose_storages(&choices), &small)) continue;
    SessionSteps steps;
    if (!steps.begin(*small.model, choose_options(shape, &choices), folder.path("session"))) continue;
    check(steps.run(&choices, 100));
    ++ran;
  }
  CHECK(ran > 40);
}
