// PackedWriter: writes one packed model (.mica) tensor by tensor. Not a quantizer: it stores bytes as they come.
#pragma once

#include <string_view>
#include <vector>

#include "safetensors.hpp"

namespace mica {

class PackedWriter {
 public:
  // `documents`: name and text ("config.json", "tokenizer.json", ...), UTF-8; names that begin with "mica." become
  // metadata that ModelFiles::metadata returns, except the three that packed_format.hpp reserves. `tensors`: all that
  // will be appended, in this order, each of a multiple of 64 bytes. Errors: invalid_argument naming the tensor or
  // document; those of SafetensorsWriter.
  Status create(const char* path, const MetadataList& documents, std::vector<TensorDeclaration> tensors);
  // As SafetensorsWriter::append.
  Status append(std::string_view name, Bytes bytes) { return writer_.append(name, bytes); }
  // Writes the checksums and the header; then the file stands under its name.
  Status finish();

 private:
  std::string checksums_json() const;

  SafetensorsWriter writer_;
  std::vector<std::string> names_;  // of the tensors, in the order declared
};

}  // namespace mica
