// A GGUF file as ModelFiles: Hugging Face's names over the mapped bytes. Not the import itself (gguf_import.hpp).
#include <string>
#include <utility>
#include <vector>

#include "gguf_import.hpp"
#include "model_kinds.hpp"
#include "tensor_table.hpp"

namespace mica {

namespace {

class GgufFiles final : public ModelFiles {
 public:
  GgufFiles(MappedFile mapped, std::string path) : mapped_(std::move(mapped)), path_(std::move(path)) {}

  // `content` is what mapped_ holds, or the caller's memory.
  Status read(Bytes content);

  Kind kind() const override { return Kind::gguf; }
  const char* path() const override { return path_.c_str(); }
  const TensorView* find(std::string_view name) const override { return table_.find(name); }
  std::span<const TensorView> tensors() const override { return table_.all(); }
  Bytes document(std::string_view name) const override {
    if (name != "config.json") return {};
    return {reinterpret_cast<const uint8_t*>(config_.data()), config_.size()};
  }
  const GgufVocabulary* gguf_vocabulary() const override { return &store_.vocabulary; }
  std::string_view metadata(std::string_view key) const override {
    const GgufValue* value = file_.find(key);
    return value != nullptr && value->type == GgufType::string ? value->text : std::string_view();
  }
  size_t bytes_total() const override { return bytes_total_; }

 private:
  MappedFile mapped_;
  std::string path_;
  GgufFile file_;
  std::vector<std::string> names_;  // what the table's names point to
  TensorTable table_;
  std::string config_;
  GgufVocabularyStore store_;
  size_t bytes_total_ = 0;
};

Status GgufFiles::read(Bytes content) {
  bytes_total_ = content.size();
  MICA_TRY(GgufFile::read(content, path(), &file_));
  MICA_TRY(make_gguf_config(file_, &config_));
  MICA_TRY(read_gguf_vocabulary(file_, &store_));
  names_.reserve(file_.tensors().size());
  for (TensorView tensor : file_.tensors()) {
    tensor.name = names_.emplace_back(huggingface_tensor_name(tensor.name));
    table_.add(tensor);
  }
  return table_.finish(path());
}

Status open_gguf(MappedFile mapped, Bytes content, const char* path, std::unique_ptr<ModelFiles>* out) {
  auto files = std::make_unique<GgufFiles>(std::move(mapped), path);
  MICA_TRY(files->read(content));
  *out = std::move(files);
  return Status::ok();
}

}  // namespace

Status open_gguf_file(MappedFile content, const char* path, std::unique_ptr<ModelFiles>* out) {
  const Bytes file = content.bytes();
  return open_gguf(std::move(content), file, path, out);
}

Status open_gguf_memory(Bytes bytes, const char* name, std::unique_ptr<ModelFiles>* out) {
  return open_gguf(MappedFile(), bytes, name, out);
}

}  // namespace mica
