// Normal values: what tests round and factor. Not what a model has, whose rows lie near fewer dimensions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace mica::test {

inline std::vector<float> normal(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(count);
  for (float& value : values) value = distribution(generator);
  return values;
}

}  // namespace mica::test
