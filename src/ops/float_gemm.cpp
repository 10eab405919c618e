// Float GEMM of one thread: oneDNN's sgemm, or tiles of simd/. Not the choice of tiles for threads: linear.cpp.
#include "float_gemm.hpp"

#include "kernels.hpp"

#if MICA_ONEDNN
#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>

#include "signals_held.hpp"
#endif

namespace mica {
namespace {

// A slab of the transposed weights stays in the second-level cache: 256 rows of 64 columns are 64 KiB.
constexpr size_t kSlabDepth = 256;

void gemm_in_tiles(const simd::FloatKernels& kernels, float* c, size_t c_stride, const float* a, size_t a_stride,
                   const float* w, size_t w_stride, size_t rows, size_t columns, size_t depth, float* scratch) {
  for (size_t start = 0; start < depth; start += kSlabDepth) {
    const size_t slab = depth - start < kSlabDepth ? depth - start : kSlabDepth;
    for (size_t column = 0; column < columns; ++column)
      for (size_t k = 0; k < slab; ++k) scratch[k * columns + column] = w[column * w_stride + start + k];
    kernels.gemm_f32(c, c_stride, a + start, a_stride, scratch, columns, rows, columns, slab, start != 0);
  }
}

}  // namespace

size_t float_gemm_scratch(size_t columns, size_t depth) {
  return columns * (depth < kSlabDepth ? depth : kSlabDepth);
}

#if MICA_ONEDNN

namespace {

// oneDNN would start threads of its own, by OpenMP, and its bits depend on their number. Which OpenMP that is (GCC's,
// LLVM's, none) is found in the running program: mica has none. The number is a setting of the calling thread, which may
// be the program's, hence the restore.
class OneThread {
 public:
  OneThread() : before_(openmp().most ? openmp().most() : 1) {
    if (before_ != 1) openmp().set(1);
  }
  ~OneThread() {
    if (before_ != 1) openmp().set(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  struct OpenMp {
    int (*most)();
    void (*set)(int);
  };
  static const OpenMp& openmp() {
    static const OpenMp found = [] {
      const auto set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
      return OpenMp{set ? reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads")) : nullptr, set};
    }();
    return found;
  }

  int before_;
};

}  // namespace

void float_gemm(const simd::Kernels& kernels, float* c, size_t c_stride, const float* a, size_t a_stride,
                const float* w, size_t w_stride, size_t rows, size_t columns, size_t depth, float* scratch) {
  const OneThread one_thread;
  // Its products use the stack pointer as one register more, and let it point into memory of the heap: the frame of a
  // signal would be written before that memory (found with oneDNN 2.6).
  const SignalsHeld held;
  const dnnl_status_t status =
      dnnl_sgemm('N', 'T', static_cast<dnnl_dim_t>(rows), static_cast<dnnl_dim_t>(columns),
                 static_cast<dnnl_dim_t>(depth), 1.0f, a, static_cast<dnnl_dim_t>(a_stride), w,
                 static_cast<dnnl_dim_t>(w_stride), 0.0f, c, static_cast<dnnl_dim_t>(c_stride));
  // It packs its operands into memory that it allocates; the tiles need none, so that running cannot fail.
  if (status != dnnl_success)
    gemm_in_tiles(*kernels.f32, c, c_stride, a, a_stride, w, w_stride, rows, columns, depth, scratch);
}

namespace {

// Ascending: whatever is beyond a row contains it. `feature` is what a level that may use the instruction set needs.
struct IsaRow {
  dnnl_cpu_isa_t isa;
  const char* name;
  simd::CpuFeatures feature;
};
constexpr IsaRow kIsas[] = {
    {dnnl_cpu_isa_sse41, "sse4.1", 0},
    {dnnl_cpu_isa_avx, "avx", simd::cpu::avx2},  // found alone, never chosen: no level ends at it
    {dnnl_cpu_isa_avx2, "avx2", simd::cpu::avx2},
    {dnnl_cpu_isa_avx512_core, "avx512", simd::cpu::avx512bw},
    {dnnl_cpu_isa_avx512_core_vnni, "avx512vnni", simd::cpu::avx512vnni}};

}  // namespace

void float_gemm_limit_isa([[maybe_unused]] const simd::Kernels& kernels) {
#if defined(__x86_64__)
  dnnl_cpu_isa_t most = kIsas[0].isa;
  for (const IsaRow& row : kIsas)
    if ((kernels.needs & row.feature) == row.feature) most = row.isa;
  dnnl_set_max_cpu_isa(most);
#endif
}

const char* float_gemm_library() { return "oneDNN"; }

const char* float_gemm_isa(const simd::Kernels&) {
  const auto found = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
  const char* name = "portable";
  for (const IsaRow& row : kIsas)
    if ((found & row.isa) == static_cast<unsigned>(row.isa)) name = row.name;
  return name;
}

#else

void float_gemm(const simd::Kernels& kernels, float* c, size_t c_stride, const float* a, size_t a_stride,
                const float* w, size_t w_stride, size_t rows, size_t columns, size_t depth, float* scratch) {
  gemm_in_tiles(*kernels.f32, c, c_stride, a, a_stride, w, w_stride, rows, columns, depth, scratch);
}

void float_gemm_limit_isa(const simd::Kernels&) {}
const char* float_gemm_library() { return "mica tiles"; }
const char* float_gemm_isa(const simd::Kernels& kernels) { return kernels.name; }

#endif

}  // namespace mica
