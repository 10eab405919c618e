// Online rotations of rows at every level that runs here, beside a copy of the row; items are values.
#include <cstring>

#include "level_benchmark.hpp"

namespace {

using namespace mica;
using simd::Kernels;

// The copy is level's own only by name: it is what a rotation is held against. Rotations in place start from it, so
// that values stay finite.
const std::vector<KernelLine<RowData>> kLines = {
    {"copy", [](const Kernels&, RowData& r) { std::memcpy(r.out.get(), r.a.get(), r.n * sizeof(float)); }},
    {"rotate", [](const Kernels& k, RowData& r) { k.rotate->rotate(r.plan, 1, nullptr, 1.0f, r.a.get()); }},
    {"rotate_inverse",
     [](const Kernels& k, RowData& r) { k.rotate->rotate_inverse(r.plan, 1, nullptr, 1.0f, r.a.get()); }},
    {"copy_rotate_quantize",
     [](const Kernels& k, RowData& r) {
       std::memcpy(r.out.get(), r.a.get(), r.n * sizeof(float));
       k.rotate->rotate_quantize(r.quantized.get(), r.plan, 1, nullptr, 50.0f, nullptr, r.out.get());
     }},
};

}  // namespace

int main(int argc, char** argv) {
  return run_benchmarks(argc, argv, [](const Kernels& kernels) { add_row_lines(kernels, kLines); });
}
