// Producers that quantize rows at every level that runs here; items are values. Not rotations: rotate_benchmark.cpp.
#include "level_benchmark.hpp"

namespace {

using namespace mica;
using simd::Kernels;

constexpr float kEpsilon = 1e-6f, kMultiplier = 50.0f;

const std::vector<KernelLine<RowData>> kLines = {
    {"quantize_row",
     [](const Kernels& k, RowData& r) { k.quantize->quantize_row(r.quantized.get(), r.a.get(), kMultiplier, r.n); }},
    {"rms_norm_quantize",
     [](const Kernels& k, RowData& r) {
       k.quantize->rms_norm_quantize(r.quantized.get(), r.a.get(), r.b.get(), kEpsilon, kMultiplier, r.n);
     }},
    {"layer_norm_quantize",
     [](const Kernels& k, RowData& r) {
       k.quantize->layer_norm_quantize(r.quantized.get(), r.a.get(), r.b.get(), r.c.get(), kEpsilon, kMultiplier, r.n);
     }},
};

}  // namespace

int main(int argc, char** argv) {
  return run_benchmarks(argc, argv, [](const Kernels& kernels) { add_row_lines(kernels, kLines); });
}
