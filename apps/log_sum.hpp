// The log of the sum of exp over a row of logits, by which they become log-probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace app {

inline double log_sum(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

}  // namespace app
