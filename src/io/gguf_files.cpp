// A GGUF file as ModelFiles: Hugging Face's names over the mapped bytes. Not the import itself (gguf_import.hpp).
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gguf_import.hpp"
#include "json_text.hpp"
#include "model_kinds.hpp"
#include "tensor_table.hpp"
#include "tokenizer_gguf.hpp"

namespace mica {

namespace {

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

class GgufFiles final : public ModelFiles {
 public:
  GgufFiles(MappedFile mapped, std::string path) : mapped_(std::move(mapped)), path_(std::move(path)) {}

  // `content` is what mapped_ holds, or the caller's memory.
  Status read(Bytes content);

  Kind kind() const override { return Kind::gguf; }
  const char* path() const override { return path_.c_str(); }
  const TensorView* find(std::string_view name) const override { return table_.find(name); }
  std::span<const TensorView> tensors() const override { return table_.all(); }
  Bytes document(std::string_view name) const override;
  const GgufVocabulary* gguf_vocabulary() const override { return &store_.vocabulary; }
  std::string_view metadata(std::string_view key) const override {
    const GgufValue* value = file_.find(key);
    return value != nullptr && value->type == GgufType::string ? value->text : std::string_view();
  }
  size_t bytes_total() const override { return bytes_total_; }

 private:
  std::string_view token(int32_t id) const {
    return id < 0 ? std::string_view() : store_.tokens[static_cast<size_t>(id)];
  }
  std::string make_tokenizer_config() const;

  MappedFile mapped_;
  std::string path_;
  GgufFile file_;
  std::vector<std::string> names_;  // what the table's names point to
  TensorTable table_;
  std::string config_;
  GgufVocabularyStore store_;
  size_t bytes_total_ = 0;
  std::string tokenizer_config_;
  // Written when it is first asked for: a model that runs from the file does not need it.
  mutable std::once_flag tokenizer_written_;
  mutable std::string tokenizer_;
};

std::string GgufFiles::make_tokenizer_config() const {
  std::string json = "{\"add_bos_token\": ";
  json += store_.vocabulary.add_bos ? "true" : "false";
  const auto add = [&json](const char* key, std::string_view text) {
    if (text.empty()) return;
    json += ", \"" + std::string(key) + "\": ";
    append_json_string(text, &json);
  };
  add("bos_token", token(store_.vocabulary.bos));
  add("eos_token", token(store_.vocabulary.eos));
  add("unk_token", token(store_.vocabulary.unknown));
  add("chat_template", metadata("tokenizer.chat_template"));
  return json + "}";
}

Bytes GgufFiles::document(std::string_view name) const {
  if (name == "config.json") return bytes_of(config_);
  if (name == "tokenizer_config.json") return bytes_of(tokenizer_config_);
  if (name != "tokenizer.json") return {};
  std::call_once(tokenizer_written_, [this] {
    if (!make_tokenizer_json(store_.vocabulary, path(), &tokenizer_)) tokenizer_.clear();
  });
  return bytes_of(tokenizer_);
}

Status GgufFiles::read(Bytes content) {
  bytes_total_ = content.size();
  MICA_TRY(GgufFile::read(content, path(), &file_));
  MICA_TRY(make_gguf_config(file_, &config_));
  MICA_TRY(read_gguf_vocabulary(file_, &store_));
  tokenizer_config_ = make_tokenizer_config();
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
