// Vocabulary: all contents in one piece of text, found through one flat table.
#include "tokenizer_vocabulary.hpp"

#include <functional>

#include "limits.hpp"

namespace mica {

namespace {

uint64_t hash_of(std::string_view content) { return std::hash<std::string_view>()(content); }

// For messages: contents can be long and need not be printable.
int shown(std::string_view content) { return static_cast<int>(content.size() < 64 ? content.size() : 64); }

Status append(std::string_view text, std::string* to, uint32_t* start, uint16_t* count) {
  if (text.size() > limits::kTokenBytesMax) {
    return Status::error(Code::limit_exceeded, "a token of %zu bytes; the limit is %zu", text.size(),
                         limits::kTokenBytesMax);
  }
  if (to->size() + text.size() > limits::kVocabularyBytesMax) {
    return Status::error(Code::limit_exceeded, "the tokens have more than %zu bytes", limits::kVocabularyBytesMax);
  }
  *start = static_cast<uint32_t>(to->size());
  *count = static_cast<uint16_t>(text.size());
  *to += text;
  return Status::ok();
}

}  // namespace

Status Vocabulary::add(uint64_t id, std::string_view content, uint8_t flags) {
  if (id >= limits::kVocabularyMax) {
    return Status::error(Code::limit_exceeded, "token id %llu; ids must be below %zu",
                         static_cast<unsigned long long>(id), limits::kVocabularyMax);
  }
  const int32_t known = find(content);
  if (known >= 0 && static_cast<uint64_t>(known) != id) {
    return Status::error(Code::corrupt_file, "the token \"%.*s\" has two ids, %d and %llu", shown(content),
                         content.data(), known, static_cast<unsigned long long>(id));
  }
  if (id >= entries_.size()) entries_.resize(static_cast<size_t>(id) + 1);
  Entry& entry = entries_[static_cast<size_t>(id)];
  if (known < 0) {
    if (entry.flags != 0) {
      return Status::error(Code::corrupt_file, "two tokens have the id %llu, one of them \"%.*s\"",
                           static_cast<unsigned long long>(id), shown(content), content.data());
    }
    MICA_TRY(append(content, &contents_, &entry.content_start, &entry.content_bytes));
    if (!index_.insert(hash_of(content), static_cast<uint32_t>(id))) {
      return Status::error(Code::corrupt_file, "the tokens are made to collide");
    }
  }
  entry.flags |= flags;
  return Status::ok();
}

int32_t Vocabulary::find(std::string_view content) const {
  const uint32_t id = index_.find(
      hash_of(content), [&](uint32_t candidate) { return this->content(static_cast<int32_t>(candidate)) == content; });
  return id == IndexTable::kNone ? -1 : static_cast<int32_t>(id);
}

int32_t Vocabulary::find_in_model(std::string_view content) const {
  const int32_t id = find(content);
  return (flags(id) & kInModel) != 0 ? id : -1;
}

std::string_view Vocabulary::content(int32_t id) const {
  if (!in_range(id)) return {};
  const Entry& entry = entries_[static_cast<size_t>(id)];
  return std::string_view(contents_).substr(entry.content_start, entry.content_bytes);
}

Status Vocabulary::set_bytes(int32_t id, std::string_view bytes) {
  Entry& entry = entries_[static_cast<size_t>(id)];
  return append(bytes, &bytes_, &entry.bytes_start, &entry.bytes_count);
}

std::string_view Vocabulary::bytes(int32_t id) const {
  if (!in_range(id)) return {};
  const Entry& entry = entries_[static_cast<size_t>(id)];
  return std::string_view(bytes_).substr(entry.bytes_start, entry.bytes_count);
}

}  // namespace mica
