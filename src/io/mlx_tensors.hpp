// mlx_tensors: safetensors that MLX wrote, whose convolutions have their channels last. Not its quantization, which
// config.json names (src/engine).
#pragma once

#include <memory>
#include <vector>

#include "safetensors.hpp"

namespace mica {

// What __metadata__ calls the program that a file is for; empty where it says nothing.
std::string_view safetensors_format(const Safetensors& file);

// Where MLX wrote the file, its convolutions over two axes or three get their channels first, as everybody else stores
// them; their bytes are put into file->copies.
void put_channels_first(Safetensors* file);

}  // namespace mica
