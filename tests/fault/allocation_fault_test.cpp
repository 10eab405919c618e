// Every allocation fails once, and all from it on: each function of mica.h returns MICA_OUT_OF_MEMORY or does without,
// leaves nothing behind, and what was before is as it was. Quantizing: tests/quant.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "allocation_faults.hpp"
#include "build_gguf.hpp"
#include "mica_camera.h"
#include "mica_tensors.h"
#include "test_folder.hpp"

using namespace mica;
using namespace mica::test;

namespace {

// Where a run needs thousands of allocations.
constexpr double kSomeGrowth = 0.01;
const std::string kFolder = MICA_TESTS_DATA "/panel/model";
const std::string kPacked = MICA_DEFAULT_MODEL_FILE;

std::vector<uint8_t> tiny_gguf() {
  GgufBuilder file = TinyGguf::keys();
  file.text("tokenizer.ggml.model", "gpt2")
      .text("tokenizer.ggml.pre", "smollm")
      .texts("tokenizer.ggml.tokens", {"</s>", "a", "b", "ab"})
      .texts("tokenizer.ggml.merges", {"a b"})
      .numbers<int32_t>("tokenizer.ggml.token_type", GgufType::i32, {3, 1, 1, 1})
      .u32("tokenizer.ggml.eos_token_id", 0);
  return TinyGguf::add_tensors(&file).build();
}

mica_status open_and_close(const char* path, mica_error* error) {
  mica_model* model = nullptr;
  const mica_status status = mica_model_open(path, nullptr, &model, error);
  CHECK((model != nullptr) == (status == MICA_OK));
  mica_model_close(model);
  return status;
}

mica_status decode_and_free(const std::vector<uint8_t>& file, mica_error* error) {
  mica_picture* picture = nullptr;
  const mica_status status = mica_picture_decode(file.data(), file.size(), &picture, error);
  mica_picture_free(picture);
  return status;
}

// A session with one answer behind it and a picture at hand.
class Talk {
 public:
  explicit Talk(const std::string& model) {
    mica_error error{};
    REQUIRE_MESSAGE(mica_model_open(model.c_str(), nullptr, &model_, &error) == MICA_OK, error.message);
    options_ = mica_session_options_default();
    options_.threads = 1;
    options_.context = 256;
    REQUIRE_MESSAGE(mica_session_create(model_, &options_, nullptr, 0, &session_, &error) == MICA_OK, error.message);
    REQUIRE(mica_picture_open(MICA_TESTS_DATA "/panel/000.jpg", &picture_, &error) == MICA_OK);
    start();
  }
  ~Talk() {
    mica_picture_free(picture_);
    mica_session_free(session_);
    mica_model_close(model_);
  }

  mica_model* model() const { return model_; }
  mica_session* session() const { return session_; }
  mica_picture* picture() const { return picture_; }
  const mica_session_options* options() const { return &options_; }

  // As at the beginning.
  void start() {
    mica_session_clear(session_);
    REQUIRE(ask() == MICA_OK);
    tokens_.clear();
    REQUIRE(answer() == MICA_OK);
  }
  mica_status ask(const char* question = "Read the display.", mica_error* error = nullptr) {
    const mica_part parts[] = {{MICA_PART_PICTURE, nullptr, 0, picture_},
                               {MICA_PART_TEXT, question, std::char_traits<char>::length(question), nullptr}};
    return mica_session_add_message(session_, MICA_ROLE_USER, parts, 2, error);
  }
  mica_status answer(mica_error* error = nullptr) {
    mica_sampling sampling = mica_sampling_default();
    sampling.temperature = 0;
    sampling.tokens_max = 3;
    return mica_session_generate(
        session_, &sampling,
        [](void* user, const char*, size_t, int32_t token) {
          auto* self = static_cast<Talk*>(user);
          self->tokens_.push_back(token);
          return 0;
        },
        this, nullptr, error);
  }
  // The tokens since start(); room for them is there, so that a test's own memory does not count.
  const std::vector<int32_t>& tokens() const { return tokens_; }
  void forget_tokens() { tokens_.clear(); }

 private:
  mica_model* model_ = nullptr;
  mica_session* session_ = nullptr;
  mica_picture* picture_ = nullptr;
  mica_session_options options_{};
  std::vector<int32_t> tokens_ = std::vector<int32_t>(64);
};

// Fails each allocation of `add`, which adds to a talk; then it is added without a failure, and answered as if nothing
// had been.
template <class Add>
void fail_each_addition(Talk* talk, const Add& add) {
  talk->start();
  REQUIRE(add(nullptr) == MICA_OK);
  talk->forget_tokens();
  REQUIRE(talk->answer() == MICA_OK);
  const std::vector<int32_t> wanted = talk->tokens();
  talk->start();
  fail_each_allocation(add, [&](mica_status status) {
    if (status != MICA_OK) CHECK(add(nullptr) == MICA_OK);
    talk->forget_tokens();
    CHECK(talk->answer() == MICA_OK);
    CHECK(talk->tokens() == wanted);
    talk->start();
  });
}

}  // namespace

TEST_CASE("opening a checkpoint's folder") {
  fail_each_allocation([](mica_error* error) { return open_and_close(kFolder.c_str(), error); }, kSomeGrowth);
}

TEST_CASE("opening a GGUF file") {
  const TestFolder folder;
  const std::string path = folder.write("tiny.gguf", tiny_gguf());
  fail_each_allocation([&](mica_error* error) { return open_and_close(path.c_str(), error); });
}

TEST_CASE("opening a packed file, and its bytes in memory") {
  fail_each_allocation([](mica_error* error) { return open_and_close(kPacked.c_str(), error); }, kSomeGrowth);
  const AlignedCopy bytes(read_all(kPacked));
  fail_each_allocation(
      [&](mica_error* error) {
        mica_model* model = nullptr;
        const mica_status status =
            mica_model_open_memory(bytes.bytes().data(), bytes.bytes().size(), nullptr, &model, error);
        mica_model_close(model);
        return status;
      },
      kSomeGrowth);
}

TEST_CASE("what can be said about a model, a session and the processor") {
  Talk talk(kFolder);
  std::vector<char> text(1 << 20);
  size_t needed = 0;
  fail_each_allocation(
      [&](mica_error* error) {
        return mica_model_describe(talk.model(), text.data(), text.size(), &needed, error);
      },
      kSomeGrowth);
  fail_each_allocation([&](mica_error* error) {
    return mica_session_describe(talk.model(), talk.options(), text.data(), text.size(), &needed, error);
  });
  fail_each_allocation([&](mica_error* error) { return mica_cpu_describe(text.data(), text.size(), &needed, error); });
}

TEST_CASE("opening a tokenizer, encoding and decoding") {
  fail_each_allocation([](mica_error* error) {
    mica_tokenizer* tokenizer = nullptr;
    const mica_status status = mica_tokenizer_open(kFolder.c_str(), &tokenizer, error);
    mica_tokenizer_close(tokenizer);
    return status;
  }, kSomeGrowth);
  const TestFolder folder;
  GgufBuilder sentence_piece = TinyGguf::keys();
  sentence_piece.text("tokenizer.ggml.model", "llama")
      .texts("tokenizer.ggml.tokens", {"<unk>", "a", "\xE2\x96\x81", "aa"})
      .numbers<float>("tokenizer.ggml.scores", GgufType::f32, {0, -3, -3, -1})
      .numbers<int32_t>("tokenizer.ggml.token_type", GgufType::i32, {2, 1, 1, 1})
      .u32("tokenizer.ggml.unknown_token_id", 0);
  TinyGguf::add_tensors(&sentence_piece);
  for (const std::string& path : {kFolder, folder.write("tiny.gguf", tiny_gguf()),
                                  folder.write("pieces.gguf", sentence_piece.build())}) {
    CAPTURE(path);
    mica_tokenizer* tokenizer = nullptr;
    REQUIRE(mica_tokenizer_open(path.c_str(), &tokenizer, nullptr) == MICA_OK);
    const std::string text = "ab  Read the dial: 12.5 a\xCC\x88 \xE4\xBD\xA0<|im_end|>";
    std::vector<int32_t> ids(256);
    size_t count = 0;
    fail_each_allocation([&](mica_error* error) {
      return mica_tokenize(tokenizer, text.data(), text.size(), 1, ids.data(), ids.size(), &count, error);
    });
    std::vector<char> decoded(1024);
    size_t bytes = 0;
    fail_each_allocation([&](mica_error* error) {
      return mica_detokenize(tokenizer, ids.data(), count, 0, decoded.data(), decoded.size(), &bytes, error);
    });
    mica_tokenizer_close(tokenizer);
  }
}

TEST_CASE("reading and rendering chat templates") {
  for (const char* name : {"grammar_scoping_loops", "llama31_tools_like", "command_r_like"}) {
    const std::string folder = std::string(MICA_TESTS_DATA) + "/templates/" + name;
    fail_each_allocation([&](mica_error* error) {
      mica_chat_template* opened = nullptr;
      const mica_status status = mica_chat_template_open(folder.c_str(), &opened, error);
      mica_chat_template_close(opened);
      return status;
    });
    mica_chat_template* chat_template = nullptr;
    REQUIRE(mica_chat_template_open(folder.c_str(), &chat_template, nullptr) == MICA_OK);
    const std::string conversation = R"({"messages": [{"role": "user", "content": "hi"}], "date": "2024-07-26"})";
    std::vector<char> text(8192);
    size_t bytes = 0;
    fail_each_allocation([&](mica_error* error) {
      return mica_chat_template_render(chat_template, conversation.data(), conversation.size(), text.data(),
                                       text.size(),
                                       &bytes, error);
    });
    mica_chat_template_close(chat_template);
  }
}

TEST_CASE("decoding pictures of every kind") {
  for (const std::string name :
       {"jpeg/rgb_420.jpg", "jpeg/progressive.jpg", "jpeg/arithmetic.jpg", "jpeg/cmyk.jpg", "jpeg/orientation_6.jpg",
        "jpeg/xmp.jpg", "png/rgb8.png", "png/palette8.png", "png/rgba16_interlaced.png", "png/exif_after.png",
        "png/xmp.png"}) {
    CAPTURE(name);
    const std::vector<uint8_t> file = read_all(MICA_TESTS_DATA "/picture/" + name);
    fail_each_allocation([&](mica_error* error) { return decode_and_free(file, error); });
  }
#if MICA_TEST_WEBP
  for (const std::string name : {"lossy", "lossless", "alpha", "animated", "orientation_6"}) {
    CAPTURE(name);
    const std::vector<uint8_t> file = read_all(MICA_TESTS_DATA "/picture/webp/" + name + ".webp");
    limit_each_memory([&](mica_error* error) { return decode_and_free(file, error); }, 10007);
  }
#endif
  fail_each_allocation([](mica_error* error) {
    mica_picture* picture = nullptr;
    const mica_status status = mica_picture_open(MICA_TESTS_DATA "/panel/000.jpg", &picture, error);
    mica_picture_free(picture);
    return status;
  });
  const std::vector<uint8_t> rgb(3 * 8 * 8);
  const mica_yuv frame = {MICA_YUV_YUYV, MICA_YUV_BT601, 1, 8, 8, {rgb.data()}, {rgb.size()}, {}};
  for (const bool yuv : {false, true})
    fail_each_allocation([&](mica_error* error) {
      mica_picture* picture = nullptr;
      const mica_status status = yuv ? mica_picture_from_yuv(&frame, &picture, error)
                                     : mica_picture_from_rgb(rgb.data(), 8, 8, 0, &picture, error);
      mica_picture_free(picture);
      return status;
    });
}

TEST_CASE("the numbers of a picture") {
  Talk talk(kPacked);
  std::vector<float> values(1 << 20);
  size_t count = 0;
  fail_each_allocation([&](mica_error* error) {
    return mica_picture_pixels(talk.model(), talk.picture(), values.data(), values.size(), &count, error);
  });
}

TEST_CASE("reading a file of tensors") {
  fail_each_allocation([](mica_error* error) {
    mica_tensors* tensors = nullptr;
    const mica_status status = mica_tensors_open(MICA_TESTS_DATA "/golden/llama/golden_0.safetensors", &tensors, error);
    mica_tensors_close(tensors);
    return status;
  });
}

TEST_CASE("creating a session") {
  Talk talk(kPacked);
  mica_session_options options = *talk.options();
  options.kv_levels = "quantile=0.2";
  options.kv_visual_layers = "0-1=4";
  options.threads = 2;
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  options.threads = 1;  // the sanitizer allocates where a thread begins, and does not do without
#endif
#endif
  size_t bytes = 0;
  REQUIRE(mica_session_size(talk.model(), &options, &bytes, nullptr) == MICA_OK);
  std::vector<uint8_t> memory(bytes + 64);
  void* buffer = memory.data();
  size_t room = memory.size();
  REQUIRE(std::align(64, bytes, buffer, room) != nullptr);
  for (void* given : {buffer, static_cast<void*>(nullptr)})
    fail_each_allocation([&](mica_error* error) {
      mica_session* session = nullptr;
      const mica_status status = mica_session_create(talk.model(), &options, given, bytes, &session, error);
      mica_session_free(session);
      return status;
    });
}

TEST_CASE("keeping encoded pictures: without memory they are not kept, and answers are the same") {
  Talk talk(kPacked);
  mica_pictures* pictures = nullptr;
  const auto drop = [&](mica_status) {
    REQUIRE(mica_session_set_pictures(talk.session(), nullptr, nullptr) == MICA_OK);
    mica_pictures_free(pictures);
    pictures = nullptr;
  };
  fail_each_allocation(
      [&](mica_error* error) {
        const mica_status status = mica_pictures_create(talk.model(), 1 << 20, &pictures, error);
        return status != MICA_OK ? status : mica_session_set_pictures(talk.session(), pictures, error);
      },
      drop);
  REQUIRE(talk.ask() == MICA_OK);
  talk.forget_tokens();
  REQUIRE(talk.answer() == MICA_OK);
  const std::vector<int32_t> wanted = talk.tokens();
  for (size_t n = 1; n < 6; ++n) {
    CAPTURE(n);
    talk.start();
    REQUIRE(talk.ask() == MICA_OK);
    REQUIRE(mica_pictures_create(talk.model(), 1 << 20, &pictures, nullptr) == MICA_OK);
    REQUIRE(mica_session_set_pictures(talk.session(), pictures, nullptr) == MICA_OK);
    fail_allocation(n, Repeat::forever);
    const mica_status status = mica_session_prefill(talk.session(), nullptr, nullptr, nullptr);
    stop_failing();
    CHECK(status == MICA_OK);
    talk.forget_tokens();
    CHECK(talk.answer() == MICA_OK);
    CHECK(talk.tokens() == wanted);
    drop(MICA_OK);
  }
}

TEST_CASE("a workspace and sessions in it") {
  Talk talk(kPacked);
  size_t bytes = 0;
  fail_each_allocation(
      [&](mica_error* error) { return mica_workspace_size(talk.model(), talk.options(), 3, &bytes, error); });
  mica_workspace* workspace = nullptr;
  fail_each_allocation(
      [&](mica_error* error) {
        return mica_workspace_create(talk.model(), talk.options(), 3, nullptr, 0, &workspace, error);
      },
      [&](mica_status) {
        mica_workspace_free(workspace);
        workspace = nullptr;
      });
  REQUIRE(mica_workspace_create(talk.model(), talk.options(), 3, nullptr, 0, &workspace, nullptr) == MICA_OK);
  fail_each_allocation(
      [&](mica_error* error) { return mica_workspace_session_size(workspace, talk.options(), &bytes, error); });
  mica_session* session = nullptr;
  fail_each_allocation(
      [&](mica_error* error) {
        return mica_workspace_session_create(workspace, talk.options(), nullptr, 0, &session, error);
      },
      [&](mica_status) {
        mica_session_free(session);
        session = nullptr;
      });
  mica_session* sessions[3] = {};
  for (mica_session*& each : sessions) {
    REQUIRE(mica_workspace_session_create(workspace, talk.options(), nullptr, 0, &each, nullptr) == MICA_OK);
    REQUIRE(mica_session_add_text(each, "Read on.", 8, 0, nullptr) == MICA_OK);
    REQUIRE(mica_session_begin(each, nullptr, nullptr) == MICA_OK);
  }
  // Computing allocates nothing.
  mica_step steps[3];
  fail_allocation(1, Repeat::forever);
  const mica_status prompts = mica_sessions_step(sessions, 3, steps, nullptr, nullptr);
  const mica_status tokens = mica_sessions_step(sessions, 3, steps, nullptr, nullptr);
  CHECK(stop_failing() == 0);
  CHECK(prompts == MICA_OK);
  CHECK(tokens == MICA_OK);
  for (mica_session* each : sessions) mica_session_free(each);
  mica_workspace_free(workspace);
}

TEST_CASE("a session that grows keeps all that it held") {
  Talk talk(kPacked);
  talk.start();
  REQUIRE(talk.ask() == MICA_OK);
  talk.forget_tokens();
  REQUIRE(talk.answer() == MICA_OK);
  const std::vector<int32_t> wanted = talk.tokens();
  talk.start();
  REQUIRE(talk.ask() == MICA_OK);
  talk.forget_tokens();
  uint32_t context = talk.options()->context;
  for (const Repeat repeat : {Repeat::once, Repeat::forever})
    for (size_t n = 1, seen = n; seen >= n; ++n) {
      CAPTURE(n);
      const long live = live_allocations();
      fail_allocation(n, repeat);
      const mica_status status = mica_session_grow(talk.session(), context + 1, nullptr);
      seen = stop_failing();
      CHECK(live_allocations() == live);
      CHECK(status == (seen >= n ? MICA_OUT_OF_MEMORY : MICA_OK));
      context += status == MICA_OK;
      // What waited to be computed waits still.
      CHECK(talk.answer() == MICA_OK);
      CHECK(talk.tokens() == wanted);
      talk.start();
      CHECK(talk.ask() == MICA_OK);
      talk.forget_tokens();
    }
}

TEST_CASE("adding to a session: messages, text, pictures, tokens") {
  Talk talk(kPacked);
  fail_each_addition(&talk, [&](mica_error* error) { return talk.ask("And the lamps?", error); });
  fail_each_addition(&talk, [&](mica_error* error) {
    return mica_session_add_text(talk.session(), "Read on.", 8, 1, error);
  });
  constexpr int32_t kPictureToken = 400;  // of this model
  uint32_t tokens = 0;
  REQUIRE(mica_picture_tokens(talk.model(), talk.picture(), &tokens, nullptr) == MICA_OK);
  const std::vector<int32_t> ids(tokens, kPictureToken);
  const mica_picture* pictures[] = {talk.picture()};
  fail_each_addition(&talk, [&](mica_error* error) {
    return mica_session_add_tokens(talk.session(), ids.data(), ids.size(), pictures, 1, error);
  });
}

TEST_CASE("generating: out of memory leaves the question as it was, to be answered") {
  // Products of floats are oneDNN's, which allocates in each of a thousand: it does not find memory, mica does without.
  const std::pair<std::string, double> models[] = {{kPacked, 0}, {kFolder, 0.5}};
  for (const auto& row : models) {
    const double growth = row.second;
    CAPTURE(row.first);
    Talk talk(row.first);
    REQUIRE(talk.ask() == MICA_OK);
    talk.forget_tokens();
    REQUIRE(talk.answer() == MICA_OK);
    const std::vector<int32_t> wanted = talk.tokens();
    talk.start();
    REQUIRE(talk.ask() == MICA_OK);
    talk.forget_tokens();
    fail_each_allocation([&](mica_error* error) { return talk.answer(error); },
                         [&](mica_status status) {
                           if (status != MICA_OK) {
                             CHECK(talk.tokens().empty());
                             CHECK(talk.answer() == MICA_OK);
                           }
                           CHECK(talk.tokens() == wanted);
                           talk.start();
                           CHECK(talk.ask() == MICA_OK);
                           talk.forget_tokens();
                         },
                         growth);
  }
}

TEST_CASE("stop texts and the beginning of an answer") {
  Talk talk(kPacked);
  const std::string long_text(200, 'x');
  const std::vector<mica_text> texts(9, {long_text.data(), long_text.size()});
  fail_each_allocation(
      [&](mica_error* error) { return mica_session_set_stops(talk.session(), texts.data(), texts.size(), error); },
      [&](mica_status) { CHECK(mica_session_set_stops(talk.session(), nullptr, 0, nullptr) == MICA_OK); });
  REQUIRE(talk.ask() == MICA_OK);
  fail_each_allocation([&](mica_error* error) { return mica_session_begin(talk.session(), nullptr, error); },
                       [&](mica_status status) {
                         mica_step step{};
                         CHECK(mica_session_step(talk.session(), &step, nullptr) ==
                               (status == MICA_OK ? MICA_OK : MICA_INVALID_ARGUMENT));
                         talk.start();
                         CHECK(talk.ask() == MICA_OK);
                       });
}

TEST_CASE("saving and restoring a session") {
  const TestFolder folder;
  Talk talk(kPacked);
  const std::string path = folder.path("talk.session");
  fail_each_allocation([&](mica_error* error) { return mica_session_save(talk.session(), path.c_str(), error); },
                       [&](mica_status) { CHECK(folder.names() == "talk.session"); });
  talk.forget_tokens();
  REQUIRE(talk.ask() == MICA_OK);
  REQUIRE(talk.answer() == MICA_OK);
  const std::vector<int32_t> wanted = talk.tokens();
  talk.start();
  fail_each_allocation([&](mica_error* error) { return mica_session_restore(talk.session(), path.c_str(), error); },
                       [&](mica_status) {
                         talk.forget_tokens();
                         CHECK(talk.ask() == MICA_OK);
                         CHECK(talk.answer() == MICA_OK);
                         CHECK(talk.tokens() == wanted);
                         talk.start();
                       });
}
