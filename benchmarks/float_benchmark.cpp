// Float kernels at every level that runs here: on rows (items are values), and products (items are multiply-adds).
#include "level_benchmark.hpp"

namespace {

using namespace mica;
using simd::Kernels;

const std::vector<KernelLine<RowData>> kRowLines = {
    {"widen_f16", [](const Kernels& k, RowData& r) { k.f32->widen_f16(r.out.get(), r.halves.get(), r.n); }},
    {"widen_bf16", [](const Kernels& k, RowData& r) { k.f32->widen_bf16(r.out.get(), r.halves.get(), r.n); }},
    {"narrow_f16", [](const Kernels& k, RowData& r) { k.f32->narrow_f16(r.halves.get(), r.a.get(), r.n); }},
    {"rms_norm", [](const Kernels& k, RowData& r) { k.f32->rms_norm(r.out.get(), r.a.get(), r.b.get(), 1e-6f, r.n); }},
    {"layer_norm",
     [](const Kernels& k, RowData& r) {
       k.f32->layer_norm(r.out.get(), r.a.get(), r.b.get(), r.c.get(), 1e-6f, r.n);
     }},
    {"finish_row",
     [](const Kernels& k, RowData& r) {
       k.f32->finish_row(r.out.get(), r.a.get(), r.b.get(), nullptr, r.c.get(), r.n);
     }},
    {"rope_halves",
     [](const Kernels& k, RowData& r) { k.f32->rope_halves(r.a.get(), r.b.get(), r.c.get(), r.n / 2); }},
    {"rope_pairs", [](const Kernels& k, RowData& r) { k.f32->rope_pairs(r.a.get(), r.b.get(), r.c.get(), r.n / 2); }},
};

struct ProductShape {
  size_t rows, columns, depth;
  std::string text() const {
    return std::to_string(rows) + "x" + std::to_string(columns) + "x" + std::to_string(depth);
  }
  size_t items() const { return rows * columns * depth; }
};

struct ProductData {
  explicit ProductData(const ProductShape& s)
      : shape(s), a(floats(s.rows * s.depth)), b(floats(s.depth * s.columns)), c(floats(s.rows * s.columns)),
        halves(buffer<uint16_t>(s.depth * s.columns)) {
    for (size_t i = 0; i < s.depth * s.columns; ++i) halves[i] = static_cast<uint16_t>(0x3000 + i % 1024);
  }

  ProductShape shape;
  Buffer<float> a, b, c;
  Buffer<uint16_t> halves;
};

using Data = ProductData;

// One row of activations: weights are [columns][depth].
const std::vector<KernelLine<Data>> kDecodeLines = {
    {"gemv_f32",
     [](const Kernels& k, Data& d) {
       k.f32->gemv_f32(d.c.get(), d.a.get(), d.b.get(), d.shape.depth, d.shape.columns, d.shape.depth);
     }},
    {"gemv_f16",
     [](const Kernels& k, Data& d) {
       k.f32->gemv_f16(d.c.get(), d.a.get(), d.halves.get(), d.shape.depth, d.shape.columns, d.shape.depth);
     }},
    {"gemv_bf16",
     [](const Kernels& k, Data& d) {
       k.f32->gemv_bf16(d.c.get(), d.a.get(), d.halves.get(), d.shape.depth, d.shape.columns, d.shape.depth);
     }},
};

const std::vector<KernelLine<Data>> kProductLines = {
    {"gemm_f32",
     [](const Kernels& k, Data& d) {
       k.f32->gemm_f32(d.c.get(), d.shape.columns, d.a.get(), d.shape.depth, d.b.get(), d.shape.columns, d.shape.rows,
                       d.shape.columns, d.shape.depth, false);
     }},
};

void add_all(const Kernels& kernels) {
  add_row_lines(kernels, kRowLines);
  for (const auto& [channels, inputs] : {std::pair<size_t, size_t>{256, 256}, {1536, 1536}, {8960, 1536}, {1536, 8960}})
    add_lines(kernels, kDecodeLines, ProductShape{1, channels, inputs});
  // Slabs of the layers' products, and a tile of attention: 32 queries by 256 keys of 128.
  for (const ProductShape& shape : {ProductShape{384, 64, 256}, ProductShape{32, 256, 128}})
    add_lines(kernels, kProductLines, shape);
}

}  // namespace

int main(int argc, char** argv) { return run_benchmarks(argc, argv, add_all); }
