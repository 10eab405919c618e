// PackedTensors: what will stand in a packed file: tensors copied from a checkpoint, and new ones. Not the container
// (io/packed_writer.hpp) and not where new ones come from.
#pragma once

#include <string>
#include <vector>

#include "matrix.hpp"
#include "model_files.hpp"
#include "own_bytes.hpp"
#include "safetensors.hpp"
#include "status.hpp"
#include "weight_tags.hpp"

namespace mica {

class PackedTensors {
 public:
  // A tensor as it is stored, its rows padded to whole 64-byte lines; GGUF's block types become 16-bit floats. The
  // bytes are read when the file is written.
  void add_copy(const TensorView& tensor);
  // `bytes`: a multiple of 64, kept by the caller until the file is written.
  void add(std::string name, DType dtype, std::vector<uint64_t> shape, Bytes bytes);
  // The panels of a matrix, under "<name>.weight" and with its tag.
  void add_panels(const std::string& name, WeightFormat format, std::vector<uint64_t> shape, Bytes bytes);
  // A matrix in 16-bit floats, or in 32 bits where a value is beyond those, with its bias and its tag: as it is in the
  // space of the static format. `out` is what a loader makes of it, and with the bytes lives in `memory`.
  Status add_matrix(const std::string& name, const Matrix& source, OwnedBytes* memory, Matrix* out);
  // A vector of floats, copied and padded.
  Status add_floats(std::string name, const float* values, size_t count);

  // `documents` are taken over; the tags of the panels are added.
  Status write(const char* path, MetadataList documents) const;

 private:
  struct Entry {
    TensorDeclaration declaration;
    Bytes bytes;                  // of a new tensor
    TensorView copied;            // of a checkpoint's; empty name: a new tensor
  };
  std::vector<Entry> entries_;
  WeightTags tags_;
  OwnedBytes owned_;
};

}  // namespace mica
