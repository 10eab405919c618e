// Integer attention at every level that runs here: packing, quantizing queries, and one tile of rows against all keys;
// items are multiply-adds, or values. Against float attention, in threads: `mica bench --kernels`.
#include "attention_kernels.hpp"
#include "level_benchmark.hpp"

namespace {

using namespace mica;
using simd::Kernels;

struct HeadShape {
  size_t keys, dims;
  std::string text() const { return std::to_string(keys) + "x" + std::to_string(dims); }
  size_t items() const { return keys * dims; }
};

// Both products of one call of attend.
struct TileShape : HeadShape {
  size_t items() const { return 2 * simd::kAttentionRowsMax * keys * dims; }
};

struct HeadData {
  explicit HeadData(const HeadShape& shape)
      : keys(shape.keys),
        dims(shape.dims),
        rows(floats(keys * dims)),
        key_step(floats(dims)),
        value_step(floats(dims)),
        value_middle(floats(dims)),
        exponent(floats(simd::kAttentionRowsMax)),
        sums(floats(simd::attend_scratch_floats(dims))),
        out(floats(simd::kAttentionRowsMax * dims)),
        key_panels(buffer<uint8_t>(simd::packed_keys_bytes(keys, dims))),
        value_panels(buffer<int8_t>(simd::packed_values_bytes(keys, dims))),
        queries(buffer<int8_t>(simd::kAttentionRowsMax * simd::query_row_bytes(dims))) {
    const simd::AttentionKernels& scalar = simd::attention_kernels_scalar;
    scalar.pack_keys_u7(key_panels.get(), key_step.get(), rows.get(), dims, keys, dims);
    scalar.pack_values_s6(value_panels.get(), value_step.get(), value_middle.get(), rows.get(), dims, keys, dims);
    scalar.quantize_queries(queries.get(), exponent.get(), rows.get(), dims, simd::kAttentionRowsMax, dims,
                            key_step.get());
  }

  size_t keys, dims;
  Buffer<float> rows, key_step, value_step, value_middle, exponent, sums, out;
  Buffer<uint8_t> key_panels;
  Buffer<int8_t> value_panels, queries;
};

const std::vector<KernelLine<HeadData>> kPackingLines = {
    {"pack_keys_u7",
     [](const Kernels& k, HeadData& h) {
       k.attention->pack_keys_u7(h.key_panels.get(), h.key_step.get(), h.rows.get(), h.dims, h.keys, h.dims);
     }},
    {"pack_values_s6",
     [](const Kernels& k, HeadData& h) {
       k.attention->pack_values_s6(h.value_panels.get(), h.value_step.get(), h.value_middle.get(), h.rows.get(), h.dims,
                                   h.keys, h.dims);
     }},
};

const std::vector<KernelLine<HeadData>> kTileLines = {
    {"quantize_queries",
     [](const Kernels& k, HeadData& h) {
       k.attention->quantize_queries(h.queries.get(), h.exponent.get(), h.rows.get(), h.dims, simd::kAttentionRowsMax,
                                     h.dims, h.key_step.get());
     }},
    {"attend",
     [](const Kernels& k, HeadData& h) {
       const simd::PackedHead head = {.keys = h.key_panels.get(),
                                      .values = h.value_panels.get(),
                                      .value_step = h.value_step.get(),
                                      .value_middle = h.value_middle.get(),
                                      .count = h.keys,
                                      .dims = h.dims};
       k.attention->attend(h.out.get(), h.dims, h.queries.get(), h.exponent.get(), simd::kAttentionRowsMax, head,
                           h.sums.get());
     }},
};

// Heads of the default model's tower and of Qwen2-VL's, at 448 x 448 and 896 x 896.
void add_all(const Kernels& kernels) {
  for (const HeadShape& shape : {HeadShape{128, 64}, HeadShape{1024, 80}, HeadShape{4096, 80}}) {
    add_lines(kernels, kPackingLines, shape);
    add_lines(kernels, kTileLines, TileShape{shape});
  }
}

}  // namespace

int main(int argc, char** argv) { return run_benchmarks(argc, argv, add_all); }
