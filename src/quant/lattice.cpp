// Lattice: patterns with the same magnitudes in any order are compared by their best order alone, so that few are looked
// at one by one.
#include "lattice.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iterator>

namespace mica {
namespace {

constexpr size_t kColumns = kLatticeColumns;
// Of moves of LatticeMetric::nearest from either start: most end after two or three.
constexpr int kMoves = 8;

// Magnitudes by falling size, and whence they are.
struct Sorted {
  float size[kColumns];
  uint32_t place[kColumns];
};

// By a network (Batcher's), as integers, which floats without a sign are ordered like: with the place for their last three
// bits, there is nothing to branch on.
Sorted sorted(const float* values) {
  constexpr uint32_t kPlaceBits = 7;
  constexpr uint8_t kNetwork[][2] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}, {1, 3}, {4, 6}, {5, 7}, {1, 2}, {5, 6},
                                     {0, 4}, {1, 5}, {2, 6}, {3, 7}, {2, 4}, {3, 5}, {1, 2}, {3, 4}, {5, 6}};
  uint32_t keys[kColumns];
  for (uint32_t i = 0; i < kColumns; ++i) keys[i] = (std::bit_cast<uint32_t>(std::fabs(values[i])) & ~kPlaceBits) | i;
#pragma GCC unroll 19
  for (const auto& pair : kNetwork) {
    const uint32_t one = keys[pair[0]], other = keys[pair[1]];
    keys[pair[0]] = std::max(one, other);
    keys[pair[1]] = std::min(one, other);
  }
  Sorted out;
  for (size_t i = 0; i < kColumns; ++i) {
    out.place[i] = keys[i] & kPlaceBits;
    out.size[i] = std::bit_cast<float>(keys[i] & ~kPlaceBits);
  }
  return out;
}

// A pattern: twice its product with the magnitudes less its own square, which falls with their distance.
struct Pattern {
  float score;
  int magnitudes[kColumns];  // by the values' places
  bool odd;                  // one of the values gets another sign than its own ...
  size_t flipped;            // ... this one
};

// `threes` and perhaps a five go to the largest, as all orders of these magnitudes are there. With the wrong number of
// signs the smallest of those with a 1 changes its own, which costs least.
struct Shape {
  int threes;
  bool five;
  int square() const { return static_cast<int>(kColumns) + 8 * threes + (five ? 24 : 0); }
};

// Half the sum of the signed magnitudes is to be even; each sign, each three and a five for a one change it by 1 or 2.
bool is_odd(int threes, int negative) { return (threes + negative) % 2 != 0; }

Pattern best_order(const Sorted& values, float sum, int negative) {
  constexpr Shape kShapes[] = {{0, false}, {1, false}, {2, false}, {3, false}, {4, false}, {0, true}, {1, true}};
  Pattern best{.score = -INFINITY, .magnitudes = {}, .odd = false, .flipped = values.place[kColumns - 1]};
  const float flip = 4 * values.size[kColumns - 1];
  float first_sums[6] = {};  // of so many of the largest
  for (size_t i = 0; i + 1 < std::size(first_sums); ++i) first_sums[i + 1] = first_sums[i] + values.size[i];
  Shape shape{};
  for (const Shape& one : kShapes) {
    const bool odd = is_odd(one.threes, negative);
    const float more = one.five ? 2 * (first_sums[one.threes + 1] + first_sums[1]) : 2 * first_sums[one.threes];
    const float score = 2 * (sum + more) - static_cast<float>(one.square()) - (odd ? flip : 0);
    if (score <= best.score) continue;
    best.score = score;
    best.odd = odd;
    shape = one;
  }
  const int first = shape.five ? 1 : 0;
  for (int i = 0; i < static_cast<int>(kColumns); ++i)
    best.magnitudes[values.place[i]] = i < first ? 5 : i < first + shape.threes ? 3 : 1;
  return best;
}

constexpr int kSquaresMost = 40;  // of all patterns but ...
constexpr int kFiveThrees = 48;   // ... five 3 and three 1, where the places of these allow it
bool allows_five_threes(size_t places_of_ones) { return places_of_ones % 2 == 0 || places_of_ones == 0 + 1 + 2; }

// The 29 patterns with five 3, of which not all orders are there: `ones` are the places of the others.
void try_five_threes(const float* values, float sum, int negative, Pattern* best) {
  const bool odd = is_odd(5, negative);
  for (size_t a = 0; a < kColumns; ++a)
    for (size_t b = a + 1; b < kColumns; ++b)
      for (size_t c = b + 1; c < kColumns; ++c) {
        if (!allows_five_threes(a + b + c)) continue;
        float score =
            2 * (3 * sum - 2 * (std::fabs(values[a]) + std::fabs(values[b]) + std::fabs(values[c]))) - kFiveThrees;
        if (score <= best->score) continue;
        size_t flipped = 0;
        float loss = INFINITY;
        for (size_t i = 0; odd && i < kColumns; ++i) {
          const float here = std::fabs(values[i]) * (i == a || i == b || i == c ? 4.0f : 12.0f);
          if (here >= loss) continue;
          loss = here;
          flipped = i;
        }
        if (odd) score -= loss;
        if (score <= best->score) continue;
        best->score = score;
        best->odd = odd;
        best->flipped = flipped;
        for (size_t i = 0; i < kColumns; ++i) best->magnitudes[i] = i == a || i == b || i == c ? 1 : 3;
      }
}

// Of the vectors with one shift, of values without it, in units of a half.
Pattern nearest_pattern(const float* values) {
  const Sorted by_size = sorted(values);
  float sum = 0;
  int negative = 0;
  for (size_t i = 0; i < kColumns; ++i) {
    sum += by_size.size[i];
    negative += values[i] < 0;
  }
  Pattern best = best_order(by_size, sum, negative);
  const float* size = by_size.size;
  if (2 * (3 * sum - 2 * (size[5] + size[6] + size[7])) - kFiveThrees > best.score)
    try_five_threes(values, sum, negative, &best);
  return best;
}

// The nearest vector of one shift; returns the square of its distance.
float nearest_of_shift(const float* values, int shift, int* codes) {
  float halves[kColumns], own = 0;
  for (size_t i = 0; i < kColumns; ++i) {
    halves[i] = (values[i] - static_cast<float>(shift)) / 2;
    own += halves[i] * halves[i];
  }
  const Pattern best = nearest_pattern(halves);
  for (size_t i = 0; i < kColumns; ++i) {
    const bool negative = (halves[i] < 0) != (best.odd && i == best.flipped);
    codes[i] = (negative ? -2 : 2) * best.magnitudes[i] + shift;
  }
  return 4 * (own - best.score);
}

// Whether the magnitudes of a vector, halves of its codes without their shift, are a pattern.
bool is_pattern(const int* halves) {
  int squares = 0;
  size_t places_of_ones = 0;
  bool fives = false;
  for (size_t i = 0; i < kColumns; ++i) {
    const int magnitude = std::abs(halves[i]);
    squares += magnitude * magnitude;
    places_of_ones += magnitude == 1 ? i : 0;
    fives = fives || magnitude == 5;
  }
  return squares <= kSquaresMost || (squares == kFiveThrees && !fives && allows_five_threes(places_of_ones));
}

// A vector on its way to others of the same shift by the shortest steps that there are: two of its codes by 4, or one by 8.
class Walk {
 public:
  Walk(const float* form, const float* values, int shift) : form_(form), shift_(static_cast<float>(shift)) {
    int codes[kColumns];
    nearest_of_shift(values, shift, codes);
    for (size_t i = 0; i < kColumns; ++i) halves_[i] = (codes[i] - shift) / 2;
    for (size_t k = 0; k < kColumns; ++k)
      for (size_t i = 0; i < kColumns; ++i)
        rest_[i] += form_[k * kColumns + i] * (values[k] - static_cast<float>(codes[k]));
  }

  // The step that gains most; false when none gains anything.
  bool step() {
    float gains[2 * kColumns];  // of a code by 4 up or down, alone
    for (size_t i = 0; i < 2 * kColumns; ++i)
      gains[i] = 8 * (i % 2 == 0 ? rest_[i / 2] : -rest_[i / 2]) - 16 * form_[i / 2 * kColumns + i / 2];
    Step best{.a = 0, .b = 0, .by_a = 0, .by_b = 0, .gain = 0};
    for (size_t a = 0; a < 2 * kColumns; ++a)
      for (size_t b = a; b < 2 * kColumns; ++b) {
        if (a / 2 == b / 2 && a != b) continue;
        const float both = form_[a / 2 * kColumns + b / 2];
        const float gain = gains[a] + gains[b] + (a % 2 == b % 2 ? -32 : 32) * both;
        if (gain > best.gain && may_step(a, b)) best = {a / 2, b / 2, a % 2 == 0 ? 2 : -2, b % 2 == 0 ? 2 : -2, gain};
      }
    if (best.by_a == 0) return false;
    move(best.a, best.by_a);
    move(best.b, best.by_b);
    return true;
  }
  float code(size_t place) const { return 2 * static_cast<float>(halves_[place]) + shift_; }

 private:
  struct Step {
    size_t a, b;
    int by_a, by_b;
    float gain;
  };
  bool may_step(size_t a, size_t b) const {
    int halves[kColumns];
    std::copy_n(halves_, kColumns, halves);
    halves[a / 2] += a % 2 == 0 ? 2 : -2;
    halves[b / 2] += b % 2 == 0 ? 2 : -2;
    return std::abs(halves[a / 2]) <= 5 && std::abs(halves[b / 2]) <= 5 && is_pattern(halves);
  }
  void move(size_t place, int by) {
    halves_[place] += by;
    for (size_t i = 0; i < kColumns; ++i) rest_[i] -= 2 * static_cast<float>(by) * form_[place * kColumns + i];
  }

  const float* form_;
  float shift_;
  int halves_[kColumns];
  float rest_[kColumns] = {};  // the form's product with what is left of the values
};

}  // namespace

float nearest_vector(const float* values, float* codes) {
  float least = INFINITY;
  for (const int shift : {1, -1}) {
    int found[kColumns];
    const float distance = nearest_of_shift(values, shift, found);
    if (distance >= least && shift < 0) continue;
    least = distance;
    for (size_t i = 0; i < kColumns; ++i) codes[i] = static_cast<float>(found[i]);
  }
  return least;
}

void LatticeMetric::make(const float* form) { std::copy_n(form, kColumns * kColumns, form_); }

float LatticeMetric::distance(const float* values, const float* codes) const {
  float difference[kColumns], along[kColumns] = {}, sum = 0;
  for (size_t i = 0; i < kColumns; ++i) difference[i] = values[i] - codes[i];
  for (size_t k = 0; k < kColumns; ++k)
    for (size_t i = 0; i < kColumns; ++i) along[i] += form_[k * kColumns + i] * difference[k];
  for (size_t i = 0; i < kColumns; ++i) sum += along[i] * difference[i];
  return sum;
}

float LatticeMetric::nearest(const float* values, float* codes) const {
  float least = INFINITY;
  for (const int shift : {1, -1}) {
    Walk walk(form_, values, shift);
    for (int i = 0; i < kMoves && walk.step(); ++i) {
    }
    float found[kColumns];
    for (size_t i = 0; i < kColumns; ++i) found[i] = walk.code(i);
    const float here = distance(values, found);
    if (here >= least && shift < 0) continue;
    least = here;
    std::copy_n(found, kColumns, codes);
  }
  return least;
}

}  // namespace mica
