// Sessions whose visual keys and values are packed: pictures whole and cut, several turns, cancelling, saving, options.
// The model is the panel checkpoint. Not the arithmetic: kv_cache_test.cpp.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "mica.h"

namespace {

struct Panel {
  Panel() {
    mica_error error{};
    REQUIRE_MESSAGE(mica_model_open(MICA_TEST_DATA "/panel/model", nullptr, &model, &error) == MICA_OK, error.message);
    REQUIRE(mica_picture_open(MICA_TEST_DATA "/panel/000.jpg", &picture, &error) == MICA_OK);
  }
  ~Panel() {
    mica_picture_free(picture);
    mica_model_close(model);
  }
  Panel(const Panel&) = delete;
  mica_model* model = nullptr;
  mica_picture* picture = nullptr;
};

mica_session_options packed(uint32_t bits = 1) {
  mica_session_options options = mica_session_options_default();
  options.context = 1024;
  options.kv_visual_bits = bits;
  return options;
}

class Talk {
 public:
  Talk(const Panel& panel, const mica_session_options& options) : panel_(panel) {
    mica_error error{};
    REQUIRE_MESSAGE(mica_session_create(panel.model, &options, nullptr, 0, &session, &error) == MICA_OK, error.message);
  }
  ~Talk() { mica_session_free(session); }
  Talk(const Talk&) = delete;

  void add(const char* question, size_t pictures) {
    std::vector<mica_part> parts(pictures, {MICA_PART_PICTURE, nullptr, 0, panel_.picture});
    parts.push_back({MICA_PART_TEXT, question, std::strlen(question), nullptr});
    mica_error error{};
    REQUIRE_MESSAGE(mica_session_add_message(session, MICA_ROLE_USER, parts.data(), parts.size(), &error) == MICA_OK,
                    error.message);
  }
  std::string answer() {
    mica_sampling greedy = mica_sampling_default();
    greedy.temperature = 0;
    greedy.tokens_max = 16;
    std::string text;
    const auto append = [](void* user, const char* piece, size_t bytes, int32_t) {
      static_cast<std::string*>(user)->append(piece, bytes);
      return 0;
    };
    mica_error error{};
    REQUIRE_MESSAGE(mica_session_generate(session, &greedy, append, &text, nullptr, &error) == MICA_OK, error.message);
    return text;
  }
  std::string ask(const char* question, size_t pictures) {
    add(question, pictures);
    return answer();
  }
  std::vector<float> logits() const {
    const float* row = nullptr;
    REQUIRE(mica_session_logits(session, 0, &row, nullptr) == MICA_OK);
    return {row, row + mica_model_vocabulary(panel_.model)};
  }
  mica_stats stats() const {
    mica_stats stats{};
    mica_session_stats(session, &stats);
    return stats;
  }

  mica_session* session = nullptr;

 private:
  const Panel& panel_;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::string temporary_path() {
  return std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/mica_kv_session_test_" + std::to_string(getpid()) + ".mica";
}

}  // namespace

TEST_CASE("answers with one bit, several turns and pictures; text never unpacks what is packed") {
  const Panel panel;
  for (uint32_t bits : {1u, 2u, 4u, 16u}) {
    CAPTURE(bits);
    Talk talk(panel, packed(bits));
    CHECK(talk.ask("Which unit is this?", 1) == "SOLAR 1");
    const uint64_t visual = talk.stats().kv_visual_bytes;
    const uint64_t float16 = 32 * 2 * 64 * 2 * 2 * 4;  // tokens, heads, channels, keys and values, bytes, layers
    if (bits < 16) CHECK(visual < float16 * (bits + 1) / 16);
    talk.ask("Read the dial.", 0);
    CHECK(talk.stats().kv_visual_bytes == visual);
    talk.ask("Which unit is this?", 2);
    CHECK(talk.stats().kv_visual_bytes == 3 * visual);
    CHECK(talk.stats().tokens_visual == 96);
  }
}

TEST_CASE("any number of threads gives the same bits") {
  const Panel panel;
  std::vector<float> first;
  for (uint32_t threads : {1u, 2u, 3u}) {
    mica_session_options options = packed();
    options.threads = threads;
    Talk talk(panel, options);
    talk.ask("Read the dial.", 3);
    if (threads == 1) first = talk.logits();
    CHECK(same_bits(first, talk.logits()));
  }
}

TEST_CASE("a picture that a chunk cannot hold is packed in parts, and small batches are raised") {
  const Panel panel;
  const std::vector<uint8_t> rgb(3 * 336 * 336, 90);
  mica_picture* large = nullptr;
  mica_error error{};
  REQUIRE(mica_picture_from_rgb(rgb.data(), 336, 336, 0, &large, &error) == MICA_OK);
  uint32_t tokens = 0;
  REQUIRE(mica_picture_tokens(panel.model, large, &tokens, &error) == MICA_OK);
  for (uint32_t batch : {1u, 64u, 100u, 512u}) {
    CAPTURE(batch);
    mica_session_options options = packed();
    options.batch = batch;
    Talk talk(panel, options);
    REQUIRE(mica_session_add_picture(talk.session, large, &error) == MICA_OK);
    REQUIRE(mica_session_add_picture(talk.session, panel.picture, &error) == MICA_OK);
    REQUIRE(mica_session_add_text(talk.session, "and", 3, 0, &error) == MICA_OK);
    REQUIRE_MESSAGE(mica_session_prefill(talk.session, nullptr, nullptr, &error) == MICA_OK, error.message);
    CHECK(talk.stats().tokens_visual == tokens + 32);
    CHECK(talk.stats().kv_visual_bytes < (tokens + 32) * 2 * 64 * 2 * 2 * 4 / 4);
  }
  mica_picture_free(large);
}

TEST_CASE("a prefill cancelled in the middle leaves neither rows nor spans") {
  const Panel panel;
  mica_session_options options = packed();
  options.batch = 64;
  Talk straight(panel, options), disturbed(panel, options);
  straight.ask("Which unit is this?", 1);
  disturbed.ask("Which unit is this?", 1);
  disturbed.add("Read the dial.", 4);
  const auto stop_late = [](void*, const char*, double done) { return done > 0.4 ? 1 : 0; };
  CHECK(mica_session_prefill(disturbed.session, stop_late, nullptr, nullptr) == MICA_CANCELLED);
  CHECK(disturbed.stats().kv_visual_bytes == straight.stats().kv_visual_bytes);
  CHECK(disturbed.stats().tokens == straight.stats().tokens);
  CHECK(disturbed.ask("What is the label?", 2) == straight.ask("What is the label?", 2));
  CHECK(same_bits(straight.logits(), disturbed.logits()));
}

TEST_CASE("a saved session goes on with the same bits; other settings are refused") {
  const Panel panel;
  const std::string path = temporary_path();
  for (uint32_t text_bits : {32u, 16u, 8u, 4u}) {
    mica_session_options options = packed();
    options.kv_text_bits = text_bits;
    Talk talk(panel, options), other(panel, options);
    talk.ask("Which unit is this?", 2);
    mica_error error{};
    REQUIRE_MESSAGE(mica_session_save(talk.session, path.c_str(), &error) == MICA_OK, error.message);
    REQUIRE_MESSAGE(mica_session_restore(other.session, path.c_str(), &error) == MICA_OK, error.message);
    CHECK(other.stats().kv_visual_bytes == talk.stats().kv_visual_bytes);
    CHECK(talk.ask("Read the dial.", 1) == other.ask("Read the dial.", 1));
    CHECK(same_bits(talk.logits(), other.logits()));
    options.kv_visual_bits = 2;
    Talk two(panel, options);
    CHECK(mica_session_restore(two.session, path.c_str(), &error) == MICA_INVALID_ARGUMENT);
  }
  std::remove(path.c_str());
}

TEST_CASE("a session with packed rows grows, and a file goes into a larger one, with the same bits") {
  const Panel panel;
  const std::string path = temporary_path();
  for (uint32_t text_bits : {32u, 16u, 8u, 4u})
    for (uint32_t bits : {1u, 2u, 4u, std::max(text_bits, 16u)}) {
      CAPTURE(text_bits);
      CAPTURE(bits);
      mica_session_options options = packed(bits);
      options.kv_text_bits = text_bits;
      Talk large(panel, options);
      options.batch = 100;  // another cut of chunks changes sums, but the spans are whole
      Talk file(panel, options);
      options.batch = 0;
      options.context = 120;
      Talk grows(panel, options);
      for (Talk* talk : {&large, &grows}) talk->ask("Which unit is this?", 1);
      for (Talk* talk : {&large, &grows}) talk->add("Read the dial.", 1);
      mica_error error{};
      REQUIRE_MESSAGE(mica_session_grow(grows.session, 1024, &error) == MICA_OK, error.message);
      CHECK(large.answer() == grows.answer());
      CHECK(same_bits(large.logits(), grows.logits()));
      CHECK(large.stats().kv_visual_bytes == grows.stats().kv_visual_bytes);
      REQUIRE_MESSAGE(mica_session_save(grows.session, path.c_str(), &error) == MICA_OK, error.message);
      REQUIRE_MESSAGE(mica_session_restore(file.session, path.c_str(), &error) == MICA_OK, error.message);
      CHECK(large.ask("And now?", 0) == file.ask("And now?", 0));
      CHECK(same_bits(large.logits(), file.logits()));
    }
  std::remove(path.c_str());
}

TEST_CASE("a file of packed rows has nothing that memory held before") {
  const Panel panel;
  const std::string path = temporary_path(), secret = "SECRET-OF-ANOTHER-SESSION.";
  for (uint32_t text_bits : {32u, 16u, 8u, 4u})
    for (uint32_t bits : {1u, 2u, 4u, std::max(text_bits, 16u)}) {
      mica_session_options options = packed(bits);
      options.kv_text_bits = text_bits;
      size_t bytes = 0;
      REQUIRE(mica_session_size(panel.model, &options, &bytes, nullptr) == MICA_OK);
      std::string files[2];
      for (std::string& file : files) {
        // Two sessions that differ in nothing but what was in their memory.
        auto* buffer = static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
        for (size_t i = 0; i < bytes; ++i) buffer[i] = &file == files ? secret[i % secret.size()] : char{1};
        mica_session* session = nullptr;
        REQUIRE(mica_session_create(panel.model, &options, buffer, bytes, &session, nullptr) == MICA_OK);
        REQUIRE(mica_session_add_picture(session, panel.picture, nullptr) == MICA_OK);
        REQUIRE(mica_session_add_text(session, "and three more", 14, 0, nullptr) == MICA_OK);
        REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
        REQUIRE(mica_session_save(session, path.c_str(), nullptr) == MICA_OK);
        std::ifstream in(path, std::ios::binary);
        file.assign((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
        mica_session_free(session);
        std::free(buffer);
      }
      CAPTURE(text_bits);
      CAPTURE(bits);
      CHECK(files[0] == files[1]);
    }
  std::remove(path.c_str());
}

TEST_CASE("a session for many pictures and little text is small, and says when its text is full") {
  const Panel panel;
  mica_session_options options = packed(16);
  options.context = 16384 + 1024;
  size_t float16 = 0, small = 0, any = 0;
  mica_error error{};
  REQUIRE(mica_session_size(panel.model, &options, &float16, &error) == MICA_OK);
  options.kv_visual_bits = 1;
  REQUIRE(mica_session_size(panel.model, &options, &any, &error) == MICA_OK);
  options.context_text = 256;
  REQUIRE(mica_session_size(panel.model, &options, &small, &error) == MICA_OK);
  CHECK(small < any);
  const size_t float16_rows = (16384 + 1024) * size_t{2} * 64 * 2 * 2 * 4;
  CHECK(float16 - small > float16_rows * 3 / 4);
  Talk talk(panel, options);
  REQUIRE_MESSAGE(mica_session_fill(talk.session, 16, 64, 256, &error) == MICA_OK, error.message);
  CHECK(talk.stats().tokens_visual == 16384);
  CHECK(talk.stats().kv_visual_bytes < uint64_t{16384} * 2 * 64 * 2 * 2 * 4 / 12);
  talk.ask("Read the dial.", 0);
  const std::vector<int32_t> ids(256, 5);
  CHECK(mica_session_add_tokens(talk.session, ids.data(), ids.size(), nullptr, 0, &error) == MICA_CONTEXT_FULL);
  CHECK(std::string(error.message).find("256 text tokens") != std::string::npos);
}

TEST_CASE("whatever sizes pictures have, the context is what bounds them") {
  const Panel panel;
  for (uint32_t tokens : {1u, 31u, 32u, 33u, 64u, 65u, 256u}) {
    CAPTURE(tokens);
    mica_session_options options = packed();
    options.context = 1024;
    Talk talk(panel, options);
    CHECK(mica_session_fill(talk.session, 0, 1020 / tokens, tokens, nullptr) == MICA_OK);
    CHECK(talk.stats().tokens == 1020 / tokens * tokens);
    CHECK(mica_session_fill(talk.session, 1024, 0, 0, nullptr) == MICA_CONTEXT_FULL);
  }
}

TEST_CASE("bad options are refused by name") {
  const Panel panel;
  struct Bad {
    const char* name;
    void (*set)(mica_session_options*);
  };
  const Bad table[] = {
      {"kv_visual_bits", [](mica_session_options* o) { o->kv_visual_bits = 3; }},
      {"kv_text_bits", [](mica_session_options* o) { o->kv_text_bits = 2; }},
      {"kv_text_bits", [](mica_session_options* o) { o->kv_visual_bits = 32, o->kv_text_bits = 16; }},
      {"kv_text_bits", [](mica_session_options* o) { o->kv_visual_bits = 16, o->kv_text_bits = 32; }},
      {"kv_text_bits", [](mica_session_options* o) { o->kv_visual_layers = "1=32"; }},
      {"kv_levels", [](mica_session_options* o) { o->kv_levels = "median"; }},
      {"kv_levels", [](mica_session_options* o) { o->kv_levels = "quantile"; }},
      {"kv_levels", [](mica_session_options* o) { o->kv_levels = "quantile=0.5"; }},
      {"kv_levels", [](mica_session_options* o) { o->kv_levels = "quantile=x"; }},
      {"kv_levels", [](mica_session_options* o) { o->kv_levels = "token=1"; }},
      {"kv_visual_layers", [](mica_session_options* o) { o->kv_visual_layers = "0-4=1"; }},
      {"kv_visual_layers", [](mica_session_options* o) { o->kv_visual_layers = "0=3"; }},
      {"kv_visual_layers", [](mica_session_options* o) { o->kv_visual_layers = "2-1=2"; }},
      {"kv_visual_layers", [](mica_session_options* o) { o->kv_visual_layers = "1=2,"; }},
      {"context_text", [](mica_session_options* o) { o->context_text = 4096; }},
  };
  for (const Bad& bad : table) {
    mica_session_options options = packed();
    bad.set(&options);
    size_t bytes = 0;
    mica_error error{};
    CAPTURE(bad.name);
    CHECK(mica_session_size(panel.model, &options, &bytes, &error) == MICA_INVALID_ARGUMENT);
    CHECK(std::string(error.message).find(bad.name) != std::string::npos);
  }
  mica_session_options options = packed();
  options.kv_visual_layers = "0-1=4,3=16";
  options.kv_levels = "quantile=0.1";
  Talk talk(panel, options);
  CHECK(talk.ask("Which unit is this?", 1) == "SOLAR 1");
}

TEST_CASE("heads that cannot be packed stay in 16 bits unless bits are asked for") {
  mica_model* model = nullptr;
  mica_error error{};
  REQUIRE(mica_model_open(MICA_TEST_DATA "/golden/qwen2_vl", nullptr, &model, &error) == MICA_OK);
  size_t bytes = 0;
  mica_session_options options = mica_session_options_default();
  CHECK(mica_session_size(model, &options, &bytes, &error) == MICA_OK);
  options.kv_visual_bits = 1;
  CHECK(mica_session_size(model, &options, &bytes, &error) == MICA_INVALID_ARGUMENT);
  CHECK(std::string(error.message).find("kv_visual_bits") != std::string::npos);
  options.kv_visual_bits = 0;
  options.kv_text_bits = 4;
  CHECK(mica_session_size(model, &options, &bytes, &error) == MICA_INVALID_ARGUMENT);
  CHECK(std::string(error.message).find("kv_text_bits") != std::string::npos);
  mica_model_close(model);
}
