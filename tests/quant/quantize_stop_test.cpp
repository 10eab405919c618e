// The quantizer stopped: killed and cancelled at every step of its work, without room on its disk, with input that it
// has to refuse. Nothing stands under the output's name then, or what stood there before. Each run is a process of its
// own.
#include <doctest/doctest.h>

#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "packed_copy.hpp"
#include "quantize.hpp"
#include "run_in_child.hpp"

using namespace mica;
using namespace mica::test;

namespace {

const std::string kModel = MICA_TEST_DATA "/golden/qwen2_vl";
const std::string kPicture = MICA_TEST_DATA "/images/c_panel.jpg";

// Quantizes in this process, in one thread.
Status quantize_small(const std::string& output, const QuantizeProgress& progress, QuantizeReport* report = nullptr,
                      const std::string& model = kModel, Rounding rounding = Rounding::nearest) {
  std::unique_ptr<ModelFiles> files;
  MICA_TRY(ModelFiles::open(model.c_str(), &files));
  std::vector<CalibrationSample> samples(1);
  samples[0].pictures = {kPicture};
  samples[0].prompt = "Read the dial.";
  samples[0].answer = "9";
  QuantizeReport own;
  return quantize(std::move(files), samples, {.rounding = rounding, .threads = 1}, progress, output.c_str(),
                  report ? report : &own);
}

// How many times progress is told, counted once.
int steps_of_work() {
  static const int steps = [] {
    const TestFolder folder;
    return run_in_child([&] {
      int told = 0;
      const Status status = quantize_small(folder.path("m.mica"), [&](const char*, double) { return ++told, false; });
      return status ? std::min(told, 250) : -2;
    });
  }();
  REQUIRE(steps > 4);
  return steps;
}

std::string names_but_partial(const TestFolder& folder) {
  std::string names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    if (entry.path().extension() != ".partial") names += entry.path().filename().string() + " ";
  return names;
}

}  // namespace

TEST_CASE("killed at any step: nothing, or the old file, stands under the name") {
  const TestFolder folder;
  const std::string path = folder.path("m.mica");
  const int steps = steps_of_work();
  for (int step = 1; step <= steps; step += std::max(1, steps / 12)) {
    CAPTURE(step);
    const auto killed = [&] {
      return run_in_child([&] {
        int told = 0;
        const Status status = quantize_small(path, [&](const char*, double) {
          if (++told == step) kill(getpid(), SIGKILL);
          return false;
        });
        return static_cast<int>(status.code());
      });
    };
    CHECK(killed() == -1);
    CHECK(names_but_partial(folder).empty());
    folder.write("m.mica", "old");
    CHECK(killed() == -1);
    CHECK(text_of(read_all(path)) == "old");
    std::filesystem::remove(path);
  }
}

TEST_CASE("cancelled at any step: the same, and no temporary file") {
  const TestFolder folder;
  const std::string path = folder.write("m.mica", "old");
  const int steps = steps_of_work();
  for (int step = 1; step <= steps; step += std::max(1, steps / 12)) {
    CAPTURE(step);
    const int code = run_in_child([&] {
      int told = 0;
      return static_cast<int>(quantize_small(path, [&](const char*, double) { return ++told >= step; }).code());
    });
    CHECK(code == static_cast<int>(Code::cancelled));
    CHECK(folder.names() == "m.mica");
    CHECK(text_of(read_all(path)) == "old");
  }
}

TEST_CASE("cancelled while the file is compared, or made again: the old file stands, and no other") {
  const TestFolder folder;
  const std::string path = folder.write("m.mica", "old");
  std::unique_ptr<ModelFiles> files;
  std::vector<CalibrationSample> samples(1);
  samples[0].pictures = {kPicture};
  samples[0].prompt = "Read the dial.";
  for (const char* stage : {"comparing", "what is lost"}) {
    CAPTURE(stage);
    REQUIRE(ModelFiles::open(kModel.c_str(), &files));
    const auto stop = [&](const char* told, double) { return std::string_view(told).starts_with(stage); };
    const Status status =
        quantize(std::move(files), samples, {.least_cosine = 0.9999, .threads = 1}, stop, path.c_str(), nullptr);
    CHECK(status.code() == Code::cancelled);
    CHECK(folder.names() == "m.mica");
    CHECK(text_of(read_all(path)) == "old");
  }
}

TEST_CASE("no room: an error of writing with the path, the old file as it was, no temporary") {
  const TestFolder folder;
  const std::string path = folder.write("m.mica", "old");
  for (rlim_t room : {rlim_t{0}, rlim_t{4096}, rlim_t{100000}}) {
    const int code = run_in_child([&] {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit = {room, room};
      if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 101;
      const Status status = quantize_small(path, {});
      return said(status).find(path) != std::string::npos ? static_cast<int>(status.code()) : 102;
    });
    CHECK(code == static_cast<int>(Code::io_error));
    CHECK(folder.names() == "m.mica");
    CHECK(text_of(read_all(path)) == "old");
  }
  CHECK(run_in_child([&] { return static_cast<int>(quantize_small("/dev/full", {}).code()); }) ==
        static_cast<int>(Code::invalid_argument));
}

TEST_CASE("a disk that is full") {
  const TestFolder folder;
  if (mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=128k") != 0) {
    MESSAGE("left out: mounting a small tmpfs needs root");
    return;
  }
  const std::string path = folder.write("m.mica", "old");
  const int code = run_in_child([&] {
    const Status status = quantize_small(path, {});
    return said(status).find(path) != std::string::npos ? static_cast<int>(status.code()) : 102;
  });
  CHECK(code == static_cast<int>(Code::io_error));
  CHECK(folder.names() == "m.mica");
  CHECK(text_of(read_all(path)) == "old");
  CHECK(umount(folder.path().c_str()) == 0);
}

TEST_CASE("a weight that is no number is refused by its layer's name, and nothing is written") {
  for (const char* name : {"layers.1.mlp.down_proj.weight", "blocks.1.attn.qkv.weight"}) {
    CAPTURE(name);
    const TestFolder folder;
    std::filesystem::copy(kModel, folder.path("model"));
    const std::string weights = folder.path("model/model.safetensors");
    std::vector<uint8_t> bytes = read_all(weights);
    Safetensors content;
    REQUIRE(read_safetensors(bytes, "model", &content));
    for (const TensorView& tensor : content.tensors) {
      if (!tensor.name.ends_with(name)) continue;
      const size_t at = static_cast<size_t>(tensor.bytes.data() - bytes.data()) + tensor.bytes.size() / 2;
      std::memset(bytes.data() + at / 4 * 4, 0xFF, 4);  // a NaN in every float type
    }
    std::filesystem::remove(weights);
    folder.write("model/model.safetensors", bytes);
    const std::string path = folder.path("m.mica");
    const int code = run_in_child([&] {
      const Status status = quantize_small(path, {}, nullptr, folder.path("model"));
      const bool named = said(status).find("layers.1") != std::string::npos;
      return named ? static_cast<int>(status.code()) : 102;
    });
    CHECK(code == static_cast<int>(Code::invalid_argument));
    CHECK(folder.names() == "model");
  }
}
