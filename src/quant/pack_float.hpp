// PackFloat: a checkpoint as one packed file with its weights as they are, 16-bit or float. Not quantization.
#pragma once

#include "model_files.hpp"
#include "packed_notes.hpp"
#include "status.hpp"

namespace mica {

// Writes `path` (.mica: DESIGN 4): every tensor of `files` with its last dimension padded to whole 64-byte lines, and
// the documents that a model is opened with; block types of GGUF become 16-bit floats. Errors: those of writing.
Status pack_float(const ModelFiles& files, const PackedNotes& notes, const char* path);

}  // namespace mica
