// Allocations fail while a model is quantized and its calibration set is read: out of memory is the status, nothing is
// left behind, and the output is what it was. How they fail: tests/fault.
#include "allocation_faults.hpp"

#include <cstring>

#include "calibration_set.hpp"
#include "guard.hpp"
#include "pack_float.hpp"
#include "quantize.hpp"
#include "test_folder.hpp"

using namespace mica;
using namespace mica::test;

namespace {

const std::string kModel = MICA_TEST_DATA "/golden/qwen2_vl";
const std::string kPicture = MICA_TEST_DATA "/images/c_panel.jpg";
// A whole run takes a quarter of a second and thousands of allocations.
constexpr double kGrowth = 0.7;

mica_status to_c(const Status& status, mica_error* error) {
  std::strcpy(error->message, status.message());
  return error->status = static_cast<mica_status>(status.code());
}

Status open_files(std::unique_ptr<ModelFiles>* out) {
  return guarded([&] { return ModelFiles::open(kModel.c_str(), out); });
}

}  // namespace

TEST_CASE("quantizing: each way of rounding") {
  const TestFolder folder;
  const std::string path = folder.write("m.mica", "old");
  std::vector<CalibrationSample> samples(1);
  samples[0].pictures = {kPicture};
  samples[0].prompt = "Read the dial.";
  samples[0].answer = "9";
  for (const Rounding rounding : {Rounding::nearest, Rounding::gptq})
    fail_each_allocation(
        [&](mica_error* error) {
          std::unique_ptr<ModelFiles> files;
          Status status = open_files(&files);
          if (status)
            status = quantize(std::move(files), samples, {.rounding = rounding, .threads = 1}, {}, path.c_str(), nullptr);
          return to_c(status, error);
        },
        [&](mica_status status) {
          CHECK(folder.names() == "m.mica");
          if (status != MICA_OK) CHECK(text_of(read_all(path)) == "old");
          folder.write("m.mica", "old");
        },
        kGrowth);
}

TEST_CASE("packing without quantizing") {
  const TestFolder folder;
  const std::string path = folder.write("m.mica", "old");
  std::unique_ptr<ModelFiles> files;
  REQUIRE(open_files(&files));
  fail_each_allocation([&](mica_error* error) { return to_c(pack_float(*files, {}, path.c_str()), error); },
                       [&](mica_status status) {
                         CHECK(folder.names() == "m.mica");
                         if (status != MICA_OK) CHECK(text_of(read_all(path)) == "old");
                         folder.write("m.mica", "old");
                       },
                       kGrowth);
}

TEST_CASE("reading a calibration set: pictures of a folder, texts, questions") {
  const TestFolder folder;
  std::filesystem::copy(kPicture, folder.path("a.jpg"));
  const std::string texts = folder.write("t.txt", "A line.\nAnother, longer line.\n");
  const std::string questions = folder.write("q.jsonl", R"({"image": "a.jpg", "question": "What?", "answer": "9"})");
  for (const std::string& path : {folder.path(), texts, questions}) {
    CAPTURE(path);
    fail_each_allocation([&](mica_error* error) {
      CalibrationSet set;
      return to_c(read_calibration_set(path.c_str(), {.pictures = path != texts}, nullptr, &set), error);
    });
  }
}
