// Key and value kernels of a vector level: look-ups, rows widened to float, and coding. Not arithmetic.
#include "own_table.hpp"
#include "visual_kv_lookup_inl.hpp"
#include "visual_kv_rows_inl.hpp"

namespace mica::simd {

extern const VisualKvKernels MICA_TABLE(visual_kv) = {
    .fit_token_scales = fit_token_scales,
    .pack_keys = pack_keys,
    .pack_values = pack_values,
    .key_tables = key_tables,
    .key_scores = key_scores,
    .value_sums = value_sums,
    .scores_f32_u8 = scores_f32_u8,
    .weighted_sum_f32_u8 = weighted_sum_f32_u8,
    .scores_f32_f16 = scores_f32_f16,
    .weighted_sum_f32_f16 = weighted_sum_f32_f16,
    .append_key_f16 = append_key_f16,
};

}  // namespace mica::simd
