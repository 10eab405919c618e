// Integer matrix products of a vector level: its cores, by the loops that all share. Not arithmetic.
#include <gemm_cores_inl.hpp>

#include "gemm_driver_inl.hpp"
#include "own_table.hpp"

namespace mica::simd {

extern const GemmKernels MICA_TABLE(gemm) = {
    .gemm_f32_s8 = {
#define MICA_WEIGHT_FORMAT(format, ...) gemm<PanelFormat::format>,
#include "weight_formats.inc"
    },
    .geometry = {
#define MICA_WEIGHT_FORMAT(format, ...) LevelCore<PanelFormat::format>::kGeometry,
#include "weight_formats.inc"
    },
};

}  // namespace mica::simd
