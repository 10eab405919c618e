// PackedCopy: a packed file taken apart and written again with other contents, its checksums right. Not a test.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "model_files.hpp"
#include "packed_documents.hpp"
#include "packed_writer.hpp"
#include "static_format.hpp"
#include "test_folder.hpp"

namespace mica::test {

struct PackedCopy {
  struct Tensor {
    TensorDeclaration declaration;
    std::vector<uint8_t> bytes;
  };
  MetadataList documents;
  std::vector<Tensor> tensors;

  explicit PackedCopy(const std::string& path) {
    std::unique_ptr<ModelFiles> files;
    REQUIRE(ModelFiles::open(path.c_str(), &files));
    REQUIRE(packed_documents(*files, &documents));
    for (const char* key : {static_format::kStaticKey, static_format::kFormatsKey}) {
      const std::string_view text = files->metadata(key);
      if (!text.empty()) documents.emplace_back(key, text);
    }
    for (const TensorView& tensor : files->tensors())
      tensors.push_back({{std::string(tensor.name), tensor.dtype, {tensor.shape, tensor.shape + tensor.rank}},
                         {tensor.bytes.begin(), tensor.bytes.end()}});
  }

  std::string& document(std::string_view name) {
    for (auto& document : documents)
      if (document.first == name) return document.second;
    return documents.emplace_back(name, "").second;
  }
  // The first tensor whose name ends so, of `dtype` if any is asked for.
  Tensor& tensor(std::string_view ending) {
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [ending](const Tensor& each) { return each.declaration.name.ends_with(ending); });
    REQUIRE_MESSAGE(found != tensors.end(), std::string(ending));
    return *found;
  }
  void remove(std::string_view ending) { tensors.erase(tensors.begin() + (&tensor(ending) - tensors.data())); }
  // One float of a tensor.
  static void set(Tensor& tensor, size_t index, float value) {
    std::memcpy(tensor.bytes.data() + index * sizeof value, &value, sizeof value);
  }

  void write(const std::string& path) const {
    std::vector<TensorDeclaration> declarations;
    for (const Tensor& tensor : tensors) declarations.push_back(tensor.declaration);
    PackedWriter writer;
    Status status = writer.create(path.c_str(), documents, declarations);
    for (const Tensor& tensor : tensors)
      if (status) status = writer.append(tensor.declaration.name, tensor.bytes);
    if (status) status = writer.finish();
    REQUIRE_MESSAGE(status.is_ok(), said(status));
  }
};

}  // namespace mica::test
