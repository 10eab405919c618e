// SavedFile: a saved session taken apart and put together again, its checksums right: what only the checks behind them
// can refuse. For tests and fuzz targets. Not the reader.
#pragma once

#include <string>
#include <vector>

#include "model_files.hpp"
#include "packed_writer.hpp"

namespace mica::test {

struct SavedFile {
  MetadataList documents;
  std::vector<std::pair<std::string, std::vector<uint8_t>>> tensors;

  static Status read(const std::string& path, SavedFile* out) {
    std::unique_ptr<ModelFiles> files;
    MICA_TRY(ModelFiles::open(path.c_str(), &files));
    for (const char* name : {"session", "session.model", "session.cache"}) {
      const Bytes text = files->document(name);
      out->documents.emplace_back(name, std::string(reinterpret_cast<const char*>(text.data()), text.size()));
    }
    for (const TensorView& tensor : files->tensors())
      out->tensors.emplace_back(tensor.name, std::vector<uint8_t>(tensor.bytes.begin(), tensor.bytes.end()));
    return Status::ok();
  }

  Status write(const std::string& path) const {
    std::vector<TensorDeclaration> declared;
    for (const auto& [name, bytes] : tensors) declared.push_back({name, DType::u8, {bytes.size()}});
    PackedWriter writer;
    MICA_TRY(writer.create(path.c_str(), documents, std::move(declared)));
    for (const auto& [name, bytes] : tensors) MICA_TRY(writer.append(name, bytes));
    return writer.finish();
  }

  std::vector<uint8_t>& tensor(std::string_view name) {
    for (auto& [own, bytes] : tensors)
      if (own == name) return bytes;
    return tensors.emplace_back(name, std::vector<uint8_t>(64)).second;
  }
};

}  // namespace mica::test
