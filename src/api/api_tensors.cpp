// C API: reading safetensors files and blocks for comparison with recorded values. Not model files.
#include <iterator>
#include <string>

#include "handles.hpp"
#include "mapped_file.hpp"
#include "matrix.hpp"
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
  return guarded(error, [&] {
    MICA_REQUIRE(path);
    MICA_REQUIRE(tensors);
    auto handle = std::make_unique<mica_tensors>();
    handle->path = path;
    MICA_TRY(MappedFile::map(path, SIZE_MAX, &handle->file));
    MICA_TRY(read_safetensors(handle->file.bytes(), path, &handle->content));
    for (const TensorView& tensor : handle->content.tensors) handle->names.emplace_back(tensor.name);
    for (JsonValue entry : handle->content.metadata) {
      std::string_view text;
      if (entry.as_string(&text)) handle->metadata.emplace_back(entry.key(), text);
    }
    *tensors = handle.release();
    return Status::ok();
  });
}

void mica_tensors_close(mica_tensors* tensors) { delete tensors; }

mica_status mica_tensors_find(const mica_tensors* tensors, const char* name, mica_tensor* tensor, mica_error* error) {
  return guarded(error, [&] {
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
      return Status::ok();
    }
    return Status::error(Code::not_found, "%s: there is no tensor \"%s\"", tensors->path.c_str(), name);
  });
}

const char* mica_tensors_name(const mica_tensors* tensors, size_t index) {
  return tensors && index < tensors->names.size() ? tensors->names[index].c_str() : nullptr;
}

const char* mica_tensors_metadata(const mica_tensors* tensors, const char* key, size_t* bytes) {
  if (tensors == nullptr || key == nullptr) return nullptr;
  for (const auto& [name, text] : tensors->metadata) {
    if (name != key) continue;
    if (bytes != nullptr) *bytes = text.size();
    return text.c_str();
  }
  return nullptr;
}

mica_status mica_blocks_values(uint32_t ggml_type, const void* blocks, size_t bytes, float* values, size_t count,
                               mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(blocks);
    MICA_REQUIRE(values);
    const DTypeLayout* layout =
        std::find_if(std::begin(kDTypeLayouts), std::end(kDTypeLayouts),
                     [&](const DTypeLayout& row) { return row.weights && row.ggml_number == int64_t{ggml_type}; });
    if (layout == std::end(kDTypeLayouts))
      return Status::error(Code::unsupported, "GGUF's type %u is none that mica computes with", ggml_type);
    if (bytes % layout->block_bytes != 0 || count % layout->block_values != 0 ||
        bytes / layout->block_bytes != count / layout->block_values)
      return Status::error(Code::invalid_argument, "%zu bytes of %s are not %zu values", bytes, layout->name, count);
    const simd::Kernels* kernels = nullptr;
    MICA_TRY(kernels_in_use(&kernels));
    widen_row(*kernels, static_cast<DType>(layout - kDTypeLayouts), values, static_cast<const uint8_t*>(blocks), count);
    return Status::ok();
  });
}

mica_status mica_model_values(const mica_model* model, const char* name, float* values, size_t capacity, size_t* count,
                              mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(name);
    MICA_REQUIRE(count);
    const ModelFiles* files = model->model->files.get();
    const TensorView* tensor = files == nullptr ? nullptr : files->find(name);
    if (tensor == nullptr) return Status::error(Code::not_found, "the model has no tensor \"%s\"", name);
    const DTypeLayout& layout = dtype_layout(tensor->dtype);
    if (!layout.weights)
      return Status::error(Code::unsupported, "\"%s\" is stored as %.*s, which has no values by itself", name,
                           static_cast<int>(tensor->type_name.size()), tensor->type_name.data());
    *count = tensor->bytes.size() / layout.block_bytes * layout.block_values;
    if (values == nullptr && capacity == 0) return Status::ok();
    MICA_REQUIRE(values);
    if (*count > capacity)
      return Status::error(Code::limit_exceeded, "%zu values do not fit a buffer of %zu", *count, capacity);
    widen_row(*model->model->kernels, tensor->dtype, values, tensor->bytes.data(), *count);
    return Status::ok();
  });
}

}  // extern "C"
