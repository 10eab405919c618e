// Sessions that share a workspace, and are stepped together: each answers as it would alone, bit for bit.
#include <doctest/doctest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "golden.hpp"
#include "test_folder.hpp"

using namespace mica::test;

namespace {

constexpr uint32_t kSessions = 5;

// What a session said: each token, and the logits that it was chosen from.
struct Said {
  std::vector<int32_t> tokens;
  std::vector<std::vector<float>> logits;
  std::string text;
  mica_stop stop = MICA_STOP_NONE;

  void add(const mica_session* session, uint32_t vocabulary, const mica_step& step) {
    stop = step.stop;
    text.append(step.text, step.text_bytes);
    if (step.token < 0) return;
    const float* row = nullptr;
    REQUIRE(mica_session_logits(session, 0, &row, nullptr) == MICA_OK);
    tokens.push_back(step.token);
    logits.emplace_back(row, row + vocabulary);
  }
  void check(const Said& wanted) const {
    CHECK(tokens == wanted.tokens);
    CHECK(text == wanted.text);
    CHECK(stop == wanted.stop);
    REQUIRE(logits.size() == wanted.logits.size());
    for (size_t i = 0; i < logits.size(); ++i)
      CHECK(std::memcmp(logits[i].data(), wanted.logits[i].data(), logits[i].size() * sizeof(float)) == 0);
  }
};

class Room {
 public:
  Room(const std::string& path, uint32_t sessions_max, const mica_session_options& options) : options_(options) {
    mica_error error{};
    REQUIRE_MESSAGE(mica_model_open(path.c_str(), nullptr, &model_, &error) == MICA_OK, error.message);
    REQUIRE_MESSAGE(mica_workspace_create(model_, &options_, sessions_max, nullptr, 0, &workspace_, &error) == MICA_OK,
                    error.message);
    if (mica_model_has_vision(model_))
      REQUIRE(mica_picture_open(MICA_TEST_DATA "/panel/000.jpg", &picture_, &error) == MICA_OK);
    for (uint32_t i = 0; i < kSessions; ++i) {
      mica_session* session = nullptr;
      REQUIRE_MESSAGE(mica_workspace_session_create(workspace_, &options_, nullptr, 0, &session, &error) == MICA_OK,
                      error.message);
      sessions.push_back(session);
    }
  }
  ~Room() {
    for (mica_session* session : sessions) mica_session_free(session);
    mica_workspace_free(workspace_);
    mica_picture_free(picture_);
    mica_model_close(model_);
  }

  // Prompts of different lengths, of which some have a picture, and some come in two parts.
  void ask(mica_session* session, uint32_t which) const {
    const uint32_t quarter = mica_model_vocabulary(model_) / 4;
    std::vector<int32_t> ids(3 + 5 * which);
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(quarter + (i * 7 + which * 13) % quarter);
    if (picture_ != nullptr && which % 2 == 1) REQUIRE(mica_session_add_picture(session, picture_, nullptr) == MICA_OK);
    REQUIRE(mica_session_add_tokens(session, ids.data(), ids.size(), nullptr, 0, nullptr) == MICA_OK);
    if (which == 2) REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
    mica_sampling sampling = mica_sampling_default();
    sampling.temperature = which == 3 ? 1.3f : 0.0f;
    sampling.seed = 5;
    sampling.tokens_max = 4 + 2 * which;
    sampling.ignore_end = 1;
    REQUIRE(mica_session_begin(session, &sampling, nullptr) == MICA_OK);
  }
  // In the middle of its answer a session gets more text.
  void interrupt(mica_session* session, uint32_t which, size_t tokens) const {
    if (which != 4 || tokens != 3) return;
    const int32_t more[] = {5, 6, 7, 8};
    REQUIRE(mica_session_add_tokens(session, more, 4, nullptr, 0, nullptr) == MICA_OK);
  }

  Said alone(uint32_t which) const {
    mica_session* session = nullptr;
    REQUIRE(mica_session_create(model_, &options_, nullptr, 0, &session, nullptr) == MICA_OK);
    ask(session, which);
    Said said;
    mica_step step{};
    do {
      interrupt(session, which, said.tokens.size());
      REQUIRE(mica_session_step(session, &step, nullptr) == MICA_OK);
      said.add(session, mica_model_vocabulary(model_), step);
    } while (step.stop == MICA_STOP_NONE);
    mica_session_free(session);
    return said;
  }

  mica_model* model() const { return model_; }
  mica_workspace* workspace() const { return workspace_; }
  const mica_session_options& options() const { return options_; }
  std::vector<mica_session*> sessions;

 private:
  mica_session_options options_;
  mica_model* model_ = nullptr;
  mica_workspace* workspace_ = nullptr;
  mica_picture* picture_ = nullptr;
};

mica_session_options small_options(uint32_t logit_rows = 1, uint32_t threads = 2) {
  mica_session_options options = mica_session_options_default();
  options.context = 200;
  options.batch = 64;
  options.threads = threads;
  options.logit_rows = logit_rows;
  return options;
}

// Sessions join one by one; those that are over stay.
void step_all(const Room& room, const std::vector<Said>& wanted) {
  const uint32_t vocabulary = mica_model_vocabulary(room.model());
  std::vector<Said> said(kSessions);
  for (uint32_t round = 0; round < 40; ++round) {
    const uint32_t joined = std::min(round + 1, kSessions);
    if (round < kSessions) room.ask(room.sessions[round], round);
    for (uint32_t i = 0; i < joined; ++i)
      if (said[i].stop == MICA_STOP_NONE) room.interrupt(room.sessions[i], i, said[i].tokens.size());
    mica_step steps[kSessions];
    mica_status statuses[kSessions];
    mica_error error{};
    REQUIRE_MESSAGE(mica_sessions_step(room.sessions.data(), joined, steps, statuses, &error) == MICA_OK,
                    error.message);
    for (uint32_t i = 0; i < joined; ++i) {
      CHECK(statuses[i] == MICA_OK);
      said[i].add(room.sessions[i], vocabulary, steps[i]);
    }
  }
  for (uint32_t i = 0; i < kSessions; ++i) {
    CAPTURE(i);
    said[i].check(wanted[i]);
  }
}

std::vector<std::string> models() {
  return {MICA_DEFAULT_MODEL_FILE, golden_path("llama"), golden_path("qwen2_vl"),     golden_path("llava"),
          golden_path("qwen3"),    golden_path("lfm2"),  golden_path("qwen3_5_text"), golden_path("gemma3_text")};
}

// All of a prompt in pieces, or what cannot join alone.
bool waits(const mica_session* session) {
  mica_stats stats{};
  mica_session_stats(session, &stats);
  return stats.tokens_waiting > 0;
}
bool waits_apart(const mica_session* session) { return mica_session_waits_apart(session) != 0; }

}  // namespace

TEST_CASE("stepped together, sessions of any length give the tokens and logits that they give alone") {
  for (const std::string& path : models())
    for (const auto& [rows, threads] : {std::pair{1u, 2u}, std::pair{1u, 1u}, std::pair{5u, 3u}}) {
      const uint32_t logit_rows = rows;  // clang captures no structured bindings
      CAPTURE(path);
      CAPTURE(logit_rows);
      const Room room(path, kSessions, small_options(logit_rows, threads));
      std::vector<Said> wanted;
      for (uint32_t i = 0; i < kSessions; ++i) wanted.push_back(room.alone(i));
      step_all(room, wanted);
      // Again in the same memory, one by one, whatever another has left in the workspace.
      std::vector<Said> said(kSessions);
      for (uint32_t i = 0; i < kSessions; ++i) {
        mica_session_clear(room.sessions[i]);
        room.ask(room.sessions[i], i);
      }
      for (int round = 0; round < 40; ++round)
        for (uint32_t i = 0; i < kSessions; ++i) {
          if (said[i].stop != MICA_STOP_NONE) continue;
          mica_step step{};
          room.interrupt(room.sessions[i], i, said[i].tokens.size());
          REQUIRE(mica_session_step(room.sessions[i], &step, nullptr) == MICA_OK);
          said[i].add(room.sessions[i], mica_model_vocabulary(room.model()), step);
        }
      for (uint32_t i = 0; i < kSessions; ++i) said[i].check(wanted[i]);
    }
}

TEST_CASE("prompts that are read in pieces, while others have their steps, give the bits that they give alone") {
  for (const std::string& path : models())
    for (const auto& [rows, by] :
         {std::pair{1u, &waits}, std::pair{1u, &waits_apart}, std::pair{5u, &waits}, std::pair{5u, &waits_apart}}) {
      const uint32_t logit_rows = rows;  // clang captures no structured bindings
      const auto in_pieces = by;
      CAPTURE(path);
      CAPTURE(logit_rows);
      const Room room(path, kSessions, small_options(logit_rows));
      const uint32_t vocabulary = mica_model_vocabulary(room.model());
      std::vector<Said> wanted, said(kSessions);
      for (uint32_t i = 0; i < kSessions; ++i) wanted.push_back(room.alone(i));
      std::vector<uint32_t> joined;
      const auto step = [&] {
        for (const uint32_t i : joined) {
          if (said[i].stop != MICA_STOP_NONE) continue;
          room.interrupt(room.sessions[i], i, said[i].tokens.size());
          mica_session* one = room.sessions[i];
          mica_step given{};
          REQUIRE(mica_sessions_step(&one, 1, &given, nullptr, nullptr) == MICA_OK);
          said[i].add(one, vocabulary, given);
        }
      };
      for (const uint32_t i : {4u, 1u, 0u, 3u, 2u}) {
        room.ask(room.sessions[i], i);
        size_t pieces = 0;
        for (; in_pieces(room.sessions[i]); ++pieces) {
          REQUIRE(pieces < 1000);
          REQUIRE(mica_session_prefill_piece(room.sessions[i], nullptr) == MICA_OK);
          step();
        }
        if (mica_model_has_vision(room.model()) && i % 2 == 1) CHECK(pieces > 2);
        joined.push_back(i);
      }
      for (int round = 0; round < 40; ++round) step();
      for (uint32_t i = 0; i < kSessions; ++i) said[i].check(wanted[i]);
    }
}

TEST_CASE("a prompt that is read in pieces can be left, taken over by a step, and disturbed by another picture") {
  const Room room(MICA_DEFAULT_MODEL_FILE, kSessions, small_options());
  const uint32_t vocabulary = mica_model_vocabulary(room.model());
  const Said wanted = room.alone(1);
  mica_session *one = room.sessions[0], *other = room.sessions[1];
  const auto finish = [&](mica_session* session) {
    Said said;
    mica_step step{};
    do {
      REQUIRE(mica_session_step(session, &step, nullptr) == MICA_OK);
      said.add(session, vocabulary, step);
    } while (step.stop == MICA_STOP_NONE);
    said.check(wanted);
  };
  const auto begin = [&](mica_session* session, int pieces) {
    mica_session_clear(session);
    room.ask(session, 1);
    for (int i = 0; i < pieces; ++i) REQUIRE(mica_session_prefill_piece(session, nullptr) == MICA_OK);
  };
  // As many pieces as there are, and more: what is left is nothing's then.
  for (const int pieces : {1, 2, 3, 5, 6, 7, 9, 100}) {
    CAPTURE(pieces);
    begin(one, pieces);
    finish(one);
    begin(one, pieces);
    begin(other, pieces);
    finish(other);
    finish(one);
    begin(one, pieces);
    REQUIRE(mica_session_set_pictures(one, nullptr, nullptr) == MICA_OK);
    finish(one);
    mica_session* small = nullptr;
    mica_session_options options = room.options();
    options.context = 120;
    REQUIRE(mica_workspace_session_create(room.workspace(), &options, nullptr, 0, &small, nullptr) == MICA_OK);
    begin(small, pieces);
    REQUIRE(mica_session_grow(small, 200, nullptr) == MICA_OK);
    finish(small);
    mica_session_free(small);
  }
  begin(one, 2);
  mica_session_cancel(one);
  CHECK(mica_session_prefill_piece(one, nullptr) == MICA_CANCELLED);
  mica_stats stats{};
  mica_session_stats(one, &stats);
  CHECK(stats.tokens == 0);
  CHECK(stats.tokens_waiting == 0);
  CHECK(mica_session_waits_apart(one) == 0);
  CHECK(mica_session_prefill_piece(one, nullptr) == MICA_OK);
  mica_step step{};
  CHECK(mica_session_step(one, &step, nullptr) == MICA_INVALID_ARGUMENT);
  // Text of more than a batch, of which a part is computed: it is as it was, or whole, never saved between.
  const mica::TestFolder folder;
  const std::vector<int32_t> ids(150, 5);
  mica_session_clear(one);
  REQUIRE(mica_session_add_tokens(one, ids.data(), ids.size(), nullptr, 0, nullptr) == MICA_OK);
  CHECK(mica_session_waits_apart(one) == 1);
  REQUIRE(mica_session_prefill_piece(one, nullptr) == MICA_OK);
  mica_error error{};
  CHECK(mica_session_save(one, folder.path("part").c_str(), &error) == MICA_INVALID_ARGUMENT);
  CHECK(std::string(error.message).find("in part") != std::string::npos);
  mica_session_cancel(one);
  CHECK(mica_session_prefill_piece(one, nullptr) == MICA_CANCELLED);
  mica_session_stats(one, &stats);
  CHECK(stats.tokens == 0);
  CHECK(mica_session_save(one, folder.path("none").c_str(), nullptr) == MICA_OK);
  CHECK(mica_session_waits_apart(nullptr) == 0);
}

TEST_CASE("six sessions take one workspace and six caches of keys and values") {
  mica_model* model = nullptr;
  mica_model_options weights = mica_model_options_default();
  weights.text_weights = MICA_WEIGHTS_W4A8;
  REQUIRE(mica_model_open_shape("smollm2-135m", &weights, &model, nullptr) == MICA_OK);
  mica_session_options options = mica_session_options_default();
  options.context = 2048;
  options.threads = 1;
  size_t whole = 0, workspace_bytes = 0, session_bytes = 0, needed = 0;
  REQUIRE(mica_session_size(model, &options, &whole, nullptr) == MICA_OK);
  REQUIRE(mica_workspace_size(model, &options, 6, &workspace_bytes, nullptr) == MICA_OK);
  mica_workspace* workspace = nullptr;
  REQUIRE(mica_workspace_create(model, &options, 6, nullptr, 0, &workspace, nullptr) == MICA_OK);
  REQUIRE(mica_workspace_session_size(workspace, &options, &session_bytes, nullptr) == MICA_OK);
  std::string text(4096, '\0');
  REQUIRE(mica_session_describe(model, &options, text.data(), text.size(), &needed, nullptr) == MICA_OK);
  text.resize(needed - 1);
  const size_t cache_bytes = nlohmann::json::parse(text)["kv_text_token_bytes"].get<size_t>() * options.context;
  // A row of logits, 17 bytes a token, and what aligns the pieces.
  const size_t rest = size_t{mica_model_vocabulary(model)} * 4 + size_t{options.context} * 17;
  CHECK(session_bytes >= cache_bytes + rest);
  CHECK(session_bytes < cache_bytes + rest + cache_bytes / 64 + 65536);
  uint64_t all = workspace_bytes;
  std::vector<mica_session*> sessions(6);
  for (mica_session*& session : sessions) {
    REQUIRE(mica_workspace_session_create(workspace, &options, nullptr, 0, &session, nullptr) == MICA_OK);
    mica_stats stats{};
    mica_session_stats(session, &stats);
    all += stats.session_bytes;
  }
  CHECK(all == workspace_bytes + 6 * session_bytes);
  CHECK(all < 6 * whole);
  CHECK(whole < workspace_bytes + session_bytes + 65536);
  for (mica_session* session : sessions) mica_session_free(session);
  mica_workspace_free(workspace);
  mica_model_close(model);
}

TEST_CASE("a buffer of the caller's, sizes and options that do not fit are refused by name") {
  Room room(golden_path("llama"), 2, small_options(3));
  mica_error error{};
  const auto refused = [&](const char* name, const auto& set) {
    mica_session_options options = room.options();
    set(options);
    size_t bytes = 0;
    CHECK(mica_workspace_session_size(room.workspace(), &options, &bytes, &error) == MICA_INVALID_ARGUMENT);
    CHECK(std::string(error.message).find(name) != std::string::npos);
  };
  refused("context", [](mica_session_options& options) { options.context = 201; });
  refused("logit_rows", [](mica_session_options& options) { options.logit_rows = 4; });
  size_t bytes = 0;
  for (uint32_t sessions_max : {0u, 65u, 257u}) {  // a batch has 64 rows
    CHECK(mica_workspace_size(room.model(), &room.options(), sessions_max, &bytes, &error) == MICA_INVALID_ARGUMENT);
    CHECK(std::string(error.message).find("sessions_max") != std::string::npos);
  }
  CHECK(mica_workspace_size(room.model(), &room.options(), 64, &bytes, &error) == MICA_OK);
  std::vector<char> memory(bytes + 64);
  void* aligned = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64);
  mica_workspace* workspace = nullptr;
  CHECK(mica_workspace_create(room.model(), &room.options(), 64, aligned, bytes - 1, &workspace, &error) ==
        MICA_INVALID_ARGUMENT);
  REQUIRE(mica_workspace_create(room.model(), &room.options(), 64, aligned, bytes, &workspace, &error) == MICA_OK);
  mica_session* session = nullptr;
  REQUIRE(mica_workspace_session_create(workspace, nullptr, nullptr, 0, &session, &error) == MICA_OK);

  mica_step steps[3];
  mica_session* strange[] = {room.sessions[0], session};
  CHECK(mica_sessions_step(strange, 2, steps, nullptr, &error) == MICA_INVALID_ARGUMENT);
  mica_session* twice[] = {room.sessions[0], room.sessions[0]};
  CHECK(mica_sessions_step(twice, 2, steps, nullptr, &error) == MICA_INVALID_ARGUMENT);
  CHECK(mica_sessions_step(room.sessions.data(), 3, steps, nullptr, &error) == MICA_INVALID_ARGUMENT);
  CHECK(mica_sessions_step(nullptr, 0, nullptr, nullptr, &error) == MICA_OK);
  mica_session_free(session);
  mica_workspace_free(workspace);
}

TEST_CASE("a session that fails does not stop the others") {
  for (const std::string& path : models()) {
    CAPTURE(path);
    const Room room(path, kSessions, small_options());
    const Said first = room.alone(0), last = room.alone(4);
    room.ask(room.sessions[0], 0);
    room.ask(room.sessions[1], 1);
    room.ask(room.sessions[4], 4);
    mica_session* three[] = {room.sessions[0], room.sessions[1], room.sessions[2]};  // the last has no answer begun
    mica_step steps[3];
    mica_status statuses[3];
    mica_session_cancel(room.sessions[1]);
    CHECK(mica_sessions_step(three, 3, steps, statuses, nullptr) == MICA_CANCELLED);
    CHECK(statuses[0] == MICA_OK);
    CHECK(statuses[1] == MICA_CANCELLED);
    CHECK(statuses[2] == MICA_INVALID_ARGUMENT);
    CHECK(steps[0].token == first.tokens[0]);
    CHECK(steps[1].token == -1);
    mica_stats stats{};
    mica_session_stats(room.sessions[1], &stats);
    CHECK(stats.tokens == 0);
    // Its prompt was taken back, and the answer with it; between tokens of an answer nothing is lost.
    CHECK(mica_sessions_step(three, 2, steps, statuses, nullptr) == MICA_INVALID_ARGUMENT);
    CHECK(steps[0].token == first.tokens[1]);
    mica_session_cancel(room.sessions[0]);
    mica_session* two[] = {room.sessions[0], room.sessions[4]};
    CHECK(mica_sessions_step(two, 2, steps, statuses, nullptr) == MICA_CANCELLED);
    CHECK(steps[1].token == last.tokens[0]);
    CHECK(mica_sessions_step(two, 2, steps, statuses, nullptr) == MICA_OK);
    CHECK(steps[0].token == first.tokens[2]);
    CHECK(steps[1].token == last.tokens[1]);
  }
}

TEST_CASE("a session in a workspace grows within it, and goes on from a file") {
  const mica::TestFolder folder;
  const Room room(golden_path("llama"), 2, small_options());
  mica_session_options options = room.options();
  options.context = 40;
  mica_session *small = nullptr, *other = nullptr;
  REQUIRE(mica_workspace_session_create(room.workspace(), &options, nullptr, 0, &small, nullptr) == MICA_OK);
  REQUIRE(mica_workspace_session_create(room.workspace(), nullptr, nullptr, 0, &other, nullptr) == MICA_OK);
  const std::vector<GoldenCase> cases = golden_cases("llama");
  REQUIRE(mica_session_grow(small, 200, nullptr) == MICA_OK);
  CHECK(mica_session_grow(small, 201, nullptr) == MICA_INVALID_ARGUMENT);
  add_prompt(small, cases[0]);
  const std::string path = folder.path("saved");
  REQUIRE(mica_session_save(small, path.c_str(), nullptr) == MICA_OK);
  CHECK(greedy_tokens(small, 6) == cases[0].greedy);
  REQUIRE(mica_session_restore(other, path.c_str(), nullptr) == MICA_OK);
  CHECK(greedy_tokens(other, 6) == cases[0].greedy);
  mica_session_free(small);
  mica_session_free(other);
}
