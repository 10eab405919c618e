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

// What chance is drawn from: xoshiro256**. A conversation has one, and it is saved with it.
struct Random {
  static constexpr size_t kWords = 4;
  uint64_t words[kWords] = {1, 2, 3, 4};

  void seed(uint64_t seed);
  uint64_t next();
};

class Sampler {
 public:
  void plan(size_t vocabulary, Arena* arena);

  // The order of llama.cpp: repetition penalty over `recent`, top-k, top-p, min-p, temperature. Fails with `internal`
  // when a logit is not finite. `logits` is not changed. `allowed`: a bit for each token that may be chosen, at least one,
  // 64 a word; null: all may.
  Status choose(const Sampling& sampling, const float* logits, const int32_t* recent, size_t recent_count,
                const uint64_t* allowed, Random* random, int32_t* token);

 private:
  struct Candidate {
    float logit;
    int32_t token;
  };
  size_t keep_allowed(const uint64_t* allowed);
  size_t keep_top(const Sampling& sampling, size_t count) const;
  int32_t draw(const Sampling& sampling, size_t count, Random* random) const;

  size_t vocabulary_ = 0;
  Candidate* candidates_ = nullptr;
};

}  // namespace mica
