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

#ifdef MICA_TEST_SIMDE
namespace mica::simd {
// The sources of level avx512vnni, compiled against SIMDe under names of their own (meson.build).
extern const ActivationKernels activation_kernels_avx512vnni_simde;
extern const AttentionKernels attention_kernels_avx512vnni_simde;
extern const FloatKernels float_kernels_avx512vnni_simde;
extern const GemmKernels gemm_kernels_avx512vnni_simde;
extern const QuantizeKernels quantize_kernels_avx512vnni_simde;
extern const RotateKernels rotate_kernels_avx512vnni_simde;
extern const VisualKvKernels visual_kv_kernels_avx512vnni_simde;
}  // namespace mica::simd
#endif

namespace mica::kernel_test {

namespace {

#ifdef MICA_TEST_SIMDE
constexpr simd::Kernels kSimde = {simd::Level::avx512vnni,
                                  "avx512vnni_simde",
                                  &simd::activation_kernels_avx512vnni_simde,
                                  &simd::attention_kernels_avx512vnni_simde,
                                  &simd::float_kernels_avx512vnni_simde,
                                  &simd::gemm_kernels_avx512vnni_simde,
                                  &simd::quantize_kernels_avx512vnni_simde,
                                  &simd::rotate_kernels_avx512vnni_simde,
                                  &simd::visual_kv_kernels_avx512vnni_simde};
#endif

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
#ifdef MICA_TEST_SIMDE
    if (chosen(kSimde)) found.push_back(&kSimde);
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
  return context.run();
}
