// PositionTable: which entries of an axis a place lies between, with their weights, by rule. A table's two axes are
// alike, and the weight of an entry is the product of both.
#include "position_table.hpp"

#include <algorithm>
#include <cmath>

#include "limits.hpp"

namespace mica {
namespace {

constexpr size_t kSharesMax = limits::kPositionSideMax;

struct AxisShares {
  size_t count = 0;
  uint32_t index[kSharesMax];
  float weight[kSharesMax];

  void add(uint32_t at, float share) {
    index[count] = at;
    weight[count++] = share;
  }
};

// How a kernel of convolution interpolates (Keys 1981), a = -0.75 as torch has it.
float cubic_weight(float distance) {
  constexpr float a = -0.75f;
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
}

// How many bounds between the entries of an axis a place has passed, both as floats are rounded (torch.bucketize).
uint32_t bucket_of(uint32_t at, uint32_t size, uint32_t side) {
  const float place = static_cast<float>(at) * (1.0f / static_cast<float>(size));
  const auto bound = [side](uint32_t i) { return static_cast<float>(static_cast<double>(i + 1) / side); };
  auto bucket = static_cast<uint32_t>(static_cast<double>(at) * side / size);
  while (bucket + 1 < side && bound(bucket) <= place) ++bucket;
  while (bucket > 0 && bound(bucket - 1) > place) --bucket;
  return bucket;
}

AxisShares antialiased_shares(uint32_t at, uint32_t size, uint32_t side) {
  const float scale = static_cast<float>(side) / static_cast<float>(size), reach = std::max(scale, 1.0f);
  const float center = (static_cast<float>(at) + 0.5f) * scale - 0.5f;
  AxisShares shares;
  float sum = 0;
  for (uint32_t entry = 0; entry < side; ++entry) {
    const float weight = 1 - std::fabs(static_cast<float>(entry) - center) / reach;
    if (weight <= 0) continue;
    shares.add(entry, weight);
    sum += weight;
  }
  for (size_t i = 0; i < shares.count; ++i) shares.weight[i] /= sum;
  return shares;
}

// The place `at` of `size` on an axis of `side` entries. Beyond the ends entries are the last ones.
AxisShares shares_of(PositionRule rule, uint32_t at, uint32_t size, uint32_t side) {
  if (rule == PositionRule::bilinear_antialiased) return antialiased_shares(at, size, side);
  const bool cubic = rule == PositionRule::bicubic_centers;
  const bool corners = rule == PositionRule::bilinear_corners;
  const auto index = static_cast<float>(at), entries = static_cast<float>(side), places = static_cast<float>(size);
  const float source =
      corners ? index * (entries - 1) / std::max(places - 1, 1.0f) : (index + 0.5f) * entries / places - 0.5f;
  const float floor = std::floor(source);
  AxisShares shares;
  if (rule == PositionRule::buckets) {
    shares.add(bucket_of(at, size, side), 1);
    return shares;
  }
  for (int offset = cubic ? -1 : 0; offset <= (cubic ? 2 : 1); ++offset) {
    const float distance = std::fabs(source - floor - static_cast<float>(offset));
    const float entry = floor + static_cast<float>(offset);
    const float weight = cubic ? cubic_weight(distance) : std::max(1 - distance, 0.0f);
    shares.add(static_cast<uint32_t>(std::clamp(entry, 0.0f, entries - 1)), weight);
  }
  return shares;
}

void add_scaled(float scale, const float* from, float* to, size_t width) {
  for (size_t i = 0; i < width; ++i) to[i] += scale * from[i];
}

}  // namespace

void add_positions(const Compute& compute, PositionRule rule, const float* table, uint32_t side, const PatchOrder& order,
                   float* rows, size_t width) {
  for_rows(compute, order.count(), [&](size_t i) {
    const PatchPlace place = order.place(i);
    const AxisShares down = shares_of(rule, place.row, order.rows, side);
    const AxisShares across = shares_of(rule, place.column, order.columns, side);
    for (size_t y = 0; y < down.count; ++y)
      for (size_t x = 0; x < across.count; ++x)
        add_scaled(down.weight[y] * across.weight[x], table + (size_t{down.index[y]} * side + across.index[x]) * width,
                   rows + i * width, width);
  });
}

void add_axes(const Compute& compute, const float* table, const VisionSpec& vision, const PatchOrder& order,
              float* rows, size_t width) {
  const size_t place_stride = vision.axes_by_place ? 2 : 1;
  const size_t axis_stride = vision.axes_by_place ? 1 : vision.position_count;
  for_rows(compute, order.count(), [&](size_t i) {
    const PatchPlace place = order.place(i);
    add_scaled(1, table + place.column * place_stride * width, rows + i * width, width);
    add_scaled(1, table + (axis_stride + place.row * place_stride) * width, rows + i * width, width);
  });
}

}  // namespace mica
