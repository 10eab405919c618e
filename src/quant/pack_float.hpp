// PackFloat: a checkpoint as one packed file with its weights as they are, 16-bit or float. Not quantization.
#pragma once

#include <cstdint>
#include <vector>

#include "model_files.hpp"
#include "status.hpp"

namespace mica {

// Writes `path` (.mica: DESIGN 4): every tensor of `files` with its last dimension padded to whole 64-byte lines, and
// the documents that a model is opened with; block types of GGUF become 16-bit floats. kv_visual_bits: what the file
// prefers, of each decoder layer, or empty. Errors: those of writing.
Status pack_float(const ModelFiles& files, const std::vector<uint8_t>& kv_visual_bits, const char* path);

}  // namespace mica
