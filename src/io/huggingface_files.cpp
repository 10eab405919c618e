// A Hugging Face folder: config.json and its like as documents, tensors from model.safetensors or from its shards, as
// model.safetensors.index.json names them or, without it, by their names. Not a reader of configurations: their fields
// are read by engine and models/.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "folder_names.hpp"
#include "foreign_model.hpp"
#include "mlx_tensors.hpp"
#include "model_kinds.hpp"
#include "safetensors.hpp"
#include "stand_in.hpp"
#include "tensor_table.hpp"

namespace mica {

namespace {

constexpr const char* kConfigName = "config.json";
constexpr const char* kSingleName = "model.safetensors";
constexpr const char* kIndexName = "model.safetensors.index.json";

// What Hugging Face folders hold beside tensors, as far as any runtime reads it. A closed list: nothing else is opened.
constexpr const char* kDocumentNames[] = {
    "config.json",           "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "video_preprocessor_config.json", "video_processor/preprocessor_config.json",
    "tokenizer.json",        "tokenizer_config.json",  "special_tokens_map.json",
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
  std::string_view metadata(std::string_view key) const override {
    return key == "format" && !shards_.empty() ? safetensors_format(shards_[0].content) : std::string_view();
  }
  size_t bytes_total() const override { return bytes_total_; }

 private:
  std::string path_of(std::string_view name) const { return folder_ + "/" + std::string(name); }
  // Also a folder: opening it says that it is one.
  bool has(std::string_view name) const {
    return file_exists(path_of(name).c_str()) || is_folder(path_of(name).c_str());
  }
  Status read_documents();
  Status read_shard(std::string_view name);
  Status read_index();
  Status take_listed_tensors(JsonValue weight_map, const std::map<std::string_view, size_t>& shards);
  Status read_shards_without_index();

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
    // A folder of such a name is told where the model cannot do without the file.
    const bool needed = std::string_view(name) == kConfigName || std::string_view(name) == "tokenizer.json";
    if (!(needed ? has(name) : file_exists(path.c_str()))) continue;
    Document document;
    document.name = name;
    MICA_TRY(MappedFile::map(path.c_str(), limits::kJsonBytesMax, &document.file));
    MICA_TRY(refuse_reply(document.file.bytes(), path.c_str()));
    bytes_total_ += document.file.bytes().size();
    documents_.push_back(std::move(document));
  }
  if (!document(kConfigName).empty()) return Status::ok();
  return foreign_folder(folder_);
}

Status HuggingfaceFiles::read_shard(std::string_view name) {
  const std::string path = path_of(name);
  Shard& shard = shards_.emplace_back();
  MICA_TRY(MappedFile::map(path.c_str(), SIZE_MAX, &shard.file));
  MICA_TRY(refuse_foreign_tensors(shard.file.bytes(), path.c_str()));
  bytes_total_ += shard.file.bytes().size();
  MICA_TRY(read_safetensors(shard.file.bytes(), path.c_str(), &shard.content));
  put_channels_first(&shard.content);
  return Status::ok();
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
    if (!has(name)) {
      return missing_file(folder_, std::string(name), "model.safetensors.index.json names");
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

// "model-00002-of-00005.safetensors": what shards are called. False for other names.
bool parse_shard_name(std::string_view name, uint32_t* count) {
  constexpr std::string_view kStart = "model-", kOf = "-of-", kEnd = ".safetensors";
  constexpr size_t kDigits = 5;
  if (name.size() != kStart.size() + kDigits + kOf.size() + kDigits + kEnd.size()) return false;
  if (!name.starts_with(kStart) || !name.ends_with(kEnd)) return false;
  if (name.substr(kStart.size() + kDigits, kOf.size()) != kOf) return false;
  const std::string_view digits = name.substr(kStart.size() + kDigits + kOf.size(), kDigits);
  return std::from_chars(digits.data(), digits.data() + kDigits, *count).ptr == digits.data() + kDigits;
}

std::string shard_name(uint32_t number, uint32_t count) {
  char name[64];
  snprintf(name, sizeof name, "model-%05u-of-%05u.safetensors", number, count);
  return name;
}

// The index says nothing that the shards do not say themselves, as long as all of them are there.
Status HuggingfaceFiles::read_shards_without_index() {
  uint32_t count = 0;
  for (const std::string& name : folder_names(folder_)) {
    if (parse_shard_name(name, &count)) break;
  }
  if (count == 0) return folder_without_tensors(folder_);
  if (count > limits::kShardsMax) {
    return Status::error(Code::limit_exceeded, "%s: %u shards; mica reads up to %zu", path(), count,
                         limits::kShardsMax);
  }
  for (uint32_t i = 1; i <= count; ++i) {
    const std::string name = shard_name(i, count);
    if (!has(name)) {
      return missing_file(folder_, name, "is one of the shards of the weights that lie there");
    }
    MICA_TRY(read_shard(name));
    for (const TensorView& tensor : shards_.back().content.tensors) table_.add(tensor);
  }
  return Status::ok();
}

Status HuggingfaceFiles::read() {
  MICA_TRY(read_documents());
  if (has(kSingleName)) {
    MICA_TRY(read_shard(kSingleName));
    for (const TensorView& tensor : shards_[0].content.tensors) table_.add(tensor);
  } else if (has(kIndexName)) {
    MICA_TRY(read_index());
  } else {
    MICA_TRY(read_shards_without_index());
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
