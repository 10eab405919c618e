// gguf_order: tensors whose numbers stand in GGUF files in another order, or as other numbers, than in Hugging Face's. Not
// which ones, which the families say (models/).
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "gguf.hpp"
#include "gguf_family.hpp"
#include "status.hpp"

namespace mica {

// Bytes and names of tensors that do not stand in a file as they are called here.
struct OwnedTensors {
  std::deque<std::vector<uint8_t>> bytes;
  std::deque<std::string> names;
};

// *tensor as Hugging Face's files have it. Errors: unsupported for blocks of several numbers where single ones move;
// corrupt_file for a shape that the order cannot be of.
Status reorder_gguf_tensor(const GgufFile& file, GgufOrder order, OwnedTensors* owned, TensorView* tensor);

}  // namespace mica
