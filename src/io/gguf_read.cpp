// The GGUF reader: from bytes to keys and tensors. Not the getters (gguf_get.cpp).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "checked.hpp"
#include "gguf.hpp"
#include "stand_in.hpp"
#include "tensor_table.hpp"

namespace mica {

namespace {

constexpr uint32_t kAlignmentDefault = 32;
constexpr uint64_t kDataBytesMax = INT64_MAX / 4;  // of a tensor, and of all before it
constexpr char kMagic[4] = {'G', 'G', 'U', 'F'};

// Bytes of one value of a scalar type; 0 for strings, arrays and unknown types.
size_t scalar_bytes(GgufType type) {
  switch (type) {
    case GgufType::u8:
    case GgufType::i8:
    case GgufType::boolean: return 1;
    case GgufType::u16:
    case GgufType::i16: return 2;
    case GgufType::u32:
    case GgufType::i32:
    case GgufType::f32: return 4;
    case GgufType::u64:
    case GgufType::i64:
    case GgufType::f64: return 8;
    case GgufType::string:
    case GgufType::array: break;
  }
  return 0;
}

struct TensorType {
  const char* name;
  int64_t number;  // ggml.h, enum ggml_type; negative: GGUF has it not
  DType dtype;     // `other`: here to be named
};

constexpr TensorType kTensorTypes[] = {
#define MICA_STORED_TYPE(type, name, number, ...) {name, number, DType::type},
#define MICA_PLAIN_TYPE(type, name, number, ...) {name, number, DType::type},
#define MICA_NAMED_TYPE(name, number) {name, number, DType::other},
#include "stored_types.inc"
};

// Where a tensor's bytes are, before the data section's place is known.
struct TensorInfo {
  TensorView view;
  uint64_t offset = 0;
  size_t bytes = 0;
};

// Reads the parts of one file in their order.
class GgufReader {
 public:
  GgufReader(Bytes file, const char* name) : file_(file), reader_(file), name_(name) {}

  Status read(std::vector<GgufKey>* keys, std::vector<TensorView>* tensors);

 private:
  Status read_head(uint64_t* tensor_count, uint64_t* key_count);
  Status read_key(GgufKey* key);
  Status read_string(const char* what, size_t bytes_max, std::string_view* out);
  Status read_value(GgufValue* value);
  Status read_scalar(GgufValue* value);
  Status read_array(GgufValue* value);
  Status skip_elements(GgufType element, uint64_t count, int depth);
  Status find_alignment(const std::vector<GgufKey>& keys);
  Status read_tensor_info(TensorInfo* info);
  Status read_tensor_type(TensorView* view);
  Status place_tensors(std::vector<TensorInfo>* infos, std::vector<TensorView>* tensors);

  template <class T>
  Status read_number(T* out) {
    return reader_.read(out) ? Status::ok() : header_ends_early();
  }
  Status header_ends_early() const {
    return Status::error(Code::corrupt_file, "%s ends early, within its header: it has %zu bytes: fetch it again",
                         name_, file_.size());
  }
  Status corrupt(const char* what, std::string_view where) const {
    return Status::error(Code::corrupt_file, "%s: %.*s %s", name_, static_cast<int>(where.size()), where.data(), what);
  }

  Bytes file_;
  ByteReader reader_;
  const char* name_;
  uint32_t alignment_ = kAlignmentDefault;
};

Status GgufReader::read_head(uint64_t* tensor_count, uint64_t* key_count) {
  Bytes magic;
  uint32_t version = 0;
  if (!is_gguf(file_) || !reader_.read_bytes(sizeof kMagic, &magic)) {
    return Status::error(Code::corrupt_file, "%s is no GGUF file", name_);
  }
  MICA_TRY(read_number(&version));
  if (version != 2 && version != 3) {
    const bool swapped = version != 0 && (version & 0xFFFF) == 0;
    return Status::error(Code::unsupported, "%s: GGUF version %u%s; mica reads 2 and 3, little-endian: convert again",
                         name_, version, swapped ? " (a big-endian file)" : "");
  }
  MICA_TRY(read_number(tensor_count));
  MICA_TRY(read_number(key_count));
  if (*tensor_count > limits::kTensorsMax || *key_count > limits::kGgufKeysMax) {
    return Status::error(Code::limit_exceeded, "%s: claims %llu tensors and %llu keys; mica reads %zu and %zu", name_,
                         static_cast<unsigned long long>(*tensor_count), static_cast<unsigned long long>(*key_count),
                         limits::kTensorsMax, limits::kGgufKeysMax);
  }
  return Status::ok();
}

Status GgufReader::read_string(const char* what, size_t bytes_max, std::string_view* out) {
  uint64_t length = 0;
  Bytes bytes;
  MICA_TRY(read_number(&length));
  if (length > reader_.remaining()) {
    return Status::error(Code::corrupt_file,
                         "%s ends early: it has %zu bytes, and %s at byte %zu takes %llu: fetch it again", name_,
                         file_.size(), what, reader_.position(), static_cast<unsigned long long>(length));
  }
  if (length > bytes_max) {
    return Status::error(Code::limit_exceeded, "%s: %s at byte %zu has more than %zu bytes", name_, what,
                         reader_.position(), bytes_max);
  }
  if (!reader_.read_bytes(static_cast<size_t>(length), &bytes)) return header_ends_early();
  *out = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  return Status::ok();
}

Status GgufReader::read_scalar(GgufValue* value) {
  Bytes bytes;
  const size_t size = scalar_bytes(value->type);
  if (!reader_.read_bytes(size, &bytes)) return header_ends_early();
  uint64_t bits = 0;
  std::memcpy(&bits, bytes.data(), size);
  switch (value->type) {
    case GgufType::i8: value->integer = static_cast<int8_t>(bits); break;
    case GgufType::i16: value->integer = static_cast<int16_t>(bits); break;
    case GgufType::i32: value->integer = static_cast<int32_t>(bits); break;
    case GgufType::i64: value->integer = static_cast<int64_t>(bits); break;
    case GgufType::f32: value->real = std::bit_cast<float>(static_cast<uint32_t>(bits)); break;
    case GgufType::f64: value->real = std::bit_cast<double>(bits); break;
    case GgufType::boolean: value->natural = bits != 0 ? 1 : 0; break;
    default: value->natural = bits; break;
  }
  return Status::ok();
}

// Moves past `count` elements. Each string or inner array takes at least its length's bytes of the file, so that the
// work is bounded by the file's size whatever the counts say.
Status GgufReader::skip_elements(GgufType element, uint64_t count, int depth) {
  if (const size_t size = scalar_bytes(element); size != 0) {
    Bytes bytes;
    if (count > reader_.remaining() / size) return header_ends_early();
    return reader_.read_bytes(static_cast<size_t>(count) * size, &bytes) ? Status::ok() : header_ends_early();
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (element == GgufType::string) {
      std::string_view text;
      MICA_TRY(read_string("a string", SIZE_MAX, &text));
      continue;
    }
    if (element != GgufType::array) return corrupt("is of no type that GGUF has", "an array element");
    if (depth >= limits::kGgufArrayDepthMax) {
      return Status::error(Code::limit_exceeded, "%s: arrays nested deeper than %d", name_, limits::kGgufArrayDepthMax);
    }
    uint32_t inner = 0;
    uint64_t inner_count = 0;
    MICA_TRY(read_number(&inner));
    MICA_TRY(read_number(&inner_count));
    MICA_TRY(skip_elements(static_cast<GgufType>(inner), inner_count, depth + 1));
  }
  return Status::ok();
}

Status GgufReader::read_array(GgufValue* value) {
  uint32_t element = 0;
  MICA_TRY(read_number(&element));
  MICA_TRY(read_number(&value->count));
  value->element = static_cast<GgufType>(element);
  const size_t begin = reader_.position();
  MICA_TRY(skip_elements(value->element, value->count, 1));
  value->elements = file_.subspan(begin, reader_.position() - begin);
  return Status::ok();
}

Status GgufReader::read_value(GgufValue* value) {
  uint32_t type = 0;
  MICA_TRY(read_number(&type));
  value->type = static_cast<GgufType>(type);
  if (value->type == GgufType::string) return read_string("a string", SIZE_MAX, &value->text);
  if (value->type == GgufType::array) return read_array(value);
  if (scalar_bytes(value->type) == 0) return corrupt("is of no type that GGUF has", "a value");
  return read_scalar(value);
}

Status GgufReader::read_key(GgufKey* key) {
  MICA_TRY(read_string("a key", limits::kGgufKeyBytesMax, &key->name));
  Status status = read_value(&key->value);
  if (status.is_ok()) return status;
  // Which key it was is half of the message.
  return Status::error(status.code(), "%s (key %.*s)", status.message(),
                       static_cast<int>(std::min<size_t>(key->name.size(), 80)), key->name.data());
}

Status GgufReader::find_alignment(const std::vector<GgufKey>& keys) {
  for (const GgufKey& key : keys) {
    if (key.name != "general.alignment") continue;
    const uint64_t alignment = key.value.type == GgufType::u32 ? key.value.natural : 0;
    // Eight: less would tear the scales of blocks and the floats apart.
    if (alignment < 8 || alignment > limits::kGgufAlignmentMax || !std::has_single_bit(alignment)) {
      return corrupt("must be a power of two from 8 to 65536", key.name);
    }
    alignment_ = static_cast<uint32_t>(alignment);
  }
  return Status::ok();
}

// A type that mica does not compute with is no fault of the file: a model may do without that tensor.
Status GgufReader::read_tensor_type(TensorView* view) {
  uint32_t number = 0;
  MICA_TRY(read_number(&number));
  const auto type = std::find_if(std::begin(kTensorTypes), std::end(kTensorTypes),
                                 [number](const TensorType& t) { return t.number == number; });
  const bool known = type != std::end(kTensorTypes);
  view->dtype = known ? type->dtype : DType::other;
  view->type_name = known ? type->name : "of a type that mica does not know";
  return Status::ok();
}

Status GgufReader::read_tensor_info(TensorInfo* info) {
  TensorView& view = info->view;
  MICA_TRY(read_string("a tensor's name", limits::kTensorNameBytesMax, &view.name));
  MICA_TRY(check_tensor_name(view.name, name_));
  MICA_TRY(read_number(&view.rank));
  if (view.rank > limits::kTensorRankMax) return corrupt("has too many dimensions", view.name);
  for (uint32_t i = view.rank; i > 0; --i) MICA_TRY(read_number(&view.shape[i - 1]));
  MICA_TRY(read_tensor_type(&view));
  MICA_TRY(read_number(&info->offset));
  if (view.dtype != DType::other && !tensor_bytes(view.dtype, {view.shape, view.rank}, &info->bytes)) {
    return corrupt("has a shape that its type cannot have", view.name);
  }
  return Status::ok();
}

// Tensors stand one after the other, each from the next multiple of the alignment; the last may end the file.
Status GgufReader::place_tensors(std::vector<TensorInfo>* infos, std::vector<TensorView>* tensors) {
  const size_t data_start = round_up(reader_.position(), alignment_);
  const Bytes data = data_start < file_.size() ? file_.subspan(data_start) : Bytes();
  std::stable_sort(infos->begin(), infos->end(),
                   [](const TensorInfo& a, const TensorInfo& b) { return a.offset < b.offset; });
  uint64_t end = 0;
  for (size_t i = 0; i < infos->size(); ++i) {
    TensorInfo& info = (*infos)[i];
    if (info.offset != round_up(static_cast<size_t>(end), alignment_)) {
      return corrupt("does not begin where the tensor before ends", info.view.name);
    }
    // How many bytes a type takes that mica does not know is seen by where the next tensor begins.
    if (info.view.dtype == DType::other) {
      const uint64_t next = i + 1 < infos->size() ? (*infos)[i + 1].offset : std::max<uint64_t>(data.size(), info.offset);
      info.bytes = static_cast<size_t>(next - info.offset);
    }
    // So that nothing here can overflow.
    if (info.offset > kDataBytesMax || info.bytes > kDataBytesMax) {
      return corrupt("has more bytes than a file can have", info.view.name);
    }
    end = info.offset + info.bytes;
  }
  if (end > data.size()) return ends_early(name_, file_.size(), data_start + end);
  tensors->reserve(infos->size());
  for (TensorInfo& info : *infos) {
    info.view.bytes = data.subspan(static_cast<size_t>(info.offset), info.bytes);
    tensors->push_back(info.view);
  }
  return Status::ok();
}

Status GgufReader::read(std::vector<GgufKey>* keys, std::vector<TensorView>* tensors) {
  uint64_t tensor_count = 0;
  uint64_t key_count = 0;
  MICA_TRY(read_head(&tensor_count, &key_count));
  for (uint64_t i = 0; i < key_count; ++i) MICA_TRY(read_key(&keys->emplace_back()));
  std::sort(keys->begin(), keys->end(), [](const GgufKey& a, const GgufKey& b) { return a.name < b.name; });
  const auto twin = std::adjacent_find(keys->begin(), keys->end(),
                                       [](const GgufKey& a, const GgufKey& b) { return a.name == b.name; });
  if (twin != keys->end()) return corrupt("stands there twice", twin->name);
  MICA_TRY(find_alignment(*keys));
  std::vector<TensorInfo> infos;
  for (uint64_t i = 0; i < tensor_count; ++i) MICA_TRY(read_tensor_info(&infos.emplace_back()));
  return place_tensors(&infos, tensors);
}

}  // namespace

bool is_gguf(Bytes file) {
  return file.size() >= sizeof kMagic && std::memcmp(file.data(), kMagic, sizeof kMagic) == 0;
}

Status GgufFile::read(Bytes file, const char* name, GgufFile* out) {
  GgufFile result;
  result.name_ = name;
  GgufReader reader(file, name);
  MICA_TRY(reader.read(&result.keys_, &result.tensors_));
  *out = std::move(result);
  return Status::ok();
}

}  // namespace mica
