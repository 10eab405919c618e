// Quantized files: a checkpoint that another program quantized, seen as one with plain weights. Not the layouts
// (quantized_layer.hpp).
#pragma once

#include <memory>

#include "model_files.hpp"
#include "status.hpp"

namespace mica {

// Puts in the place of *files, where config.json names a quantization that mica reads, files with the same documents
// and with STEM.weight for each quantized layer: in blocks where its integers are kept, else in floats. All layers are
// read here. Others: nothing. Errors: those of the config; corrupt_file for tensors that contradict each other;
// out_of_memory.
Status read_quantized(std::unique_ptr<ModelFiles>* files);

}  // namespace mica
