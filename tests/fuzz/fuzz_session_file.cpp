// Fuzz target: any bytes as a session file; and a good one with bytes changed where the input says, its checksums made
// right, without which nothing behind them would be reached. What is taken up goes on without a broken promise.
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "saved_file.hpp"
#include "scratch_file.hpp"
#include "session_steps.hpp"

using namespace mica;
using namespace mica::test;

namespace {

void require(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "%s\n", status.message());
  std::abort();
}

// A model, a session on it with packed rows of a picture, and its file.
struct World {
  World() {
    const SmallShape shape = {.family = "llava", .layers = 2, .heads = 1, .kv_heads = 1, .head_dim = 64,
                              .vision_layers = 1, .patch = 2, .patches = 6};
    require(make_small_model(shape, {WeightFormat::floats}, &small));
    SessionSteps steps = begin();
    static constexpr uint8_t kScript[] = {0, 3, 2, 20, 30, 4, 0, 2, 7};
    Choices choices{Bytes(kScript)};
    require(steps.run(&choices, sizeof kScript));
    require(SavedFile::read(file.path(), &saved));
  }
  SessionSteps begin() const {
    SessionOptions options;
    options.context = 120;
    options.threads = 1;
    options.kv_wanted.text_bits = 8;
    options.guarded = true;
    SessionSteps steps;
    require(steps.begin(*small.model, options, file.path()));
    return steps;
  }
  void try_file() const {
    SessionSteps steps = begin();
    if (!steps.session().restore(file.path().c_str())) {
      if (steps.session().tokens() != 0) std::abort();
      return;
    }
    static constexpr uint8_t kScript[] = {4, 5, 0, 2, 2, 20, 30, 4, 5, 7, 8, 4};
    Choices choices{Bytes(kScript)};
    require(steps.run(&choices, sizeof kScript));
  }

  ScratchFile file;
  SmallModel small;
  SavedFile saved;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const World world;
  std::ofstream(world.file.path(), std::ios::binary).write(reinterpret_cast<const char*>(data),
                                                           static_cast<std::streamsize>(size));
  world.try_file();
  SavedFile changed = world.saved;
  Choices choices(Bytes(data, size));
  while (!choices.empty()) {
    std::vector<uint8_t>& bytes = changed.tensors[choices.below(static_cast<uint32_t>(changed.tensors.size()))].second;
    const uint32_t place = choices.below(static_cast<uint32_t>(bytes.size()));
    bytes[place] = static_cast<uint8_t>(choices.below(256));
  }
  require(changed.write(world.file.path()));
  world.try_file();
  return 0;
}
