// GGUF files as ModelFiles: Hugging Face's names over the mapped bytes of a text file, all its parts, and the file with
// its tower. Not the import itself (gguf_import.hpp).
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gguf_import.hpp"
#include "gguf_parts.hpp"
#include "gguf_projector.hpp"
#include "gguf_template.hpp"
#include "json_text.hpp"
#include "log.hpp"
#include "model_kinds.hpp"
#include "tensor_table.hpp"
#include "tokenizer_gguf.hpp"

namespace mica {

namespace {

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

class GgufFiles final : public ModelFiles {
 public:
  GgufFiles(MappedFile mapped, std::string path) : path_(std::move(path)) { mapped_.push_back(std::move(mapped)); }

  // `content` is what mapped_ holds, or the caller's memory.
  Status read(Bytes content);
  // The other parts of a file, where it is one of several.
  Status read_parts();
  // Reads the file with the tower. `given`: by the user; else one that is not for this text is left alone, with a
  // warning.
  Status read_projector(const std::string& path, bool given);
  Status translate(std::span<const GgufFamily> families) override;

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
  Status map_more(const std::string& path, Bytes* out);
  Status translate_pair(const GgufFamily& pictures);

  std::deque<MappedFile> mapped_;
  std::string path_;
  GgufFile file_;
  GgufFile projector_;
  bool has_projector_ = false, projector_given_ = false;
  std::deque<std::string> names_;  // what the table's names point to
  OwnedTensors joined_;            // tensors that are several in a file
  TensorTable table_;
  std::string config_, processor_;
  GgufVocabularyStore store_;
  size_t bytes_total_ = 0;
  std::string tokenizer_config_;
  // Written when it is first asked for: a model that runs from the file does not need it.
  mutable std::mutex tokenizer_mutex_;  // of the next two
  mutable bool tokenizer_written_ = false;
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
  if (name == "preprocessor_config.json") return bytes_of(processor_);
  if (name == "tokenizer_config.json") return bytes_of(tokenizer_config_);
  if (name != "tokenizer.json") return {};
  // Not std::call_once: what the C library keeps where an exception passes through it is never given back.
  const std::lock_guard<std::mutex> lock(tokenizer_mutex_);
  if (!tokenizer_written_) {
    std::string json;
    if (make_tokenizer_json(store_.vocabulary, path(), &json)) tokenizer_ = std::move(json);
    tokenizer_written_ = true;
  }
  return bytes_of(tokenizer_);
}

// Files that are whole in themselves and only a part of a model.
Status refuse_part_of_model(const GgufFile& file) {
  std::string_view type;
  if (file.has("general.type")) MICA_TRY(file.get_string("general.type", &type));
  if (is_gguf_projector(file)) {
    return Status::error(Code::unsupported,
                         "%s is the picture part of a model (mmproj) alone: give the model's text with -m, and this "
                         "with --mmproj",
                         file.name().c_str());
  }
  if (type == "adapter") {
    return Status::error(Code::unsupported, "%s is an adapter (LoRA), not a whole model: merge it into its model",
                         file.name().c_str());
  }
  if (file.tensors().empty()) {
    return Status::error(Code::unsupported, "%s has a vocabulary and no tensors: take the file with the weights",
                         file.name().c_str());
  }
  return Status::ok();
}

Status GgufFiles::map_more(const std::string& path, Bytes* out) {
  MappedFile file;
  MICA_TRY(MappedFile::map(path.c_str(), SIZE_MAX, &file));
  if (!is_gguf(file.bytes())) return Status::error(Code::corrupt_file, "%s is no GGUF file", path.c_str());
  *out = file.bytes();
  bytes_total_ += file.bytes().size();
  mapped_.push_back(std::move(file));
  return Status::ok();
}

Status GgufFiles::read(Bytes content) {
  bytes_total_ = content.size();
  MICA_TRY(GgufFile::read(content, path(), &file_));
  MICA_TRY(read_parts());
  MICA_TRY(refuse_part_of_model(file_));
  MICA_TRY(read_gguf_vocabulary(file_, &store_));
  tokenizer_config_ = make_tokenizer_config();
  for (const TensorView& tensor : file_.tensors()) table_.add(tensor);
  return table_.finish(path());
}

Status GgufFiles::read_parts() {
  uint32_t parts = 1, here = 0;
  MICA_TRY(gguf_part_count(file_, &parts));
  if (parts == 1) return Status::ok();
  if (file_.has("split.no")) MICA_TRY(file_.get_u32("split.no", 0, parts - 1, &here));
  // The first has the keys of all, whichever was named.
  std::string part_path;
  Bytes content;
  if (here != 0) {
    MICA_TRY(gguf_part_path(path_, 1, parts, &part_path));
    MICA_TRY(map_more(part_path, &content));
    MICA_TRY(GgufFile::read(content, part_path.c_str(), &file_));
    path_ = part_path;
  }
  for (uint32_t part = 1; part < parts; ++part) {
    GgufFile more;
    uint32_t number = 0, count = 0;
    MICA_TRY(gguf_part_path(path_, part + 1, parts, &part_path));
    MICA_TRY(map_more(part_path, &content));
    MICA_TRY(GgufFile::read(content, part_path.c_str(), &more));
    MICA_TRY(more.get_u32("split.no", 0, UINT16_MAX, &number));
    MICA_TRY(gguf_part_count(more, &count));
    if (number != part || count != parts)
      return more.error(Code::corrupt_file, "split.no", "says that this is another part than its name does");
    file_.add_tensors(more);
  }
  uint32_t tensors = static_cast<uint32_t>(file_.tensors().size());
  if (file_.has("split.tensors.count")) MICA_TRY(file_.get_u32("split.tensors.count", 0, UINT32_MAX, &tensors));
  if (tensors != file_.tensors().size())
    return file_.error(Code::corrupt_file, "split.tensors.count", "is not the number of tensors in all parts");
  return Status::ok();
}

Status GgufFiles::read_projector(const std::string& path, bool given) {
  Bytes content;
  MICA_TRY(map_more(path, &content));
  MICA_TRY(GgufFile::read(content, path.c_str(), &projector_));
  if (!is_gguf_projector(projector_))
    return Status::error(Code::invalid_argument, "%s is no picture part of a model (mmproj)", path.c_str());
  has_projector_ = true;
  projector_given_ = given;
  return Status::ok();
}

Status GgufFiles::translate(std::span<const GgufFamily> families) {
  const GgufFamily *family = nullptr, *pictures = nullptr;  // of the text, and of both
  Status status = has_projector_ ? find_gguf_projector(file_, projector_, families, &pictures) : Status::ok();
  if (!status && projector_given_) return status;
  if (!status) log_message(LogLevel::warning, "%s; it is not read", status.message());
  MICA_TRY(find_gguf_family(file_, families, pictures, &family));
  MICA_TRY(make_gguf_config(file_, *family, &config_));
  names_.clear();
  table_ = {};
  const GgufFamily& named = pictures != nullptr ? *pictures : *family;
  for (TensorView tensor : file_.tensors()) {
    MICA_TRY(reorder_gguf_tensor(file_, gguf_tensor_order(tensor.name, named), &joined_, &tensor));
    tensor.name = names_.emplace_back(huggingface_tensor_name(tensor.name, named));
    table_.add(tensor);
  }
  if (pictures != nullptr) MICA_TRY(translate_pair(*pictures));
  return table_.finish(path());
}

Status GgufFiles::translate_pair(const GgufFamily& pictures) {
  const std::string text_config = std::move(config_);
  const GgufPair pair = {file_, projector_, text_config};
  MICA_TRY(check_projector_keys(projector_, pictures));
  MICA_TRY(fill_gguf_template(pair, pictures.config, &config_));
  MICA_TRY(fill_gguf_template(pair, pictures.processor, &processor_));
  std::vector<TensorView> tensors;
  MICA_TRY(read_projector_tensors(projector_, pictures, &joined_, &tensors));
  for (const TensorView& tensor : tensors) table_.add(tensor);
  return Status::ok();
}

Status open_gguf(MappedFile mapped, Bytes content, const char* path, std::unique_ptr<GgufFiles>* out) {
  auto files = std::make_unique<GgufFiles>(std::move(mapped), path);
  MICA_TRY(files->read(content));
  *out = std::move(files);
  return Status::ok();
}

}  // namespace

Status open_gguf_file(MappedFile content, const char* path, const char* projector, std::unique_ptr<ModelFiles>* out) {
  const Bytes file = content.bytes();
  std::unique_ptr<GgufFiles> files;
  MICA_TRY(open_gguf(std::move(content), file, path, &files));
  const std::string beside = projector != nullptr ? std::string(projector) : gguf_projector_beside(path);
  if (!beside.empty()) {
    const Status status = files->read_projector(beside, projector != nullptr);
    if (!status && projector != nullptr) return status;
    if (!status) log_message(LogLevel::warning, "%s; it is not read", status.message());
  }
  *out = std::move(files);
  return Status::ok();
}

Status open_gguf_memory(Bytes bytes, const char* name, std::unique_ptr<ModelFiles>* out) {
  std::unique_ptr<GgufFiles> files;
  MICA_TRY(open_gguf(MappedFile(), bytes, name, &files));
  *out = std::move(files);
  return Status::ok();
}

}  // namespace mica
