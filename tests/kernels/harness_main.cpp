// The main function of mica_kernel_tests: its own options (harness_options.hpp), then doctest's, and which levels are
// tested. Not the comparisons: harness.cpp.

// The fault handler of the harness says more than doctest's.
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "harness.hpp"
#include "harness_options.hpp"

#ifdef MICA_TEST_TWINS
#include "twin_tables.hpp"
#endif

namespace mica::kernel_test {

namespace {

Options& mutable_options() {
  static Options chosen;
  return chosen;
}

bool chosen(const simd::Kernels& kernels) {
  return !options().level || std::strcmp(options().level, kernels.name) == 0;
}

}  // namespace

const Options& options() { return mutable_options(); }

bool reduced() { return options().reduced; }

const simd::Kernels& scalar() { return *simd::kernels_at(simd::Level::scalar); }

const std::vector<const simd::Kernels*>& levels_under_test() {
  static const std::vector<const simd::Kernels*> levels = [] {
    std::vector<const simd::Kernels*> found;
    for (int i = 1; i < static_cast<int>(simd::Level::count); ++i)
      if (const simd::Kernels* kernels = simd::kernels_at(static_cast<simd::Level>(i)); kernels && chosen(*kernels))
        found.push_back(kernels);
#ifdef MICA_TEST_TWINS
    for (const simd::Kernels& kernels : simd::kTwinTables)  // whose speed says nothing
      if (chosen(kernels) && !timing() && (kernels.needs & ~simd::cpu_features()) == 0) found.push_back(&kernels);
#endif
    return found;
  }();
  return levels;
}

}  // namespace mica::kernel_test

int main(int argc, char** argv) {
  using namespace mica::kernel_test;
  Options& options = mutable_options();
  options.level = std::getenv("MICA_TEST_LEVEL");
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--level=", 8) == 0) options.level = argv[i] + 8;
    if (std::strncmp(argv[i], "--seed=", 7) == 0) options.seed = std::strtoull(argv[i] + 7, nullptr, 0);
    if (std::strcmp(argv[i], "--reduced") == 0) options.reduced = true;
    if (std::strcmp(argv[i], "--bench") == 0) options.bench = "";
    if (std::strncmp(argv[i], "--bench=", 8) == 0) options.bench = argv[i] + 8;
  }
  if (options.level && levels_under_test().empty()) {
    std::fprintf(stderr, "level '%s' is not in this program or does not run on this processor\n", options.level);
    return 2;
  }
  std::printf("levels compared with scalar:");
  for (const mica::simd::Kernels* kernels : levels_under_test()) std::printf(" %s", kernels->name);
  std::printf("\n");
  install_fault_handler();
  doctest::Context context(argc, argv);
  if (options.bench) context.addFilter("test-suite", "timed");
  return context.run();
}
