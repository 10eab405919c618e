// A Hugging Face folder: config.json and its like as documents, tensors from model.safetensors or from the shards that
// model.safetensors.index.json names. Not a reader of configurations: their fields are read by engine and models/.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model_kinds.hpp"
#include "safetensors.hpp"
#include "tensor_table.hpp"

namespace mica {

namespace {

constexpr const char* kConfigName = "config.json";
constexpr const char* kSingleName = "model.safetensors";
constexpr const char* kIndexName = "model.safetensors.index.json";

// What Hugging Face folders hold beside tensors, as far as any runtime reads it. A closed list: nothing else is opened.
constexpr const char* kDocumentNames[] = {
    "config.json",           "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "video_preprocessor_config.json", "tokenizer.json", "tokenizer_config.json",   "special_tokens_map.json",
    "added_tokens.json",     "vocab.json",             "merges.txt",               "tokenizer.model",
    "chat_template.jinja",   "chat_template.json",
};

struct Document {
  std::string name;
  MappedFile file;
};

// One file of tensors.
struct Shard {
  MappedFile file;
  Safetensors content;
};

class HuggingfaceFiles final : public ModelFiles {
 public:
  explicit HuggingfaceFiles(const char* folder) : folder_(folder) {}

  Status read();

  Kind kind() const override { return Kind::huggingface; }
  const char* path() const override { return folder_.c_str(); }
  const TensorView* find(std::string_view name) const override { return table_.find(name); }
  std::span<const TensorView> tensors() const override { return table_.all(); }
  Bytes document(std::string_view name) const override {
    for (const Document& document : documents_) {
      if (document.name == name) return document.file.bytes();
    }
    return {};
  }
  std::string_view metadata(std::string_view) const override { return {}; }
  size_t bytes_total() const override { return bytes_total_; }

 private:
  std::string path_of(std::string_view name) const { return folder_ + "/" + std::string(name); }
  Status read_documents();
  Status read_shard(std::string_view name);
  Status read_index();
  Status take_listed_tensors(JsonValue weight_map, const std::map<std::string_view, size_t>& shards);
  Status no_tensors() const;

  std::string folder_;
  std::vector<Document> documents_;
  std::vector<Shard> shards_;
  Json index_;
  TensorTable table_;
  size_t bytes_total_ = 0;
};

// A shard is a file of the folder itself: no way leads out of it but by a link that its owner made.
Status check_shard_name(JsonValue entry, std::string_view name) {
  const bool plain = !name.empty() && name.size() <= limits::kTensorNameBytesMax && name[0] != '.' &&
                     std::none_of(name.begin(), name.end(), [](char c) {
                       return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
                     });
  return plain ? Status::ok() : entry.error(Code::corrupt_file, "must be the name of a file in the same folder");
}

Status HuggingfaceFiles::read_documents() {
  for (const char* name : kDocumentNames) {
    const std::string path = path_of(name);
    if (!file_exists(path.c_str())) continue;
    Document document;
    document.name = name;
    MICA_TRY(MappedFile::map(path.c_str(), limits::kJsonBytesMax, &document.file));
    bytes_total_ += document.file.bytes().size();
    documents_.push_back(std::move(document));
  }
  if (!document(kConfigName).empty()) return Status::ok();
  return Status::error(Code::not_found, "%s has no %s: not a model's folder", path(), kConfigName);
}

Status HuggingfaceFiles::read_shard(std::string_view name) {
  const std::string path = path_of(name);
  Shard& shard = shards_.emplace_back();
  MICA_TRY(MappedFile::map(path.c_str(), SIZE_MAX, &shard.file));
  bytes_total_ += shard.file.bytes().size();
  return read_safetensors(shard.file.bytes(), path.c_str(), &shard.content);
}

Status HuggingfaceFiles::read_index() {
  const std::string path = path_of(kIndexName);
  MappedFile file;
  MICA_TRY(MappedFile::map(path.c_str(), limits::kJsonBytesMax, &file));
  MICA_TRY(parse_json(file.bytes(), path.c_str(), true, &index_));
  JsonValue weight_map;
  MICA_TRY(get_object(index_.root(), "weight_map", &weight_map));
  if (weight_map.size() > limits::kTensorsMax) {
    return weight_map.error(Code::limit_exceeded, "names more tensors than mica reads");
  }
  std::map<std::string_view, size_t> shards;  // file name to its place in shards_
  for (JsonValue entry : weight_map) {
    std::string_view name;
    MICA_TRY(get_string(entry, {}, &name));
    MICA_TRY(check_shard_name(entry, name));
    if (!shards.emplace(name, shards.size()).second) continue;
    if (shards.size() > limits::kShardsMax) {
      return weight_map.error(Code::limit_exceeded, "names more files than mica reads");
    }
    MICA_TRY(read_shard(name));
  }
  return take_listed_tensors(weight_map, shards);
}

// The index decides: a tensor that a shard holds but the index puts elsewhere, or nowhere, is left out.
Status HuggingfaceFiles::take_listed_tensors(JsonValue weight_map, const std::map<std::string_view, size_t>& shards) {
  std::vector<TensorTable> tables(shards_.size());
  for (const auto& [name, i] : shards) {
    for (const TensorView& tensor : shards_[i].content.tensors) tables[i].add(tensor);
    MICA_TRY(tables[i].finish(path_of(name).c_str()));
  }
  for (JsonValue entry : weight_map) {
    std::string_view shard;
    MICA_TRY(get_string(entry, {}, &shard));
    const TensorView* tensor = tables[shards.find(shard)->second].find(entry.key());
    if (tensor == nullptr) return entry.error(Code::corrupt_file, "is not in the file that it names");
    table_.add(*tensor);
  }
  return Status::ok();
}

Status HuggingfaceFiles::no_tensors() const {
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (!file_exists(path_of(name).c_str())) continue;
    return Status::error(Code::unsupported,
                         "%s has its tensors in %s, which can run code: convert it to safetensors (in Python: "
                         "model.save_pretrained(folder, safe_serialization=True))",
                         path(), name);
  }
  return Status::error(Code::not_found, "%s has neither %s nor %s", path(), kSingleName, kIndexName);
}

Status HuggingfaceFiles::read() {
  MICA_TRY(read_documents());
  if (file_exists(path_of(kSingleName).c_str())) {
    MICA_TRY(read_shard(kSingleName));
    for (const TensorView& tensor : shards_[0].content.tensors) table_.add(tensor);
  } else if (file_exists(path_of(kIndexName).c_str())) {
    MICA_TRY(read_index());
  } else {
    return no_tensors();
  }
  return table_.finish(path());
}

}  // namespace

Status open_huggingface_folder(const char* folder, std::unique_ptr<ModelFiles>* out) {
  auto files = std::make_unique<HuggingfaceFiles>(folder);
  MICA_TRY(files->read());
  *out = std::move(files);
  return Status::ok();
}

}  // namespace mica
