// QueryScale: queries of distant positions are multiplied, so that attention stays sharp over long texts (Llama 4,
// Ministral 3, the first Qwen), or all, where a decoder says what is multiplied into products with keys (Granite). Not
// RoPE, behind which it is done.
#pragma once

#include <cstddef>

#include "compute.hpp"
#include "decoder.hpp"
#include "model_spec.hpp"

namespace mica {

// queries: rows of heads of `head_dim` floats, `stride` apart, those of the parts behind each other.
void scale_queries(const Compute& compute, const DecoderSpec& decoder, DecoderParts parts, float* queries,
                   size_t stride, size_t head_dim);

}  // namespace mica
