// Fuzz target: bytes choose a model's shape, how each layer is stored, a session's options, and what is done with it:
// whatever that is, no step writes behind its buffers and none finds mica's own promises broken.
#include <cstdlib>
#include <cstdio>

#include "scratch_file.hpp"
#include "session_steps.hpp"

using namespace mica;
using namespace mica::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchFile file;
  Choices choices(Bytes(data, size));
  const SmallShape shape = choose_shape(&choices);
  SmallModel small;
  if (!make_small_model(shape, choose_storages(&choices), &small)) return 0;
  SessionSteps steps;
  if (!steps.begin(*small.model, choose_options(shape, &choices), file.path())) return 0;
  const Status status = steps.run(&choices, 64);
  if (status) return 0;
  std::fprintf(stderr, "%s\n", status.message());
  std::abort();
}
