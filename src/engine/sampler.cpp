// Sampler: candidates sorted by logit, cut, and one drawn. Not a chain of plug-ins.
#include "sampler.hpp"

#include <algorithm>
#include <cmath>

namespace mica {

Status check_sampling(const Sampling& s) {
  const auto outside = [](const char* name, const char* bounds) {
    return Status::error(Code::invalid_argument, "%s must be %s", name, bounds);
  };
  if (!(s.temperature >= 0 && s.temperature <= 100)) return outside("temperature", "in [0, 100]");
  if (!(s.top_p >= 0 && s.top_p <= 1)) return outside("top_p", "in [0, 1]");
  if (!(s.min_p >= 0 && s.min_p <= 1)) return outside("min_p", "in [0, 1]");
  if (!(s.repeat_penalty > 0 && s.repeat_penalty <= 100)) return outside("repeat_penalty", "in (0, 100]");
  return Status::ok();
}

void Sampler::plan(size_t vocabulary, Arena* arena) {
  vocabulary_ = vocabulary;
  candidates_ = arena->take<Candidate>(vocabulary);
}

void Random::seed(uint64_t seed) {
  // splitmix64, as the authors of xoshiro advise for seeding.
  for (uint64_t& word : words) {
    seed += 0x9E3779B97F4A7C15u;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    word = z ^ (z >> 31);
  }
}

uint64_t Random::next() {
  const auto rotate = [](uint64_t x, int k) { return x << k | x >> (64 - k); };
  const uint64_t result = rotate(words[1] * 5, 7) * 9;
  const uint64_t t = words[1] << 17;
  words[2] ^= words[0];
  words[3] ^= words[1];
  words[1] ^= words[2];
  words[0] ^= words[3];
  words[2] ^= t;
  words[3] = rotate(words[3], 45);
  return result;
}

Status Sampler::choose(const Sampling& sampling, const float* logits, const int32_t* recent, size_t recent_count,
                       const uint64_t* allowed, Random* random, int32_t* token) {
  for (size_t i = 0; i < vocabulary_; ++i) {
    if (!std::isfinite(logits[i])) return Status::error(Code::internal, "the logit of token %zu is not finite", i);
    candidates_[i] = {logits[i], static_cast<int32_t>(i)};
  }
  if (sampling.repeat_penalty != 1.0f) {
    // Once a token, however often it occurs; the original logit tells whether it was done.
    for (size_t i = 0; i < recent_count; ++i) {
      const auto id = static_cast<size_t>(recent[i]);
      if (id >= vocabulary_ || candidates_[id].logit != logits[id]) continue;
      candidates_[id].logit *= logits[id] > 0 ? 1.0f / sampling.repeat_penalty : sampling.repeat_penalty;
    }
  }
  const size_t total = allowed == nullptr ? vocabulary_ : keep_allowed(allowed);
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
  };
  if (sampling.temperature == 0) {
    *token = std::min_element(candidates_, candidates_ + total, better)->token;
    return Status::ok();
  }
  const size_t count = sampling.top_k == 0 ? total : std::min<size_t>(sampling.top_k, total);
  std::partial_sort(candidates_, candidates_ + count, candidates_ + total, better);
  *token = draw(sampling, keep_top(sampling, count), random);
  return Status::ok();
}

// Moves the candidates of allowed tokens to the front.
size_t Sampler::keep_allowed(const uint64_t* allowed) {
  size_t kept = 0;
  for (size_t i = 0; i < vocabulary_; ++i)
    if (allowed[i / 64] >> i % 64 & 1) candidates_[kept++] = candidates_[i];
  return kept;
}

// How many of the sorted candidates remain after top-p and min-p; at least one.
size_t Sampler::keep_top(const Sampling& sampling, size_t count) const {
  const float top = candidates_[0].logit;
  if (sampling.top_p < 1) {
    double total = 0;
    for (size_t i = 0; i < count; ++i) total += std::exp(static_cast<double>(candidates_[i].logit - top));
    double sum = 0;
    for (size_t i = 0; i < count; ++i) {
      sum += std::exp(static_cast<double>(candidates_[i].logit - top));
      if (sum >= sampling.top_p * total) {
        count = i + 1;
        break;
      }
    }
  }
  if (sampling.min_p > 0) {
    const float least = top + std::log(sampling.min_p);
    while (count > 1 && candidates_[count - 1].logit < least) --count;
  }
  return count;
}

int32_t Sampler::draw(const Sampling& sampling, size_t count, Random* random) const {
  const float top = candidates_[0].logit;
  const auto weight = [&](size_t i) {
    return std::exp(static_cast<double>(candidates_[i].logit - top) / sampling.temperature);
  };
  double total = 0;
  for (size_t i = 0; i < count; ++i) total += weight(i);
  double rest = static_cast<double>(random->next() >> 11) * 0x1p-53 * total;
  for (size_t i = 0; i < count; ++i) {
    rest -= weight(i);
    if (rest < 0) return candidates_[i].token;
  }
  return candidates_[count - 1].token;
}

}  // namespace mica
