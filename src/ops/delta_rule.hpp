// DeltaRule: the gated delta rule (arXiv 2412.06464), row by row: a matrix a head that forgets a little with each row
// and learns to give the row's value for the row's key. Not the convolution and the gates around it: engine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute.hpp"

namespace mica {

struct DeltaShape {
  size_t key_heads = 0, value_heads = 0;  // value head h reads key head h / (value_heads / key_heads)
  size_t key_dim = 0, value_dim = 0;      // of a head
  bool in_turns = false;                  // value head h reads key head h % key_heads
};

// The rows of one sequence; all pointers are to the first row, and rows are `stride` floats apart.
struct DeltaRows {
  float* x = nullptr;         // queries, keys and values of all heads behind each other; outputs replace the values
  float* strength = nullptr;  // [value_heads]: the sigmoid is taken of it, in place
  float* decay = nullptr;     // [value_heads]: likewise, what a state keeps becomes of it
  size_t stride = 0;
  size_t count = 0;
  const uint32_t* in_order = nullptr;  // [count]: rows in the order of the sequence; null: as they stand
};

// With k and q of length one, q then divided by sqrt(key_dim), b = sigmoid(strength) and
// g = exp(-exp(rate) * softplus(decay + bias)), for each row in order and each value head:
//   S = g S;  S += k (b (v - S^T k))^T;  output = S^T q.
// rate and bias: [value_heads]. `before`: S of each head, [key_dim][value_dim], null: zeros; `after` gets what the rows
// leave, null: nobody asks. They may be the same. A row's bits do not depend on which rows are given at once.
void delta_rule(const Compute& compute, const DeltaShape& shape, const float* rate, const float* bias,
                const DeltaRows& rows, const float* before, float* after);

// Of Compute::scratch, what it needs a thread.
size_t delta_scratch_bytes(const DeltaShape& shape);

}  // namespace mica
