// The table of integer attention of a vector level: its Core (attention_inl.hpp) with the shared packing. Not kernels.
#pragma once

#include "attention_inl.hpp"
#include "attention_pack_inl.hpp"

namespace mica::simd {
namespace {

template <class Core>
constexpr AttentionKernels kAttentionKernels = {
    .pack_keys_u7 = pack_keys_u7,
    .pack_values_s6 = pack_values_s6,
    .quantize_queries = quantize_queries,
    .attend = attend<Core>,
};

}  // namespace
}  // namespace mica::simd
