// Threads of a program that share the library: everything at once from the first call on, and too few threads to be had.
// `.ci/run` runs this under ThreadSanitizer too. Not what one session's own threads do: thread_pool_test.cpp.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "golden.hpp"
#include "run_in_child.hpp"

using namespace mica::test;

namespace {

// What went wrong in a thread, for the thread that may say so.
using Fault = std::string;

struct Talk {
  mica_model* model = nullptr;
  mica_session* session = nullptr;
  mica_error error{};

  ~Talk() {
    mica_session_free(session);
    mica_model_close(model);
  }
  bool open(const std::string& path) { return mica_model_open(path.c_str(), nullptr, &model, &error) == MICA_OK; }
  bool start(const mica_model* on, uint32_t threads) {
    mica_session_options options = mica_session_options_default();
    options.context = 256;
    options.threads = threads;
    return mica_session_create(on, &options, nullptr, 0, &session, &error) == MICA_OK;
  }
  bool add(const GoldenCase& golden) {
    return mica_session_add_tokens(session, golden.ids.data(), golden.ids.size(), golden.pictures.data(),
                                   golden.pictures.size(), &error) == MICA_OK;
  }
  mica_status answer(uint32_t count, std::vector<int32_t>* tokens) {
    mica_sampling sampling = mica_sampling_default();
    sampling.temperature = 0;
    sampling.tokens_max = count;
    sampling.ignore_end = 1;
    const auto collect = [](void* user, const char*, size_t, int32_t token) {
      if (token >= 0) static_cast<std::vector<int32_t>*>(user)->push_back(token);
      return 0;
    };
    return mica_session_generate(session, &sampling, collect, tokens, nullptr, &error);
  }
};

Fault answers_as_recorded(const mica_model* shared, const std::string& path, const GoldenCase& golden) {
  Talk talk;
  if (shared == nullptr && !talk.open(path)) return talk.error.message;
  std::vector<int32_t> tokens;
  if (!talk.start(shared ? shared : talk.model, 2) || !talk.add(golden) || talk.answer(6, &tokens) != MICA_OK)
    return talk.error.message;
  const bool same = tokens.size() == 6 && std::equal(tokens.begin(), tokens.end(), golden.greedy.begin());
  return same ? "" : golden.name + ": other tokens than recorded";
}

Fault tokenizes(const mica_tokenizer* tokenizer) {
  const std::string text = "What does the display show?";
  int32_t ids[64];
  char back[256];
  size_t count = 0, bytes = 0;
  mica_error error{};
  for (int i = 0; i < 50; ++i)
    if (mica_tokenize(tokenizer, text.data(), text.size(), 0, ids, 64, &count, &error) != MICA_OK ||
        mica_detokenize(tokenizer, ids, count, 0, back, sizeof back, &bytes, &error) != MICA_OK)
      return error.message;
  return std::string(back, bytes) == text ? "" : "another text came back";
}

void ignore_message(void*, int, const char*) {}

void count_warnings(void* user, int level, const char* message) {
  if (level == MICA_LOG_WARNING && std::strstr(message, "threads")) ++*static_cast<int*>(user);
}

Fault sets_log_and_describes() {
  for (int i = 0; i < 50; ++i) {
    mica_set_log(ignore_message, nullptr);
    mica_error error{};
    size_t needed = 0;
    if (mica_cpu_describe(nullptr, 0, &needed, &error) != MICA_OK) return error.message;
  }
  return "";
}

std::vector<Fault> at_once(const std::vector<std::function<Fault()>>& works) {
  std::vector<Fault> faults(works.size());
  std::vector<std::thread> threads;
  std::atomic<size_t> ready{0};
  for (size_t i = 0; i < works.size(); ++i)
    threads.emplace_back([&, i] {
      ready.fetch_add(1);
      while (ready.load() < works.size()) std::this_thread::yield();
      faults[i] = works[i]();
    });
  for (std::thread& thread : threads) thread.join();
  return faults;
}

}  // namespace

// The first case, so that what the library sets up by itself is set up by several threads at once.
TEST_CASE("threads open models, describe, log and answer at once from the first call on") {
  std::vector<std::function<Fault()>> works;
  std::vector<std::vector<GoldenCase>> recorded;
  for (const char* family : {"qwen2_vl", "llama"}) recorded.push_back(golden_cases(family));
  for (int i = 0; i < 2; ++i)
    for (const std::vector<GoldenCase>& cases : recorded) {
      const std::string path = golden_path(cases[0].name.substr(0, cases[0].name.find(' ')));
      works.push_back([&cases, path] { return answers_as_recorded(nullptr, path, cases[0]); });
    }
  works.push_back(sets_log_and_describes);
  for (const Fault& fault : at_once(works)) CHECK(fault == "");
  mica_set_log(nullptr, nullptr);
}

TEST_CASE("threads share a model, and others a tokenizer") {
  mica_model* model = open_golden("qwen2_vl");
  const std::vector<GoldenCase> cases = golden_cases("qwen2_vl");
  Talk panel;
  REQUIRE(panel.open(MICA_TEST_DATA "/../../models/default/panel.mica"));
  const mica_tokenizer* tokenizer = mica_model_tokenizer(panel.model);
  std::vector<std::function<Fault()>> works;
  for (size_t i = 0; i < 3; ++i)
    works.push_back([&, i] { return answers_as_recorded(model, "", cases[i % cases.size()]); });
  for (int i = 0; i < 2; ++i) works.push_back([&] { return tokenizes(tokenizer); });
  for (const Fault& fault : at_once(works)) CHECK(fault == "");
  mica_model_close(model);
}

TEST_CASE("another thread cancels an answer") {
  mica_model* model = open_golden("llama");
  Talk talk;
  REQUIRE(talk.start(model, 2));
  REQUIRE(talk.add(golden_cases("llama")[0]));
  std::thread canceller([&] { mica_session_cancel(talk.session); });
  std::vector<int32_t> tokens;
  const mica_status status = talk.answer(200, &tokens);
  canceller.join();
  // Too late, it stops the next answer.
  if (status == MICA_OK) CHECK(talk.answer(4, &tokens) == MICA_CANCELLED);
  else CHECK(status == MICA_CANCELLED);
  mica_model_close(model);
}

TEST_CASE("a session that gets fewer threads than it wants answers with those, and warns once") {
  const std::vector<GoldenCase> cases = golden_cases("qwen2_vl");
  mica_model* model = open_golden("qwen2_vl");
  CHECK(mica::run_as_nobody([&] {
          const rlimit one{1, 1};
          if (setrlimit(RLIMIT_NPROC, &one) != 0) return 2;
          int warnings = 0;
          mica_set_log(count_warnings, &warnings);
          Talk talk;
          std::vector<int32_t> tokens;
          if (!talk.start(model, 32) || !talk.add(cases[0]) || talk.answer(6, &tokens) != MICA_OK) return 3;
          if (!std::equal(tokens.begin(), tokens.end(), cases[0].greedy.begin())) return 4;
          return warnings == 1 ? 0 : 5;
        }) == 0);
  mica_model_close(model);
}
