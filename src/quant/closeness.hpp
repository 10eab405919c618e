// Closeness: how far the logits of a packed model are from its checkpoint's, over samples. Not what to do about it:
// raising.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "model.hpp"
#include "quantize.hpp"
#include "status.hpp"

namespace mica {

// Rows of a sample that are compared: its last ones, which have seen the most of it; all behind its pictures, where
// logits of so many take little room.
uint32_t closeness_rows(const Model& model);

// Both read every sample, each in a session of its own, as every program would; the last rows of each are compared.
// What does not fit a session is left out. Errors: those of pictures; out_of_memory.
Status compare_logits(const Model& checkpoint, const Model& packed, const std::vector<CalibrationSample>& samples,
                      uint32_t threads, Closeness* out);

// The cosine of two rows; 0 where it is not a number.
double cosine_of(const float* a, const float* b, size_t count);

}  // namespace mica
