// C API: reading safetensors files for comparison with recorded values. Not model files.
#include <new>
#include <string>

#include "handles.hpp"
#include "mapped_file.hpp"
#include "safetensors.hpp"

using namespace mica;

struct mica_tensors {
  std::string path;
  MappedFile file;
  Safetensors content;
  std::vector<std::string> names;                                 // with final zeros
  std::vector<std::pair<std::string, std::string>> metadata;
};

extern "C" {

mica_status mica_tensors_open(const char* path, mica_tensors** tensors, mica_error* error) {
  MICA_REQUIRE(path);
  MICA_REQUIRE(tensors);
  std::unique_ptr<mica_tensors> handle(new (std::nothrow) mica_tensors);
  if (!handle) return report(Status::error(Code::out_of_memory, "no memory for a file of tensors"), error);
  handle->path = path;
  Status status = MappedFile::map(path, SIZE_MAX, &handle->file);
  if (status) status = read_safetensors(handle->file.bytes(), path, &handle->content);
  if (!status) return report(status, error);
  for (const TensorView& tensor : handle->content.tensors) handle->names.emplace_back(tensor.name);
  for (JsonValue entry : handle->content.metadata) {
    std::string_view text;
    if (entry.as_string(&text)) handle->metadata.emplace_back(entry.key(), text);
  }
  *tensors = handle.release();
  return MICA_OK;
}

void mica_tensors_close(mica_tensors* tensors) { delete tensors; }

mica_status mica_tensors_find(const mica_tensors* tensors, const char* name, mica_tensor* tensor, mica_error* error) {
  MICA_REQUIRE(tensors);
  MICA_REQUIRE(name);
  MICA_REQUIRE(tensor);
  for (const TensorView& view : tensors->content.tensors) {
    if (view.name != name) continue;
    *tensor = {.dtype = dtype_layout(view.dtype).name,
               .rank = view.rank,
               .shape = {},
               .data = view.bytes.data(),
               .bytes = view.bytes.size()};
    for (uint32_t i = 0; i < view.rank; ++i) tensor->shape[i] = view.shape[i];
    return MICA_OK;
  }
  return report(Status::error(Code::not_found, "%s: there is no tensor \"%s\"", tensors->path.c_str(), name), error);
}

const char* mica_tensors_name(const mica_tensors* tensors, size_t index) {
  return index < tensors->names.size() ? tensors->names[index].c_str() : nullptr;
}

const char* mica_tensors_metadata(const mica_tensors* tensors, const char* key, size_t* bytes) {
  for (const auto& [name, text] : tensors->metadata) {
    if (name != key) continue;
    if (bytes != nullptr) *bytes = text.size();
    return text.c_str();
  }
  return nullptr;
}

}  // extern "C"
