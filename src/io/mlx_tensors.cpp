// mlx_tensors: moving channels.
#include "mlx_tensors.hpp"

#include <cstring>

#include "dtype.hpp"

namespace mica {
namespace {

// Some files keep their first convolution as it was published.
bool has_channels_first(const TensorView& tensor) {
  constexpr uint64_t kColors = 3;
  return tensor.shape[1] == kColors && tensor.shape[tensor.rank - 1] != kColors;
}

// [rows, places..., channels] as [rows, channels, places...].
void move_channels(TensorView* tensor, Safetensors* file) {
  const size_t rows = tensor->shape[0], channels = tensor->shape[tensor->rank - 1];
  const size_t count = tensor->bytes.size() / dtype_layout(tensor->dtype).block_bytes;
  if (count == 0) return;
  const size_t value_bytes = tensor->bytes.size() / count, places = count / rows / channels;
  uint8_t* moved = file->copies.emplace_back(new uint8_t[tensor->bytes.size()]).get();
  uint8_t* out = moved;
  for (size_t row = 0; row < rows; ++row)
    for (size_t channel = 0; channel < channels; ++channel)
      for (size_t place = 0; place < places; ++place, out += value_bytes)
        std::memcpy(out, tensor->bytes.data() + ((row * places + place) * channels + channel) * value_bytes,
                    value_bytes);
  tensor->bytes = {moved, tensor->bytes.size()};
  for (uint32_t axis = tensor->rank - 1; axis > 1; --axis) tensor->shape[axis] = tensor->shape[axis - 1];
  tensor->shape[1] = channels;
}

}  // namespace

std::string_view safetensors_format(const Safetensors& file) {
  std::string_view format;
  return file.metadata.is_object() && file.metadata.find("format").as_string(&format) ? format : std::string_view();
}

void put_channels_first(Safetensors* file) {
  if (safetensors_format(*file) != "mlx") return;
  for (TensorView& tensor : file->tensors)
    if (tensor.rank >= 4 && tensor.dtype != DType::other && !has_channels_first(tensor)) move_channels(&tensor, file);
}

}  // namespace mica
