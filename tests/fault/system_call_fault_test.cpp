// Every call of the system by which files are read and written fails once, and all from it on: the status names the
// file, the file that was there stands, or all of the new one, no temporary file and no descriptor is left behind.
// Interrupted and partial calls go unnoticed.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "mica_tensors.h"
#include "packed_writer.hpp"
#include "system_call_faults.hpp"
#include "test_folder.hpp"

using namespace mica;
using namespace mica::test;

namespace {

const std::string kFolder = MICA_TESTS_DATA "/panel/model";
const std::string kPacked = MICA_DEFAULT_MODEL_FILE;
const std::string kPicture = MICA_TESTS_DATA "/panel/000.jpg";
constexpr int kErrors[] = {EIO, ENOSPC, EMFILE, EACCES, ENOMEM};

size_t open_descriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

// Calls run(mica_error*) with each call faulted; judge(status) looks at what is left. A failure's message has `named`.
template <class Run, class Judge>
void fault_each_call(const Run& run, const std::string& named, const Judge& judge) {
  mica_error error{};
  REQUIRE_MESSAGE(run(&error) == MICA_OK, error.message);
  judge(MICA_OK);
  const auto once = [&](size_t n, CallFault fault, int error_number, bool forever) {
    const size_t descriptors = open_descriptors();
    error = {};
    fault_call(n, fault, error_number, forever);
    const mica_status status = run(&error);
    const size_t seen = stop_call_faults();
    const std::string call = faulted_call();
    CAPTURE(call);
    CAPTURE(n);
    CAPTURE(forever);
    const std::string error_text = std::strerror(error_number);
    CAPTURE(error_text);
    CHECK(open_descriptors() == descriptors);
    if (fault != CallFault::error || seen < n) CHECK_MESSAGE(status == MICA_OK, std::string(error.message));
    const std::string message = error.message;
    if (status != MICA_OK) CHECK_MESSAGE(message.find(named) != std::string::npos, message);
    judge(status);
    return seen >= n;
  };
  size_t faults = 0;
  for (const bool forever : {false, true})
    for (const int error_number : kErrors)
      for (size_t n = 1; once(n, CallFault::error, error_number, forever); ++n) ++faults;
  for (size_t n = 1; once(n, CallFault::interrupted, 0, false); ++n) ++faults;
  for (size_t n = 1; once(n, CallFault::partial, 0, false); ++n) ++faults;
  CHECK(faults > 10);
}

Status write_model(const std::string& path, uint8_t fill) {
  constexpr size_t kTensorBytes = 1 << 14;
  PackedWriter writer;
  MICA_TRY(writer.create(path.c_str(), {{"config.json", "{}"}}, {{"t", DType::u8, {kTensorBytes}}}));
  const std::vector<uint8_t> piece(4096, fill);
  for (size_t done = 0; done < kTensorBytes; done += piece.size()) MICA_TRY(writer.append("t", piece));
  return writer.finish();
}

mica_status to_c(const Status& status, mica_error* error) {
  error->status = static_cast<mica_status>(status.code());
  std::strcpy(error->message, status.message());
  return error->status;
}

}  // namespace

TEST_CASE("writing a packed file: the old one stands, or all of the new one") {
  const TestFolder folder;
  const std::string path = folder.path("m.mica");
  REQUIRE(write_model(path, 1));
  const std::vector<uint8_t> old_bytes = read_all(path);
  REQUIRE(write_model(path, 2));
  const std::vector<uint8_t> new_bytes = read_all(path);
  folder.write("m.mica", old_bytes);
  fault_each_call([&](mica_error* error) { return to_c(write_model(path, 2), error); }, path, [&](mica_status status) {
    const std::vector<uint8_t> found = read_all(path);
    // What was written is there at the latest when its folder is synced: that failure comes too late for the old file.
    const bool may_be_new = status == MICA_OK || std::string(faulted_call()) == "fsync";
    CHECK((found == new_bytes ? may_be_new : found == old_bytes && status != MICA_OK));
    CHECK(folder.names() == "m.mica");
    folder.write("m.mica", old_bytes);
  });
}

TEST_CASE("saving a session, and restoring it") {
  const TestFolder folder;
  const std::string path = folder.path("talk.session");
  mica_model* model = nullptr;
  mica_session* session = nullptr;
  mica_session_options options = mica_session_options_default();
  options.threads = 1;
  options.context = 128;
  REQUIRE(mica_model_open(kPacked.c_str(), nullptr, &model, nullptr) == MICA_OK);
  REQUIRE(mica_session_create(model, &options, nullptr, 0, &session, nullptr) == MICA_OK);
  REQUIRE(mica_session_add_text(session, "Read on.", 8, 1, nullptr) == MICA_OK);
  REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
  REQUIRE(mica_session_save(session, path.c_str(), nullptr) == MICA_OK);
  const std::vector<uint8_t> saved = read_all(path);
  fault_each_call([&](mica_error* error) { return mica_session_save(session, path.c_str(), error); }, path,
                  [&](mica_status) {
                    CHECK(read_all(path) == saved);
                    CHECK(folder.names() == "talk.session");
                  });
  mica_stats stats{};
  fault_each_call([&](mica_error* error) { return mica_session_restore(session, path.c_str(), error); }, path,
                  [&](mica_status) {
                    mica_session_stats(session, &stats);
                    CHECK(stats.tokens > 0);
                  });
  mica_session_free(session);
  mica_model_close(model);
}

TEST_CASE("opening models, tokenizers, pictures and files of tensors") {
  struct Opening {
    std::string path;
    mica_status (*open)(const char* path, mica_error* error);
  };
  const auto open_model = [](const char* path, mica_error* error) {
    mica_model* model = nullptr;
    const mica_status status = mica_model_open(path, nullptr, &model, error);
    mica_model_close(model);
    return status;
  };
  const auto open_tokenizer = [](const char* path, mica_error* error) {
    mica_tokenizer* tokenizer = nullptr;
    const mica_status status = mica_tokenizer_open(path, &tokenizer, error);
    mica_tokenizer_close(tokenizer);
    return status;
  };
  const auto open_picture = [](const char* path, mica_error* error) {
    mica_picture* picture = nullptr;
    const mica_status status = mica_picture_open(path, &picture, error);
    mica_picture_free(picture);
    return status;
  };
  const auto open_tensors = [](const char* path, mica_error* error) {
    mica_tensors* tensors = nullptr;
    const mica_status status = mica_tensors_open(path, &tensors, error);
    mica_tensors_close(tensors);
    return status;
  };
  for (const Opening& opening : {Opening{kFolder, open_model}, Opening{kPacked, open_model},
                                 Opening{kFolder, open_tokenizer}, Opening{kPicture, open_picture},
                                 Opening{MICA_TESTS_DATA "/golden/llama/golden_0.safetensors", open_tensors}}) {
    CAPTURE(opening.path);
    fault_each_call([&](mica_error* error) { return opening.open(opening.path.c_str(), error); }, opening.path,
                    [](mica_status) {});
  }
}
