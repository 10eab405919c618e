// Float GEMM of one thread: oneDNN's sgemm, or tiles of simd/. Not the choice of tiles for threads: linear.cpp.
#include "float_gemm.hpp"

#if MICA_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#if defined(_OPENMP)
#include <omp.h>
#endif
#endif

namespace mica {

#if MICA_ONEDNN

void float_gemm(const simd::FloatKernels&, float* c, size_t c_stride, const float* a, size_t a_stride, const float* w,
                size_t w_stride, size_t rows, size_t columns, size_t depth, float*) {
#if defined(_OPENMP)
  // oneDNN would start threads of its own in a team of one, and its bits depend on their number. The setting is this
  // task's only when it runs inside a parallel region, hence the restore.
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
#endif
  dnnl_sgemm('N', 'T', static_cast<dnnl_dim_t>(rows), static_cast<dnnl_dim_t>(columns), static_cast<dnnl_dim_t>(depth),
             1.0f, a, static_cast<dnnl_dim_t>(a_stride), w, static_cast<dnnl_dim_t>(w_stride), 0.0f, c,
             static_cast<dnnl_dim_t>(c_stride));
#if defined(_OPENMP)
  omp_set_num_threads(threads);
#endif
}

size_t float_gemm_scratch(size_t, size_t) { return 0; }

void float_gemm_limit_isa(simd::Level level) {
  switch (level) {
#if defined(__x86_64__)
    case simd::Level::scalar: dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41); break;
    case simd::Level::avx2: dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2); break;
    case simd::Level::avx512vnni: dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core_vnni); break;
#endif
    default: break;
  }
}

const char* float_gemm_library() { return "oneDNN"; }

const char* float_gemm_isa(const simd::Kernels&) {
  struct Name {
    dnnl_cpu_isa_t isa;
    const char* name;
  };
  // Ascending; whatever is beyond the last contains it.
  constexpr Name kNames[] = {{dnnl_cpu_isa_sse41, "sse4.1"},
                             {dnnl_cpu_isa_avx, "avx"},
                             {dnnl_cpu_isa_avx2, "avx2"},
                             {dnnl_cpu_isa_avx512_core, "avx512"},
                             {dnnl_cpu_isa_avx512_core_vnni, "avx512vnni"}};
  const auto found = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
  const char* name = "portable";
  for (const Name& known : kNames)
    if ((found & known.isa) == static_cast<unsigned>(known.isa)) name = known.name;
  return name;
}

#else

namespace {
// A slab of the transposed weights stays in the second-level cache: 256 rows of 64 columns are 64 KiB.
constexpr size_t kSlabDepth = 256;
}  // namespace

void float_gemm(const simd::FloatKernels& kernels, float* c, size_t c_stride, const float* a, size_t a_stride,
                const float* w, size_t w_stride, size_t rows, size_t columns, size_t depth, float* scratch) {
  for (size_t start = 0; start < depth; start += kSlabDepth) {
    const size_t slab = depth - start < kSlabDepth ? depth - start : kSlabDepth;
    for (size_t column = 0; column < columns; ++column)
      for (size_t k = 0; k < slab; ++k) scratch[k * columns + column] = w[column * w_stride + start + k];
    kernels.gemm_f32(c, c_stride, a + start, a_stride, scratch, columns, rows, columns, slab, start != 0);
  }
}

size_t float_gemm_scratch(size_t columns, size_t depth) {
  return columns * (depth < kSlabDepth ? depth : kSlabDepth);
}

void float_gemm_limit_isa(simd::Level) {}
const char* float_gemm_library() { return "mica tiles"; }
const char* float_gemm_isa(const simd::Kernels& kernels) { return kernels.name; }

#endif

}  // namespace mica
