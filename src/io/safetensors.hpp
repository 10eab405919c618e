// Safetensors: reading and writing one file of the format (github.com/huggingface/safetensors, "Format"): 8 bytes of
// header length, a JSON header, then the tensors' bytes. Not a model: folders, shards and packed files stand above it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "atomic_file.hpp"
#include "json.hpp"
#include "model_files.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

// A file that was read. Views point into `header`, the bytes given to read_safetensors, and `copies`.
struct Safetensors {
  std::vector<TensorView> tensors;  // in the order of their bytes
  JsonValue metadata;               // __metadata__: an object of strings, or absent
  size_t data_start = 0;            // offset of the first tensor's bytes in the file
  Json header;
  // Tensors that do not stand at a multiple of their element's size, as files of early writers have them.
  std::vector<std::unique_ptr<uint8_t[]>> copies;
};

// Strict: the header is bounded, keys are unique, each tensor's shape, type and extent agree, and the extents cover the
// rest of the file without gap or overlap. `file` is borrowed and must outlive *out; `name` is for messages. A tensor of a
// type that mica has not (FP8, ...) is DType::other. Errors: corrupt_file; limit_exceeded.
Status read_safetensors(Bytes file, const char* name, Safetensors* out);

// The header's JSON text, its length checked against the file and kSafetensorsHeaderBytesMax.
Status find_safetensors_header(Bytes file, const char* name, Bytes* header);

struct TensorDeclaration {
  std::string name;
  DType dtype = DType::f32;      // not a GGUF block type
  std::vector<uint64_t> shape;   // outermost first
};

using MetadataList = std::vector<std::pair<std::string, std::string>>;

// Writes a file tensor by tensor, so that no more than one piece is in memory. The file appears under its name when
// finish() succeeds (AtomicFile). One object writes one file; after a failure only destruction is of use.
class SafetensorsWriter {
 public:
  // Tensors are written in the order declared; order them by falling element size to keep each aligned. Both lists are
  // taken over. The first tensor's bytes begin at a multiple of 64.
  Status create(const char* path, std::vector<TensorDeclaration> tensors, MetadataList metadata);
  // The next bytes of tensor `name`, which must be the first that is not yet complete. Any number of pieces.
  Status append(std::string_view name, Bytes bytes);
  // Of what append() received, one for each declared tensor, in their order.
  const std::vector<uint32_t>& checksums() const { return checksums_; }
  // Gives a key of create() another value of the same length: for what is known only when all tensors are written.
  Status replace_metadata(std::string_view key, std::string_view value);
  // The 8 bytes of length and the header, padded, as they will be written.
  const std::string& head() const { return head_; }
  // Errors: invalid_argument when tensors are missing; those of writing.
  Status finish();

 private:
  Status render_head();

  AtomicFile file_;
  std::string path_;
  std::vector<TensorDeclaration> tensors_;
  std::vector<size_t> sizes_bytes_;
  std::vector<uint32_t> checksums_;
  MetadataList metadata_;
  std::string head_;
  size_t current_ = 0;        // the tensor that append() continues
  size_t current_bytes_ = 0;  // and how much of it is written
  uint64_t offset_ = 0;       // in the file
};

}  // namespace mica
