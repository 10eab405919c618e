// ModelFiles: telling the kinds apart. Not a reader of any of them.
#include "model_files.hpp"

#include "crc32c.hpp"
#include "foreign_model.hpp"
#include "gguf.hpp"
#include "mapped_file.hpp"
#include "model_kinds.hpp"
#include "packed_format.hpp"

namespace mica {

namespace {

Status no_projector(const char* path) {
  return Status::error(Code::invalid_argument,
                       "%s is no GGUF file: a projector (mmproj) belongs to one, and this model has its tower with it",
                       path);
}

}  // namespace

Status ModelFiles::open(const char* path, std::unique_ptr<ModelFiles>* out, const char* projector) {
  if (is_folder(path)) return projector ? no_projector(path) : open_huggingface_folder(path, out);
  MappedFile file;
  const Status status = MappedFile::map(path, SIZE_MAX, &file);
  if (status.code() == Code::not_found) return missing_model(path, status);
  MICA_TRY(status);
  if (is_gguf(file.bytes())) return open_gguf_file(std::move(file), path, projector, out);
  if (projector) return no_projector(path);
  if (is_packed(file.bytes())) return open_packed_file(std::move(file), path, out);
  return foreign_file(file.bytes(), path);
}

Status ModelFiles::open_memory(Bytes bytes, const char* name, std::unique_ptr<ModelFiles>* out) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % kPackedAlignment != 0) {
    return Status::error(Code::invalid_argument, "%s: a model in memory must begin at a multiple of %zu bytes", name,
                         kPackedAlignment);
  }
  if (is_packed(bytes)) return open_packed_memory(bytes, name, out);
  if (is_gguf(bytes)) return open_gguf_memory(bytes, name, out);
  return foreign_file(bytes, name);
}

Status ModelFiles::verify(const VerifyProgress&) const {
  return Status::error(Code::unsupported, "%s carries no checksums: only packed .mica files can be verified", path());
}

uint32_t ModelFiles::checksum(const TensorView& tensor) const { return crc32c(0, tensor.bytes); }

}  // namespace mica
