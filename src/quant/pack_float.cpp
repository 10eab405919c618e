// PackFloat: every tensor of a checkpoint, copied. Not arithmetic.
#include "pack_float.hpp"

#include "kv_preference.hpp"
#include "packed_documents.hpp"
#include "packed_tensors.hpp"

namespace mica {

Status pack_float(const ModelFiles& files, const std::vector<uint8_t>& kv_visual_bits, const char* path) {
  MetadataList documents;
  MICA_TRY(packed_documents(files, &documents));
  add_kv_preference(kv_visual_bits, &documents);
  PackedTensors tensors;
  for (const TensorView& tensor : files.tensors()) tensors.add_copy(tensor);
  return tensors.write(path, documents);
}

}  // namespace mica
