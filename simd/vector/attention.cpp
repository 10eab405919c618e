// Integer attention of a vector level: its Core, by the loops and with the packing that all share. Not arithmetic.
#include "attention_pack_inl.hpp"
#include "attention_vector_inl.hpp"
#include "own_table.hpp"

namespace mica::simd {

extern const AttentionKernels MICA_TABLE(attention) = {
    .pack_keys_u7 = pack_keys_u7,
    .pack_values_s6 = pack_values_s6,
    .quantize_queries = quantize_queries,
    .attend = attend<AttentionCore>,
};

}  // namespace mica::simd
