// PackFloat: every tensor of a checkpoint, copied. Not arithmetic.
#include "pack_float.hpp"

#include "guard.hpp"
#include "packed_documents.hpp"
#include "packed_tensors.hpp"

namespace mica {

Status pack_float(const ModelFiles& files, const PackedNotes& notes, const char* path) {
  return guarded([&] {
    MetadataList documents;
    MICA_TRY(packed_documents(files, &documents));
    add_notes(notes, &documents);
    PackedTensors tensors;
    for (const TensorView& tensor : files.tensors()) tensors.add_copy(tensor);
    return tensors.write(path, documents);
  });
}

}  // namespace mica
