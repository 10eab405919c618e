// The safetensors reader: every number of a header is checked here, once. Not a mapper of files.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "checked.hpp"
#include "safetensors.hpp"
#include "stand_in.hpp"
#include "tensor_table.hpp"

namespace mica {

namespace {

constexpr size_t kLengthBytes = sizeof(uint64_t);
constexpr uint64_t kOffsetMax = INT64_MAX;  // of a tensor in its file: what systems can say of a file's size

// A tensor of the header with the extent that it claims in the data section.
struct Entry {
  TensorView view;
  uint64_t begin = 0;
  uint64_t end = 0;
};

// A type that mica does not compute with is no fault of the file: a model may do without that tensor.
Status find_dtype(JsonValue tensor, TensorView* view) {
  MICA_TRY(get_string(tensor, "dtype", &view->type_name));
  view->dtype = DType::other;
  for (const DTypeLayout& layout : kDTypeLayouts) {
    const bool single = layout.block_values == 1;  // blocks are GGUF's
    if (single && view->type_name == layout.name) view->dtype = static_cast<DType>(&layout - kDTypeLayouts);
  }
  return Status::ok();
}

Status parse_shape(JsonValue tensor, TensorView* view) {
  JsonValue shape;
  MICA_TRY(get_array(tensor, "shape", 0, limits::kTensorRankMax, &shape));
  for (JsonValue dimension : shape) {
    MICA_TRY(get_u64(dimension, {}, 0, UINT64_MAX, &view->shape[view->rank]));
    ++view->rank;
  }
  return Status::ok();
}

Status parse_entry(JsonValue tensor, const char* name, Entry* out) {
  MICA_TRY(check_tensor_name(tensor.key(), name));
  if (!tensor.is_object()) return tensor.error(Code::corrupt_file, "must be an object");
  Entry entry;
  entry.view.name = tensor.key();
  MICA_TRY(find_dtype(tensor, &entry.view));
  MICA_TRY(parse_shape(tensor, &entry.view));
  JsonValue offsets;
  MICA_TRY(get_array(tensor, "data_offsets", 2, 2, &offsets));
  MICA_TRY(get_u64(offsets.at(0), {}, 0, kOffsetMax, &entry.begin));
  MICA_TRY(get_u64(offsets.at(1), {}, entry.begin, kOffsetMax, &entry.end));
  size_t bytes = 0;
  const bool known = entry.view.dtype != DType::other;
  if (known && (!tensor_bytes(entry.view.dtype, {entry.view.shape, entry.view.rank}, &bytes) ||
                bytes != entry.end - entry.begin)) {
    return tensor.error(Code::corrupt_file, "does not have as many bytes as its shape and dtype say", "data_offsets");
  }
  *out = entry;
  return Status::ok();
}

Status check_metadata(JsonValue metadata) {
  if (!metadata.is_object()) return metadata.error(Code::corrupt_file, "must be an object");
  for (JsonValue value : metadata) {
    if (!value.is_string()) return value.error(Code::corrupt_file, "must be a string");
  }
  return Status::ok();
}

Status parse_entries(JsonValue root, const char* name, std::vector<Entry>* entries, JsonValue* metadata) {
  if (!root.is_object()) return root.error(Code::corrupt_file, "must be an object");
  if (root.size() > limits::kTensorsMax + 1) {
    return Status::error(Code::limit_exceeded, "%s: more than %zu tensors", name, limits::kTensorsMax);
  }
  entries->reserve(root.size());
  for (JsonValue member : root) {
    if (member.key() == "__metadata__") {
      MICA_TRY(check_metadata(member));
      *metadata = member;
    } else {
      MICA_TRY(parse_entry(member, name, &entries->emplace_back()));
    }
  }
  if (entries->size() > limits::kTensorsMax) {
    return Status::error(Code::limit_exceeded, "%s: more than %zu tensors", name, limits::kTensorsMax);
  }
  return Status::ok();
}

// Neither gap nor overlap: a gap could hide bytes from every reader, an overlap is never meant.
Status check_extents(std::vector<Entry>* entries, size_t data_start, size_t data_bytes, const char* name) {
  std::sort(entries->begin(), entries->end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t end = 0;
  for (const Entry& entry : *entries) {
    if (entry.begin != end) {
      return Status::error(Code::corrupt_file, "%s: tensor %.*s %s", name, static_cast<int>(entry.view.name.size()),
                           entry.view.name.data(),
                           entry.begin < end ? "overlaps another" : "does not begin where the one before ends");
    }
    end = entry.end;
  }
  if (end == data_bytes) return Status::ok();
  if (end > data_bytes) return ends_early(name, data_start + data_bytes, data_start + end);
  return Status::error(Code::corrupt_file, "%s: has %zu bytes of tensors where its header names %llu", name, data_bytes,
                       static_cast<unsigned long long>(end));
}

Status copy_unaligned(const char* name, TensorView* view, std::vector<std::unique_ptr<uint8_t[]>>* copies) {
  if (reinterpret_cast<uintptr_t>(view->bytes.data()) % dtype_layout(view->dtype).block_bytes == 0) return Status::ok();
  std::unique_ptr<uint8_t[]> copy(new (std::nothrow) uint8_t[view->bytes.size()]);
  if (copy == nullptr) {
    return Status::error(Code::out_of_memory, "%s: no memory for %zu bytes of unaligned tensor %.*s", name,
                         view->bytes.size(), static_cast<int>(view->name.size()), view->name.data());
  }
  if (!view->bytes.empty()) std::memcpy(copy.get(), view->bytes.data(), view->bytes.size());
  view->bytes = Bytes(copy.get(), view->bytes.size());
  copies->push_back(std::move(copy));
  return Status::ok();
}

}  // namespace

Status find_safetensors_header(Bytes file, const char* name, Bytes* header) {
  ByteReader reader(file);
  uint64_t length = 0;
  if (!reader.read(&length)) {
    return Status::error(Code::corrupt_file, "%s: %zu bytes are too few for a safetensors file: fetch it again", name,
                         file.size());
  }
  if (length > limits::kSafetensorsHeaderBytesMax) {
    return Status::error(Code::limit_exceeded, "%s: claims a header of %llu bytes, more than %zu: no safetensors file?",
                         name, static_cast<unsigned long long>(length), limits::kSafetensorsHeaderBytesMax);
  }
  if (!reader.read_bytes(static_cast<size_t>(length), header)) {
    return Status::error(Code::corrupt_file,
                         "%s ends early, within its header: it has %zu bytes, of which the header alone takes %zu: "
                         "fetch it again",
                         name, file.size(), static_cast<size_t>(length) + kLengthBytes);
  }
  return Status::ok();
}

Status read_safetensors(Bytes file, const char* name, Safetensors* out) {
  Bytes text;
  MICA_TRY(find_safetensors_header(file, name, &text));
  // The format asks for the brace, so that no file is also of another format.
  if (text.empty() || text[0] != '{') return Status::error(Code::corrupt_file, "%s: no safetensors header", name);
  Safetensors result;
  MICA_TRY(parse_json(text, name, true, &result.header));
  result.data_start = kLengthBytes + text.size();
  const Bytes data = file.subspan(result.data_start);
  std::vector<Entry> entries;
  MICA_TRY(parse_entries(result.header.root(), name, &entries, &result.metadata));
  MICA_TRY(check_extents(&entries, result.data_start, data.size(), name));
  result.tensors.reserve(entries.size());
  for (Entry& entry : entries) {
    entry.view.bytes = data.subspan(static_cast<size_t>(entry.begin), static_cast<size_t>(entry.end - entry.begin));
    MICA_TRY(copy_unaligned(name, &entry.view, &result.copies));
    result.tensors.push_back(entry.view);
  }
  *out = std::move(result);
  return Status::ok();
}

}  // namespace mica
