// SafetensorsWriter: sizes first, then bytes, then the header over its reserved place. Not a converter of types.
#include <algorithm>
#include <cstring>
#include <utility>

#include "arena.hpp"
#include "checked.hpp"
#include "crc32c.hpp"
#include "json_text.hpp"
#include "safetensors.hpp"
#include "tensor_table.hpp"

namespace mica {

namespace {

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

Status declared_bytes(const TensorDeclaration& tensor, const char* path, size_t* out) {
  MICA_TRY(check_tensor_name(tensor.name, path));
  if (tensor.shape.size() > limits::kTensorRankMax || dtype_layout(tensor.dtype).block_values != 1 ||
      !tensor_bytes(tensor.dtype, tensor.shape, out)) {
    return Status::error(Code::invalid_argument, "%s: tensor %s has a type or shape that safetensors cannot hold", path,
                         tensor.name.c_str());
  }
  return Status::ok();
}

void append_metadata(const MetadataList& metadata, std::string* json) {
  *json += "\"__metadata__\":{";
  for (const auto& [key, value] : metadata) {
    if (json->back() != '{') *json += ',';
    append_json_string(key, json);
    *json += ':';
    append_json_string(value, json);
  }
  *json += '}';
}

void append_tensor(const TensorDeclaration& tensor, size_t begin, size_t end, std::string* json) {
  append_json_string(tensor.name, json);
  *json += ":{\"dtype\":\"";
  *json += dtype_layout(tensor.dtype).name;
  *json += "\",\"shape\":[";
  for (uint64_t dimension : tensor.shape) {
    if (json->back() != '[') *json += ',';
    *json += std::to_string(dimension);
  }
  *json += "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

}  // namespace

Status SafetensorsWriter::create(const char* path, std::vector<TensorDeclaration> tensors, MetadataList metadata) {
  if (tensors.size() > limits::kTensorsMax) {
    return Status::error(Code::limit_exceeded, "%s: more than %zu tensors", path, limits::kTensorsMax);
  }
  path_ = path;
  tensors_ = std::move(tensors);
  metadata_ = std::move(metadata);
  sizes_bytes_.clear();
  size_t total = limits::kSafetensorsHeaderBytesMax + Arena::kAlignment;
  for (const TensorDeclaration& tensor : tensors_) {
    MICA_TRY(declared_bytes(tensor, path, &sizes_bytes_.emplace_back()));
    if (!checked_add(total, sizes_bytes_.back(), &total)) {
      return Status::error(Code::limit_exceeded, "%s: the tensors' sizes overflow", path);
    }
  }
  checksums_.assign(tensors_.size(), 0);
  current_ = current_bytes_ = 0;
  MICA_TRY(render_head());
  // Read back: what is refused by readers (equal names, invalid UTF-8, too large a header) is refused before any work.
  Json check;
  MICA_TRY(parse_json(bytes_of(head_).subspan(sizeof(uint64_t)), path, true, &check));
  MICA_TRY(file_.create(path));
  offset_ = head_.size();
  return Status::ok();
}

Status SafetensorsWriter::render_head() {
  std::string json = "{";
  if (!metadata_.empty()) append_metadata(metadata_, &json);
  size_t begin = 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (json.back() != '{') json += ',';
    append_tensor(tensors_[i], begin, begin + sizes_bytes_[i], &json);
    begin += sizes_bytes_[i];
  }
  json += '}';
  json.resize(round_up(sizeof(uint64_t) + json.size(), Arena::kAlignment) - sizeof(uint64_t), ' ');
  if (json.size() > limits::kSafetensorsHeaderBytesMax) {
    return Status::error(Code::limit_exceeded, "%s: a header of %zu bytes, more than %zu", path_.c_str(), json.size(),
                         limits::kSafetensorsHeaderBytesMax);
  }
  const uint64_t length = json.size();
  head_.resize(sizeof length);
  std::memcpy(head_.data(), &length, sizeof length);
  head_ += json;
  return Status::ok();
}

Status SafetensorsWriter::append(std::string_view name, Bytes bytes) {
  while (current_ < tensors_.size() && sizes_bytes_[current_] == 0 && tensors_[current_].name != name) ++current_;
  if (current_ >= tensors_.size() || tensors_[current_].name != name) {
    return Status::error(Code::invalid_argument, "%s: tensor %.*s is not the next that was declared", path_.c_str(),
                         static_cast<int>(name.size()), name.data());
  }
  if (bytes.size() > sizes_bytes_[current_] - current_bytes_) {
    return Status::error(Code::invalid_argument, "%s: tensor %s gets more than its %zu bytes", path_.c_str(),
                         tensors_[current_].name.c_str(), sizes_bytes_[current_]);
  }
  MICA_TRY(file_.write_at(offset_, bytes));
  offset_ += bytes.size();
  current_bytes_ += bytes.size();
  checksums_[current_] = crc32c(checksums_[current_], bytes);
  if (current_bytes_ == sizes_bytes_[current_]) {
    ++current_;
    current_bytes_ = 0;
  }
  return Status::ok();
}

Status SafetensorsWriter::replace_metadata(std::string_view key, std::string_view value) {
  for (auto& [known_key, known_value] : metadata_) {
    if (known_key != key || known_value.size() != value.size()) continue;
    known_value = value;
    const size_t head_bytes = head_.size();
    MICA_TRY(render_head());
    if (head_.size() == head_bytes) return Status::ok();
  }
  return Status::error(Code::invalid_argument, "%s: metadata %.*s cannot be replaced", path_.c_str(),
                       static_cast<int>(key.size()), key.data());
}

Status SafetensorsWriter::finish() {
  while (current_ < tensors_.size() && sizes_bytes_[current_] == 0) ++current_;
  if (current_ < tensors_.size()) {
    return Status::error(Code::invalid_argument, "%s: tensor %s is not complete", path_.c_str(),
                         tensors_[current_].name.c_str());
  }
  MICA_TRY(file_.write_at(0, bytes_of(head_)));
  return file_.commit();
}

}  // namespace mica
