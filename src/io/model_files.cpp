// ModelFiles: telling the kinds apart. Not a reader of any of them.
#include "model_files.hpp"

#include "gguf.hpp"
#include "mapped_file.hpp"
#include "model_kinds.hpp"
#include "packed_format.hpp"

namespace mica {

namespace {

Status unknown_kind(Bytes file, const char* path) {
  // Eight bytes of length, then JSON: what every safetensors file begins with.
  if (file.size() > 8 && file[8] == '{') {
    return Status::error(Code::unsupported,
                         "%s is a safetensors file without mica's metadata: name its folder, which has config.json",
                         path);
  }
  return Status::error(Code::corrupt_file,
                       "%s is no model: neither a folder with config.json, nor a .mica file, nor a GGUF file", path);
}

}  // namespace

Status ModelFiles::open(const char* path, std::unique_ptr<ModelFiles>* out) {
  if (is_folder(path)) return open_huggingface_folder(path, out);
  MappedFile file;
  MICA_TRY(MappedFile::map(path, SIZE_MAX, &file));
  if (is_gguf(file.bytes())) return open_gguf_file(std::move(file), path, out);
  if (is_packed(file.bytes())) return open_packed_file(std::move(file), path, out);
  return unknown_kind(file.bytes(), path);
}

Status ModelFiles::open_memory(Bytes bytes, const char* name, std::unique_ptr<ModelFiles>* out) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % kPackedAlignment != 0) {
    return Status::error(Code::invalid_argument, "%s: a model in memory must begin at a multiple of %zu bytes", name,
                         kPackedAlignment);
  }
  if (is_packed(bytes)) return open_packed_memory(bytes, name, out);
  if (is_gguf(bytes)) return open_gguf_memory(bytes, name, out);
  return unknown_kind(bytes, name);
}

Status ModelFiles::verify(const VerifyProgress&) const {
  return Status::error(Code::unsupported, "%s carries no checksums: only packed .mica files can be verified", path());
}

}  // namespace mica
