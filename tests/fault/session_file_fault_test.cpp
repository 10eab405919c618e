// Bad session files: cut, damaged, lying, of another model or kind. Each gets a status that names the file, and the
// session stays as it was, to the bit.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>

#include "saved_file.hpp"
#include "session_steps.hpp"
#include "test_folder.hpp"

using namespace mica;
using namespace mica::test;

namespace {

// Places of the numbers in "counts".
enum Count : size_t {
  done, end, visual, text, next_position, prompt_position, pictures, videos, computed_text, computed_position,
  cached_text, cached_visual, spans,
  conversation, answer_open, computed_conversation, computed_answer_open, system_open, computed_system_open,
  logit_rows, random_state
};

// A session with a picture in packed rows, text, and text that waits; and another that restores.
class Saved {
 public:
  Saved() {
    const SmallShape shape = {.family = "llava", .layers = 1, .hidden = 32, .heads = 1, .kv_heads = 1, .head_dim = 64,
                              .feed_forward = 32, .vocabulary = 16, .vision_layers = 1, .vision_hidden = 16,
                              .vision_feed_forward = 16, .patch = 2, .patches = 6};
    REQUIRE(make_small_model(shape, {WeightFormat::floats}, &small_));
    SessionOptions options;
    options.context = 90;
    options.threads = 1;
    options.guarded = true;
    for (SessionSteps* steps : {&source_, &target_}) REQUIRE(steps->begin(*small_.model, options, path()));
    const std::vector<uint8_t> script = {0, 3, 2, 20, 30, 4, 0, 2, 7}, other = {0, 1, 4, 5};
    run(&source_, script);
    run(&target_, other);
    REQUIRE(target_.session().save(before_path().c_str()));
    before_ = read_all(before_path());
    REQUIRE(SavedFile::read(path(), &file));
  }

  std::string path() const { return folder_.path("session"); }
  Session& target() { return target_.session(); }
  Status restore() { return target().restore(path().c_str()); }
  // What the session would save now is what it would have saved before.
  bool is_as_before() {
    const Status status = target().save(before_path().c_str());
    return status && target().check_guards() && read_all(before_path()) == before_;
  }
  void write(const std::vector<uint8_t>& bytes) const { folder_.write("session", Bytes(bytes)); }

  SavedFile file;

 private:
  std::string before_path() const { return folder_.path("before"); }
  static void run(SessionSteps* steps, const std::vector<uint8_t>& script) {
    Choices choices(script);
    const Status status = steps->run(&choices, 100);
    REQUIRE_MESSAGE(status, said(status));
  }

  TestFolder folder_;
  SmallModel small_;
  SessionSteps source_, target_;
  std::vector<uint8_t> before_;
};

void set(SavedFile* file, Count count, uint64_t value) {
  std::memcpy(file->tensor("counts").data() + count * sizeof value, &value, sizeof value);
}
uint64_t get(SavedFile* file, Count count) {
  uint64_t value = 0;
  std::memcpy(&value, file->tensor("counts").data() + count * sizeof value, sizeof value);
  return value;
}
void add(SavedFile* file, Count count, int64_t more) { set(file, count, get(file, count) + static_cast<uint64_t>(more)); }
void set_u32(SavedFile* file, const char* name, size_t index, uint32_t value) {
  std::memcpy(file->tensor(name).data() + index * sizeof value, &value, sizeof value);
}

}  // namespace

TEST_CASE("the file that the faults are made of is good") {
  Saved saved;
  REQUIRE(saved.file.write(saved.path()));
  const Status status = saved.restore();
  CHECK_MESSAGE(status, said(status));
  CHECK(saved.target().tokens_visual() == 36);
  CHECK(saved.target().tokens_pending() == 3);
  CHECK(saved.target().prefill(nullptr, nullptr));
}

TEST_CASE("session files that lie with right checksums") {
  const struct {
    const char* name;
    std::function<void(SavedFile*)> change;
    Code code;
    const char* words;
  } cases[] = {
      {"no counts", [](SavedFile* f) { f->tensors.erase(f->tensors.begin()); }, Code::corrupt_file, "is missing"},
      {"short counts", [](SavedFile* f) { f->tensor("counts").resize(64); }, Code::corrupt_file, "\"counts\" of"},
      {"end", [](SavedFile* f) { set(f, end, UINT64_MAX); }, Code::corrupt_file, "out of range"},
      {"end beyond the context", [](SavedFile* f) { add(f, end, 60), add(f, text, 60), add(f, next_position, 60); },
       Code::context_full, "room for 90"},
      {"end is less", [](SavedFile* f) { add(f, end, -1); }, Code::corrupt_file, "out of range"},
      {"end is more", [](SavedFile* f) { add(f, end, 1), add(f, text, 1), add(f, next_position, 1); },
       Code::corrupt_file, "position"},
      {"done beyond the end", [](SavedFile* f) { set(f, done, get(f, end) + 1); }, Code::corrupt_file, "out of range"},
      {"what waits is done", [](SavedFile* f) { set(f, done, get(f, end)); }, Code::corrupt_file, "contradict"},
      {"text", [](SavedFile* f) { add(f, text, 1); }, Code::corrupt_file, "contradict"},
      {"visual", [](SavedFile* f) { add(f, visual, 1); }, Code::corrupt_file, "other visual tokens"},
      {"cached rows", [](SavedFile* f) { add(f, cached_text, 1); }, Code::corrupt_file, "contradict"},
      {"cached visual rows", [](SavedFile* f) { add(f, cached_visual, 1), add(f, cached_text, -1); }, Code::corrupt_file,
       "contradict"},
      {"overflowing rows", [](SavedFile* f) { set(f, cached_visual, UINT64_MAX); }, Code::corrupt_file, "out of range"},
      {"position", [](SavedFile* f) { add(f, next_position, 1); }, Code::corrupt_file, "out of range"},
      {"a prompt beyond the end", [](SavedFile* f) { set(f, prompt_position, get(f, next_position) + 1); },
       Code::corrupt_file, "out of range"},
      {"more pictures than tokens", [](SavedFile* f) { set(f, pictures, get(f, end) + 1); }, Code::corrupt_file,
       "out of range"},
      {"more videos than tokens", [](SavedFile* f) { set(f, videos, get(f, end) + 1); }, Code::corrupt_file,
       "out of range"},
      {"computed position", [](SavedFile* f) { add(f, computed_position, 1); }, Code::corrupt_file, "contradict"},
      {"spans", [](SavedFile* f) { set(f, spans, 1u << 30); }, Code::corrupt_file, "out of range"},
      {"more spans", [](SavedFile* f) { add(f, spans, 1); }, Code::corrupt_file, "do not fit"},
      {"no spans", [](SavedFile* f) { set(f, spans, 0); }, Code::corrupt_file, "do not fit"},
      {"a long span", [](SavedFile* f) { set_u32(f, "spans", 0, UINT32_MAX); }, Code::corrupt_file, "do not fit"},
      {"a short span", [](SavedFile* f) { set_u32(f, "spans", 0, 31); }, Code::corrupt_file, "do not fit"},
      {"a conversation", [](SavedFile* f) { set(f, conversation, 1); }, Code::corrupt_file, "no session comes to"},
      {"an answer", [](SavedFile* f) { set(f, answer_open, 1); }, Code::corrupt_file, "no session comes to"},
      {"an earlier answer", [](SavedFile* f) { set(f, computed_answer_open, 1); }, Code::corrupt_file, "comes to"},
      {"a system turn", [](SavedFile* f) { set(f, system_open, 1); }, Code::corrupt_file, "comes to"},
      {"an earlier system turn", [](SavedFile* f) { set(f, computed_system_open, 1); }, Code::corrupt_file, "comes to"},
      {"many logits", [](SavedFile* f) { set(f, logit_rows, 1u << 20); }, Code::corrupt_file, "comes to"},
      {"no logits", [](SavedFile* f) { set(f, logit_rows, 0); }, Code::corrupt_file, "parts that are not"},
      {"no randomness", [](SavedFile* f) { for (size_t i = 0; i < 4; ++i) set(f, Count(random_state + i), 0); },
       Code::corrupt_file, "comes to"},
      {"a token below 0", [](SavedFile* f) { set_u32(f, "tokens", 1, UINT32_MAX); }, Code::corrupt_file, "vocabulary"},
      {"a token beyond", [](SavedFile* f) { set_u32(f, "tokens", 0, 16); }, Code::corrupt_file, "vocabulary"},
      {"text that claims to be visual", [](SavedFile* f) { f->tensor("visual")[0] = 1; }, Code::corrupt_file,
       "other visual tokens"},
      {"a kind that is not", [](SavedFile* f) { f->tensor("visual")[4] = 2; }, Code::corrupt_file, "not there"},
      {"a picture that waits", [](SavedFile* f) { f->tensor("visual")[get(f, end) - 1] = 1; }, Code::corrupt_file,
       "a picture that is not there"},
      {"a position far away", [](SavedFile* f) { set_u32(f, "positions", 3, 1u << 30); }, Code::corrupt_file,
       "position of a token"},
      {"a position of what waits", [](SavedFile* f) { set_u32(f, "positions", get(f, end) * 3 - 1, 2); },
       Code::corrupt_file, "position of a token"},
      {"rows cut short", [](SavedFile* f) { f->tensor("keys.0").resize(64); }, Code::corrupt_file, "\"keys.0\" of"},
      {"no spans' rows", [](SavedFile* f) { f->tensor("spans.0").resize(64); }, Code::corrupt_file, "\"spans.0\" of"},
      {"another tensor", [](SavedFile* f) { f->tensor("keys.1"); }, Code::corrupt_file, "parts that are not"},
      {"an older version", [](SavedFile* f) { f->documents[0].second = "2"; }, Code::unsupported, "not a session"},
      {"no version", [](SavedFile* f) { f->documents.erase(f->documents.begin()); }, Code::unsupported, "not a session"},
      {"another model", [](SavedFile* f) { f->documents[1].second.back() ^= 1; }, Code::invalid_argument,
       "another model"},
      {"other settings", [](SavedFile* f) { f->documents[2].second.back() = 'g'; }, Code::invalid_argument,
       "other settings of keys and values"},
  };
  Saved saved;
  for (const auto& expected : cases) {
    INFO(std::string(expected.name));
    SavedFile changed = saved.file;
    expected.change(&changed);
    REQUIRE(changed.write(saved.path()));
    const Status status = saved.restore();
    CHECK_MESSAGE(status.code() == expected.code, said(status));
    CHECK_MESSAGE(said(status).find(expected.words) != std::string::npos, said(status));
    CHECK_MESSAGE(said(status).rfind(saved.path(), 0) == 0, said(status));
    CHECK(saved.is_as_before());
  }
}

TEST_CASE("every truncation and every flipped byte of a session file is refused") {
  Saved saved;
  const std::vector<uint8_t> whole = read_all(saved.path());
  size_t broken = 0;
  for (size_t length = 0; length < whole.size(); length += length < 4096 ? 1 : 61) {
    saved.write({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    broken += !saved.restore() ? 0 : 1;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    std::vector<uint8_t> changed = whole;
    changed[i] ^= static_cast<uint8_t>(1u << (i % 8));
    saved.write(changed);
    broken += !saved.restore() ? 0 : 1;
  }
  CHECK(broken == 0);
  CHECK(saved.is_as_before());
}

TEST_CASE("what is no session file is said to be none") {
  Saved saved;
  for (const char* text : {"", "{}", "GGUF", "not a session", "{\"__metadata__\":{\"mica.format\":\"1\""}) {
    CAPTURE(text);
    saved.write({text, text + std::strlen(text)});
    const Status status = saved.restore();
    CHECK_FALSE(status);
    CHECK(said(status).rfind(saved.path(), 0) == 0);
    CHECK(saved.is_as_before());
  }
  CHECK(saved.target().restore("/").code() != Code::ok);
  CHECK(saved.target().restore((saved.path() + ".absent").c_str()).code() == Code::not_found);
}
