// GGUF: one file of the format (github.com/ggml-org/ggml, docs/gguf.md) as typed keys and tensors, versions 2 and 3.
// Not a model: what keys and names mean in Hugging Face's terms is said in gguf_import.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model_files.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

// The numbers are the format's.
enum class GgufType : uint32_t {
  u8 = 0, i8 = 1, u16 = 2, i16 = 3, u32 = 4, i32 = 5, f32 = 6, boolean = 7, string = 8, array = 9, u64 = 10, i64 = 11,
  f64 = 12,
};

// A metadata value. Views point into the file.
struct GgufValue {
  GgufType type = GgufType::u8;
  uint64_t natural = 0;    // of unsigned types, and boolean (0 or 1)
  int64_t integer = 0;     // of signed types
  double real = 0;         // of f32 and f64
  std::string_view text;   // of string
  GgufType element = GgufType::u8;  // of array: what it holds,
  uint64_t count = 0;               // how many,
  Bytes elements;                   // and their bytes, which are whole
};

struct GgufKey {
  std::string_view name;
  GgufValue value;
};

// A file that was read. The getters' errors name file and key: not_found for an absent key, corrupt_file for another
// type or a number outside [min, max].
class GgufFile {
 public:
  // Everything is checked: each count, length and offset against what remains of the file before it is used, keys for
  // being unique, tensor extents for lying one after the other. `file` is borrowed and must outlive *out. Errors:
  // corrupt_file; limit_exceeded; unsupported for other versions. Tensors of types that mica does not compute with are
  // DType::other.
  static Status read(Bytes file, const char* name, GgufFile* out);

  const std::string& name() const { return name_; }
  // Null when there is no such key.
  const GgufValue* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // All, by name.
  const std::vector<GgufKey>& keys() const { return keys_; }
  // With the names that the file has; shapes outermost first.
  const std::vector<TensorView>& tensors() const { return tensors_; }
  // Those of another part of the same model.
  void add_tensors(const GgufFile& part) { tensors_.insert(tensors_.end(), part.tensors_.begin(), part.tensors_.end()); }

  Status get_u32(std::string_view key, uint32_t min, uint32_t max, uint32_t* out) const;
  Status get_double(std::string_view key, double min, double max, double* out) const;
  Status get_bool(std::string_view key, bool* out) const;
  Status get_string(std::string_view key, std::string_view* out) const;
  Status get_strings(std::string_view key, size_t count_max, std::vector<std::string_view>* out) const;
  Status get_floats(std::string_view key, size_t count_max, std::vector<float>* out) const;
  Status get_i32s(std::string_view key, size_t count_max, std::vector<int32_t>* out) const;
  // Of booleans, 0 and 1, or of whole numbers of 32 bits, none below 0.
  Status get_u32s(std::string_view key, size_t count_max, std::vector<uint32_t>* out) const;
  // "FILE: KEY WHAT".
  Status error(Code code, std::string_view key, const char* what) const;

 private:
  Status require(std::string_view key, const GgufValue** out) const;
  Status require_array(std::string_view key, GgufType element, size_t count_max, const GgufValue** out) const;

  std::string name_;
  std::vector<GgufKey> keys_;  // by name
  std::vector<TensorView> tensors_;
};

// True for files that begin as GGUF files do, of whatever version.
bool is_gguf(Bytes file);

}  // namespace mica
