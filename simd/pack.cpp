// Packing to panels and back, for every processor. Not fast: bound by one pass over the weights.
#include "pack.hpp"

namespace mica::simd {

namespace {

// Where the weight of (channel, input) lies in a matrix of nibbles.
struct NibblePlace {
  size_t byte;
  int shift;
};

NibblePlace u4_place(size_t inputs, size_t channel, size_t input) {
  const size_t block = input / 8;
  const size_t in_block = input % 8;
  return {channel / kPanelChannels * u4_panel_bytes(inputs) + block * 64 + channel % kPanelChannels * 4 + in_block % 4,
          in_block < 4 ? 0 : 4};
}

size_t s8_place(size_t inputs, size_t channel, size_t input) {
  return channel / kPanelChannels * s8_panel_bytes(inputs) + input / 4 * 64 + channel % kPanelChannels * 4 + input % 4;
}

}  // namespace

void pack_u4(uint8_t* panels, const int8_t* weights, size_t stride, size_t inputs, size_t channels) {
  const size_t bytes = u4_bytes(inputs, channels);
  for (size_t i = 0; i < bytes; ++i) panels[i] = 0x88;  // two zero weights
  for (size_t channel = 0; channel < channels; ++channel)
    for (size_t input = 0; input < inputs; ++input) {
      const NibblePlace place = u4_place(inputs, channel, input);
      const unsigned nibble = static_cast<unsigned>(weights[channel * stride + input] + 8) & 15u;
      panels[place.byte] =
          static_cast<uint8_t>((panels[place.byte] & ~(15u << place.shift)) | (nibble << place.shift));
    }
}

void pack_s8(uint8_t* panels, const int8_t* weights, size_t stride, size_t inputs, size_t channels) {
  const size_t bytes = s8_bytes(inputs, channels);
  for (size_t i = 0; i < bytes; ++i) panels[i] = 0;
  for (size_t channel = 0; channel < channels; ++channel)
    for (size_t input = 0; input < inputs; ++input)
      panels[s8_place(inputs, channel, input)] = static_cast<uint8_t>(weights[channel * stride + input]);
}

void unpack_u4(int8_t* weights, size_t stride, const uint8_t* panels, size_t inputs, size_t channels) {
  for (size_t channel = 0; channel < channels; ++channel)
    for (size_t input = 0; input < inputs; ++input) {
      const NibblePlace place = u4_place(inputs, channel, input);
      weights[channel * stride + input] = static_cast<int8_t>(((panels[place.byte] >> place.shift) & 15) - 8);
    }
}

void unpack_s8(int8_t* weights, size_t stride, const uint8_t* panels, size_t inputs, size_t channels) {
  for (size_t channel = 0; channel < channels; ++channel)
    for (size_t input = 0; input < inputs; ++input)
      weights[channel * stride + input] = static_cast<int8_t>(panels[s8_place(inputs, channel, input)]);
}

}  // namespace mica::simd
