// RoPE: tables of cosines and sines for the rows at hand, and their application to the heads of a row. Not the choice
// of positions: the engine gives them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute.hpp"

namespace mica {

// Tables of rows * half values each, in the caller's memory.
struct RopeTable {
  float* cosine = nullptr;
  float* sine = nullptr;
  size_t half = 0;  // rotated pairs of a head
  float scale = 1.0f;  // of cosines and sines
  size_t parts = 1;    // of a head, each of which turns within itself by its share of the pairs
};

// angle[row][i] = positions[row][axis_of[i]] * frequency[i], in float as the reference does it. positions:
// [rows][axes].
void rope_fill(const Compute& compute, const RopeTable& table, const uint32_t* positions, size_t axes, size_t rows,
               const float* frequency, const uint8_t* axis_of);

// Rotates `heads` heads of `head_dim` floats at the start of each row, in place.
void rope_apply(const Compute& compute, const RopeTable& table, float* x, size_t stride, size_t rows, size_t heads,
                size_t head_dim, bool interleaved);

}  // namespace mica
