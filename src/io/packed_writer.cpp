// PackedWriter: metadata and checksums around a SafetensorsWriter. The format is described in packed_format.hpp.
#include "packed_writer.hpp"

#include <utility>

#include "json_text.hpp"
#include "packed_format.hpp"
#include "tensor_table.hpp"

namespace mica {

namespace {

Status check_whole_lines(const TensorDeclaration& tensor, const char* path) {
  size_t bytes = 0;
  if (tensor_bytes(tensor.dtype, tensor.shape, &bytes) && bytes % kPackedAlignment == 0) return Status::ok();
  return Status::error(Code::invalid_argument, "%s: tensor %s must have a multiple of %zu bytes: pad its shape", path,
                       tensor.name.c_str(), kPackedAlignment);
}

Status check_document_name(std::string_view name, const char* path) {
  if (name != kPackedFormatKey && name != kPackedHeaderChecksumKey && name != kPackedTensorChecksumsKey) {
    return Status::ok();
  }
  return Status::error(Code::invalid_argument, "%s: the name %.*s is reserved", path, static_cast<int>(name.size()),
                       name.data());
}

}  // namespace

std::string PackedWriter::checksums_json() const {
  std::string json = "{";
  for (size_t i = 0; i < names_.size(); ++i) {
    if (i > 0) json += ',';
    append_json_string(names_[i], &json);
    json += ":\"" + checksum_text(writer_.checksums().empty() ? 0 : writer_.checksums()[i]) + "\"";
  }
  return json + "}";
}

Status PackedWriter::create(const char* path, const MetadataList& documents, std::vector<TensorDeclaration> tensors) {
  for (const TensorDeclaration& tensor : tensors) {
    MICA_TRY(check_whole_lines(tensor, path));
    names_.push_back(tensor.name);
  }
  MetadataList metadata;
  metadata.emplace_back(kPackedFormatKey, kPackedVersion);
  metadata.emplace_back(kPackedHeaderChecksumKey, checksum_text(0));
  metadata.emplace_back(kPackedTensorChecksumsKey, checksums_json());
  for (const auto& document : documents) {
    MICA_TRY(check_document_name(document.first, path));
    metadata.push_back(document);
  }
  return writer_.create(path, std::move(tensors), std::move(metadata));
}

Status PackedWriter::finish() {
  MICA_TRY(writer_.replace_metadata(kPackedTensorChecksumsKey, checksums_json()));
  const std::string& head = writer_.head();
  const uint32_t checksum = packed_head_checksum({reinterpret_cast<const uint8_t*>(head.data()), head.size()});
  MICA_TRY(writer_.replace_metadata(kPackedHeaderChecksumKey, checksum_text(checksum)));
  return writer_.finish();
}

}  // namespace mica
