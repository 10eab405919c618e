// PackFloat: pads rows and passes bytes on. Not arithmetic.
#include "pack_float.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "checked.hpp"
#include "packed_writer.hpp"

namespace mica {
namespace {

constexpr size_t kLineBytes = 64;
constexpr const char* kDocuments[] = {"config.json",           "generation_config.json", "preprocessor_config.json",
                                      "processor_config.json", "tokenizer.json",         "tokenizer_config.json",
                                      "chat_template.jinja",   "chat_template.json"};

struct PaddedShape {
  size_t rows;          // product of all dimensions but those of a row
  size_t row_values;    // of one row, as stored
  size_t padded_values; // a multiple of a line
};

// A matrix keeps its first dimension as rows (the kernel of a convolution is one row an output channel); a vector is one
// row.
PaddedShape padded_shape(const TensorView& tensor, size_t value_bytes) {
  PaddedShape shape{.rows = tensor.rank > 1 ? static_cast<size_t>(tensor.shape[0]) : 1, .row_values = 1, .padded_values = 0};
  for (uint32_t i = tensor.rank > 1 ? 1 : 0; i < tensor.rank; ++i) shape.row_values *= static_cast<size_t>(tensor.shape[i]);
  shape.padded_values = round_up(shape.row_values, kLineBytes / value_bytes);
  return shape;
}

Status write_tensor(const TensorView& tensor, PackedWriter* writer) {
  const size_t value_bytes = dtype_layout(tensor.dtype).block_bytes;
  const PaddedShape shape = padded_shape(tensor, value_bytes);
  std::vector<uint8_t> row(shape.padded_values * value_bytes, 0);
  for (size_t i = 0; i < shape.rows; ++i) {
    std::memcpy(row.data(), tensor.bytes.data() + i * shape.row_values * value_bytes, shape.row_values * value_bytes);
    MICA_TRY(writer->append(tensor.name, row));
  }
  return Status::ok();
}

}  // namespace

Status pack_float(const ModelFiles& files, const char* path) {
  MetadataList documents;
  for (const char* name : kDocuments) {
    const Bytes text = files.document(name);
    if (!text.empty()) documents.emplace_back(name, std::string(text.begin(), text.end()));
  }
  std::vector<TensorDeclaration> tensors;
  for (const TensorView& tensor : files.tensors()) {
    const DTypeLayout layout = dtype_layout(tensor.dtype);
    if (layout.block_values != 1)
      return Status::error(Code::unsupported, "%s: tensor \"%.*s\" is stored as %s; a packed file keeps 16 bits or floats",
                           files.path(), static_cast<int>(tensor.name.size()), tensor.name.data(), layout.name);
    const PaddedShape shape = padded_shape(tensor, layout.block_bytes);
    std::vector<uint64_t> stored = {shape.padded_values};
    if (tensor.rank > 1) stored.insert(stored.begin(), shape.rows);
    tensors.push_back({std::string(tensor.name), tensor.dtype, std::move(stored)});
  }
  PackedWriter writer;
  MICA_TRY(writer.create(path, documents, std::move(tensors)));
  for (const TensorView& tensor : files.tensors()) MICA_TRY(write_tensor(tensor, &writer));
  return writer.finish();
}

}  // namespace mica
