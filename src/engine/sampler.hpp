// Sampler: from one row of logits to one token, reproducibly. Not the decoder: it sees numbers only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arena.hpp"
#include "status.hpp"

namespace mica {

struct Sampling {
  float temperature = 0.8f;  // 0: the largest logit, the lowest id of equals
  uint32_t top_k = 40;       // 0: all
  float top_p = 0.95f;       // 1: all
  float min_p = 0.05f;       // 0: all
  float repeat_penalty = 1.0f;
  uint32_t repeat_last = 64;
  uint64_t seed = 0;
};

Status check_sampling(const Sampling& sampling);

class Sampler {
 public:
  void plan(size_t vocabulary, Arena* arena);
  void seed(uint64_t seed);

  // The order of llama.cpp: repetition penalty over `recent`, top-k, top-p, min-p, temperature. Fails with `internal`
  // when a logit is not finite. `logits` is not changed.
  Status choose(const Sampling& sampling, const float* logits, const int32_t* recent, size_t recent_count,
                int32_t* token);

  // xoshiro256** state, for saving.
  uint64_t* state() { return state_; }
  const uint64_t* state() const { return state_; }
  static constexpr size_t kStateWords = 4;

 private:
  struct Candidate {
    float logit;
    int32_t token;
  };
  uint64_t next();
  size_t keep_top(const Sampling& sampling, size_t count);
  int32_t draw(const Sampling& sampling, size_t count);

  size_t vocabulary_ = 0;
  Candidate* candidates_ = nullptr;
  uint64_t state_[kStateWords] = {1, 2, 3, 4};
};

}  // namespace mica
