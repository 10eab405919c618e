// PackFloat: every tensor of a checkpoint, copied. Not arithmetic.
#include "pack_float.hpp"

#include "packed_tensors.hpp"

namespace mica {

Status pack_float(const ModelFiles& files, const char* path) {
  PackedTensors tensors;
  for (const TensorView& tensor : files.tensors()) tensors.add_copy(tensor);
  return tensors.write(path, model_documents(files));
}

}  // namespace mica
