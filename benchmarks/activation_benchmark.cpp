// Activation functions of rows at every level that runs here; items are values. Not what quantizes them.
#include "level_benchmark.hpp"

namespace {

using namespace mica;
using simd::Kernels;

const std::vector<KernelLine<RowData>> kLines = {
    {"silu", [](const Kernels& k, RowData& r) { k.activation->silu(r.out.get(), r.a.get(), r.n); }},
    {"silu_mul", [](const Kernels& k, RowData& r) { k.activation->silu_mul(r.out.get(), r.a.get(), r.b.get(), r.n); }},
    {"gelu", [](const Kernels& k, RowData& r) { k.activation->gelu(r.out.get(), r.a.get(), r.n); }},
    {"gelu_tanh", [](const Kernels& k, RowData& r) { k.activation->gelu_tanh(r.out.get(), r.a.get(), r.n); }},
    {"gelu_tanh_mul",
     [](const Kernels& k, RowData& r) { k.activation->gelu_tanh_mul(r.out.get(), r.a.get(), r.b.get(), r.n); }},
    {"quick_gelu", [](const Kernels& k, RowData& r) { k.activation->quick_gelu(r.out.get(), r.a.get(), r.n); }},
};

}  // namespace

int main(int argc, char** argv) {
  return run_benchmarks(argc, argv, [](const Kernels& kernels) { add_row_lines(kernels, kLines); });
}
