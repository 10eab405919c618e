// Linear: tiles of output channels over threads; stored weights widened block by block for many rows, read as they lie
// for few; packed ones read in place. Not arithmetic: simd/ and float_gemm.hpp.
#include "linear.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "checked.hpp"
#include "float_gemm.hpp"
#include "kernels.hpp"
#include "panel_format.hpp"

namespace mica {
namespace {

// Up to this many rows meet weights as they are stored, which are not widened into a block: decode.
constexpr size_t kGemvRows = 3;
// Output channels that one task of a GEMV computes: long enough to stream, and so many that threads end together. Each
// channel is a product of its own, whatever the tasks are.
constexpr uint32_t kGemvChannels[] = {256, 192, 128, 96, 64, 48};
constexpr size_t kGemvChannelsMax = kGemvChannels[0];

size_t gemv_channels(const Compute& compute, const Matrix& matrix) {
  constexpr uint32_t kTasksAThread = 4;  // where there are channels enough: threads are not equally fast
  const uint32_t threads = compute.pool != nullptr ? compute.pool->size() : 1;
  const auto rows = static_cast<uint32_t>(matrix.rows);
  uint32_t best = 0, least = UINT32_MAX;
  for (const uint32_t channels : kGemvChannels) {
    const uint32_t tasks = ceil_div(rows, channels), longest = ceil_div(tasks, threads) * channels;
    const bool shares_out = tasks >= kTasksAThread * threads || channels == *std::rbegin(kGemvChannels);
    if (longest < least && shares_out) best = channels, least = longest;
  }
  return best;
}
// Rows of activations that pass over a widened block before the next: their sums stay in the second-level cache.
constexpr size_t kTileRows = 256;

// Channels that one task widens: a block of 2 MiB holds a last-level slice, but at least eight tasks a matrix.
size_t block_channels(const Matrix& matrix) {
  constexpr size_t kBlockBytes = 2u << 20;
  const size_t fits = std::clamp<size_t>(kBlockBytes / (matrix.columns * sizeof(float)) / 16 * 16, 64, 256);
  return std::min(fits, std::max<size_t>(16, round_up(matrix.rows, 128) / 8));
}

struct BlockScratch {
  size_t weights, sums, gemm;  // floats
};

BlockScratch block_scratch(const Matrix& matrix) {
  const size_t channels = block_channels(matrix);
  return {round_up(channels * matrix.columns, 16), kTileRows * channels, float_gemm_scratch(channels, matrix.columns)};
}

void finish_rows(const simd::FloatKernels& kernels, float* dst, size_t dst_stride, const float* sums,
                 size_t sums_stride, size_t rows, size_t channels, const float* bias, const LinearFinish& finish,
                 size_t first_channel) {
  const float* scale = finish.scale ? finish.scale + first_channel : nullptr;
  for (size_t row = 0; row < rows; ++row) {
    float* out = dst + row * dst_stride;
    kernels.finish_row(out, sums + row * sums_stride, bias, scale, finish.add ? out : nullptr, channels);
  }
}

// The weights of channels [first, first + channels) as float rows: in place when they are float already.
const float* widened(const Compute& compute, const Matrix& matrix, size_t first, size_t channels, float* scratch,
                     size_t* stride) {
  if (matrix.dtype == DType::f32 && matrix.stride_bytes % sizeof(float) == 0 &&
      reinterpret_cast<uintptr_t>(matrix.data) % sizeof(float) == 0) {
    *stride = matrix.stride_bytes / sizeof(float);
    return reinterpret_cast<const float*>(matrix.row(first));
  }
  for (size_t channel = 0; channel < channels; ++channel)
    widen_row(*compute.kernels, matrix.dtype, scratch + channel * matrix.columns, matrix.row(first + channel),
              matrix.columns);
  *stride = matrix.columns;
  return scratch;
}

void gemm_block(const Compute& compute, float* dst, size_t dst_stride, const Rows& src, const Matrix& matrix,
                const LinearFinish& finish, size_t block, int thread) {
  const size_t step = block_channels(matrix);
  const size_t first = block * step;
  const size_t channels = std::min(step, matrix.rows - first);
  const BlockScratch sizes = block_scratch(matrix);
  float* scratch = compute.scratch_of<float>(thread);
  size_t stride = 0;
  const float* weights = widened(compute, matrix, first, channels, scratch, &stride);
  float* sums = scratch + sizes.weights;
  for (size_t row = 0; row < src.count; row += kTileRows) {
    const size_t rows = std::min(kTileRows, src.count - row);
    float_gemm(*compute.kernels, sums, channels, src.values + row * src.stride, src.stride, weights, stride, rows,
               channels, matrix.columns, sums + sizes.sums);
    finish_rows(*compute.kernels->f32, dst + row * dst_stride + first, dst_stride, sums, channels, rows, channels,
                matrix.bias ? matrix.bias + first : nullptr, finish, first);
  }
}

// Rows of activations as blocks of weights meet them, in a thread's scratch.
void* words_of(const Compute& compute, int thread) {
  return compute.scratch_of<float>(thread) + simd::kGemvRowsMax * kGemvChannelsMax;
}
void round_words(const Compute& compute, const Rows& src, size_t first, size_t rows, const Matrix& matrix, int thread) {
  if (dtype_layout(matrix.dtype).block_values == 1) return;
  auto* words = static_cast<std::byte*>(words_of(compute, thread));
  for (size_t row = 0; row < rows; ++row)
    compute.kernels->f32->round_words(src.values + (first + row) * src.stride, matrix.columns,
                                      words + row * simd::gemv_scratch_bytes(matrix.columns));
}

// Words of so few rows that one call takes them all stand in the first thread's scratch; of more each task makes them.
bool shares_words(const Rows& src) { return src.count <= simd::kGemvRowsMax; }

void gemv_block(const Compute& compute, float* dst, size_t dst_stride, const Rows& src, const Matrix& matrix,
                const LinearFinish& finish, size_t step, size_t block, int thread) {
  const size_t first = block * step, channels = std::min(step, matrix.rows - first);
  float* sums = compute.scratch_of<float>(thread);
  const auto type = static_cast<size_t>(matrix.dtype);
  for (size_t row = 0; row < src.count; row += simd::kGemvRowsMax) {
    const size_t rows = std::min(simd::kGemvRowsMax, src.count - row);
    const simd::GemvRows activations{sums, kGemvChannelsMax, src.values + row * src.stride, src.stride, rows};
    if (!shares_words(src)) round_words(compute, src, row, rows, matrix, thread);
    compute.kernels->f32->gemv_rows[type](activations, matrix.row(first), matrix.stride_bytes, channels, matrix.columns,
                                          words_of(compute, shares_words(src) ? 0 : thread));
    finish_rows(*compute.kernels->f32, dst + row * dst_stride + first, dst_stride, sums, kGemvChannelsMax, rows,
                channels, matrix.bias ? matrix.bias + first : nullptr, finish, first);
  }
}

// Panels that one task of a product with packed weights computes. Few rows stream them: a sixteenth of the matrix
// shares out evenly, within what the kernel finds worth a task. More rows go over them in blocks: a wide matrix's tasks
// have two, of a narrow one they would be too few to share out evenly.
size_t task_panels(const simd::GemmGeometry& kernel, const Matrix& matrix, size_t rows, size_t panels) {
  constexpr size_t kStreamTasks = 16, kWidePanels = 64;
  if (rows <= kernel.stream_rows) {
    const size_t bytes =
        std::clamp(panels * matrix.stride_bytes / kStreamTasks, kernel.stream_bytes_min, kernel.stream_bytes_max);
    return std::max<size_t>(1, bytes / matrix.stride_bytes);
  }
  return (panels >= kWidePanels ? 2 : 1) * kernel.block_panels;
}

// dst += scale * kept values * kept weights, channels [first, end).
void add_kept(float* dst, size_t dst_stride, const Rows& src, const Matrix& matrix, const LinearFinish& finish,
              size_t first, size_t end) {
  for (size_t row = 0; row < src.count; ++row)
    for (uint32_t k = 0; k < matrix.kept_count; ++k) {
      const float value = src.kept[row * kKeptChannelsMax + k];
      const float* weights = matrix.kept + k * matrix.rows;
      float* out = dst + row * dst_stride;
      for (size_t c = first; c < end; ++c) out[c] += value * weights[c] * (finish.scale ? finish.scale[c] : 1.0f);
    }
}

void packed_linear(const Compute& compute, float* dst, size_t dst_stride, const Rows& src, const Matrix& matrix,
                   const LinearFinish& finish) {
  const simd::QuantizedRows x{.values = src.quantized, .stride = src.stride, .sums = src.sums};
  const simd::PanelMatrix weights = panel_matrix(matrix);
  simd::Epilogue epilogue{.channel_scale = matrix.scale,
                          .row_scale = {.split = src.visual, .first = src.scale_visual, .second = src.scale_text}};
  epilogue.bias = matrix.bias;
  epilogue.multiplier = finish.scale;
  if (src.rank1) {
    epilogue.rank1_rows = src.rank1;
    epilogue.rank1_channels = matrix.rank1;
  }
  const simd::FloatRows out{.values = dst, .stride = dst_stride, .accumulate = finish.add};
  const auto format = static_cast<size_t>(panel_format(matrix.format));
  const simd::GemmF32 kernel = compute.kernels->gemm->gemm_f32_s8[format];
  const size_t panels = panel_count(matrix.rows);
  const size_t step = task_panels(compute.kernels->gemm->geometry[format], matrix, src.count, panels);
  parallel_for(compute, ceil_div(panels, step), [&](size_t task, int) {
    const size_t panel_end = std::min(panels, (task + 1) * step);
    kernel(x, weights, epilogue, out,
           {.row_begin = 0, .row_end = src.count, .panel_begin = task * step, .panel_end = panel_end});
    if (src.kept != nullptr)
      add_kept(dst, dst_stride, src, matrix, finish, task * step * simd::kPanelChannels,
               std::min(matrix.rows, panel_end * simd::kPanelChannels));
  });
}

}  // namespace

void linear(const Compute& compute, float* dst, size_t dst_stride, const Rows& src, const Matrix& matrix,
            const LinearFinish& finish) {
  if (src.count == 0 || matrix.rows == 0) return;
  if (matrix.is_packed()) {
    packed_linear(compute, dst, dst_stride, src, matrix, finish);
    return;
  }
  const bool gemv = compute.rows_apart || src.count <= kGemvRows;
  const size_t step = gemv ? gemv_channels(compute, matrix) : block_channels(matrix);
  if (gemv && shares_words(src)) round_words(compute, src, 0, src.count, matrix, 0);
  parallel_for(compute, ceil_div(matrix.rows, step), [&](size_t task, int thread) {
    if (gemv) gemv_block(compute, dst, dst_stride, src, matrix, finish, step, task, thread);
    else gemm_block(compute, dst, dst_stride, src, matrix, finish, task, thread);
  });
}

size_t linear_scratch_bytes(const Matrix& matrix) {
  if (matrix.is_packed() || matrix.rows == 0) return 0;
  const BlockScratch sizes = block_scratch(matrix);
  const size_t gemm = sizes.weights + sizes.sums + sizes.gemm;
  const size_t gemv =
      simd::kGemvRowsMax * (kGemvChannelsMax * sizeof(float) + simd::gemv_scratch_bytes(matrix.columns));
  return round_up(std::max(gemm * sizeof(float), gemv), 64);
}

}  // namespace mica
