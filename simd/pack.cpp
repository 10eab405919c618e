// Packing to panels and back, for every processor. Not fast: bound by one pass over the weights.
#include "pack.hpp"

#include <cstring>

#include "files_of_weight_formats.hpp"

namespace mica::simd {

namespace {

struct Packing {
  size_t block_inputs, block_bytes, pair_distance;
  size_t (*header)(size_t inputs);
  void (*pack)(uint8_t* panels, const PanelCodes& codes, size_t inputs, size_t channels);
  void (*unpack)(int16_t* weights, const uint8_t* panel, const int8_t* levels, size_t inputs, size_t channel,
                 size_t first, size_t count);
};

template <PanelFormat kFormat>
constexpr size_t pair_distance() {
  if constexpr (requires { PanelLayout<kFormat>::kPairDistance; }) return PanelLayout<kFormat>::kPairDistance;
  else return 0;
}

// Where a value, or a pair of values, stands among the levels; 0 when it does not.
size_t index_of(const int8_t* levels, size_t count, int value) {
  for (size_t i = 0; i < count; ++i)
    if (levels[i] == value) return i;
  return 0;
}
// Where the second one is of padding, only the first one counts.
size_t index_of_pair(const int8_t* levels, size_t count, const int8_t* first, const int8_t* second, bool both) {
  for (size_t i = 0; i < count / 2; ++i)
    if (levels[i] == *first && (levels[count / 2 + i] == *second || !both)) return i;
  return 0;
}

// The weights of a channel in one block; the first `inside` of them are no padding.
template <PanelFormat kFormat>
void pack_block(uint8_t* block, size_t channel, const int8_t* values, [[maybe_unused]] size_t inside,
                [[maybe_unused]] const int8_t* levels) {
  using Layout = PanelLayout<kFormat>;
  constexpr size_t kLevels = kFactsOf<kFormat>.levels, kDistance = pair_distance<kFormat>();
  for (size_t i = 0; i < Layout::kBlockInputs; ++i)
    if constexpr (vector_inputs<kFormat>() > 1) {
      if (i % vector_inputs<kFormat>() == 0) Layout::put_vector(block, channel, i, values + i);
    } else if constexpr (kLevels == 0) {
      Layout::put(block, channel, i, values[i]);
    } else if constexpr (kDistance == 0) {
      Layout::put(block, channel, i, index_of(levels, kLevels, values[i]));
    } else if (i / kDistance % 2 == 0) {
      Layout::put(block, channel, i,
                  index_of_pair(levels, kLevels, values + i, values + i + kDistance, i + kDistance < inside));
    }
}

template <PanelFormat kFormat>
void pack(uint8_t* panels, const PanelCodes& codes, size_t inputs, size_t channels) {
  using Layout = PanelLayout<kFormat>;
  static_assert(kInputPadding % Layout::kBlockInputs == 0);
  const size_t header = header_bytes<kFormat>(inputs);
  const size_t bytes = header + padded_inputs(inputs) / Layout::kBlockInputs * block_bytes<kFormat>();
  const size_t groups = group_count(kFormat, inputs);
  std::memset(panels, 0, panel_count(channels) * bytes);
  for (size_t channel = 0; channel < panel_count(channels) * kPanelChannels; ++channel) {
    uint8_t* panel = panels + channel / kPanelChannels * bytes;
    const size_t c = channel % kPanelChannels;
    for (size_t group = 0; group < groups && channel < channels; ++group)
      panel[group * kGroupBytes + c % 8] |=
          static_cast<uint8_t>(codes.multipliers[channel * groups + group] << c / 8 * 4);
    uint8_t* block = panel + header;
    for (size_t input = 0; input < padded_inputs(inputs); input += Layout::kBlockInputs) {
      int8_t values[Layout::kBlockInputs] = {};
      const size_t left = channel < channels && input < inputs ? inputs - input : 0;
      const size_t inside = left < Layout::kBlockInputs ? left : Layout::kBlockInputs;
      for (size_t i = 0; i < inside; ++i) values[i] = codes.weights[channel * codes.stride + input + i];
      pack_block<kFormat>(block, c, values, inside, codes.levels);
      block += block_bytes<kFormat>();
    }
  }
}

template <PanelFormat kFormat>
void unpack(int16_t* weights, const uint8_t* panel, const int8_t* levels, size_t inputs, size_t channel, size_t first,
            size_t count) {
  constexpr size_t kInputs = PanelLayout<kFormat>::kBlockInputs, kGroup = kFactsOf<kFormat>.group;
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* block =
        panel + header_bytes<kFormat>(inputs) + (first + i) / kInputs * block_bytes<kFormat>();
    int weight = weight_at<kFormat>(block, channel, (first + i) % kInputs, levels);
    if constexpr (kGroup > 0) weight *= multiplier_at(panel + (first + i) / kGroup * kGroupBytes, channel);
    weights[i] = static_cast<int16_t>(weight);
  }
}

constexpr Packing kPackings[] = {
#define MICA_WEIGHT_FORMAT(format, ...)                                                                        \
  {PanelLayout<PanelFormat::format>::kBlockInputs, block_bytes<PanelFormat::format>(),                         \
   pair_distance<PanelFormat::format>(),           header_bytes<PanelFormat::format>,                          \
   pack<PanelFormat::format>,                      unpack<PanelFormat::format>},
#include "weight_formats.inc"
};

const Packing& packing_of(PanelFormat format) { return kPackings[static_cast<size_t>(format)]; }

}  // namespace

size_t panel_bytes(PanelFormat format, size_t inputs) {
  const Packing& packing = packing_of(format);
  return packing.header(inputs) + padded_inputs(inputs) / packing.block_inputs * packing.block_bytes;
}

size_t panels_bytes(PanelFormat format, size_t inputs, size_t channels) {
  return panel_count(channels) * panel_bytes(format, inputs);
}

void pack_panels(PanelFormat format, uint8_t* panels, const PanelCodes& codes, size_t inputs, size_t channels) {
  packing_of(format).pack(panels, codes, inputs, channels);
}

void unpack_channel(PanelFormat format, int16_t* weights, const PanelMatrix& matrix, size_t channel, size_t first,
                    size_t count) {
  const uint8_t* panel = matrix.panels + channel / kPanelChannels * panel_bytes(format, matrix.inputs);
  packing_of(format).unpack(weights, panel, matrix.levels, matrix.inputs, channel % kPanelChannels, first, count);
}

size_t pair_of(PanelFormat format, size_t input) {
  const size_t distance = packing_of(format).pair_distance;
  if (distance == 0) return input;
  return input / distance % 2 == 0 ? input + distance : input - distance;
}

}  // namespace mica::simd
