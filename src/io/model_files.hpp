// ModelFiles: one model on disk or in memory, as named documents and named tensors, whatever the container: a Hugging
// Face folder, a GGUF file, a packed .mica file. Not a model: names and shapes are given meaning by engine and models/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "dtype.hpp"
#include "gguf_family.hpp"
#include "limits.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

// One tensor. The bytes are mapped or in the caller's memory and live as long as the ModelFiles.
struct TensorView {
  std::string_view name;
  DType dtype = DType::f32;
  uint32_t rank = 0;
  uint64_t shape[limits::kTensorRankMax] = {};  // outermost first, as in safetensors; GGUF's order is reversed
  Bytes bytes;                                  // exactly the product of the shape in dtype, unless that is `other`
  std::string_view type_name;                   // as the file spells its type: "F8_E4M3", "Q6_K"
};

// The vocabulary that a GGUF file carries; views into the mapped file.
struct GgufVocabulary {
  std::string_view model;  // "gpt2" (byte-level BPE) or "llama" (SentencePiece BPE)
  std::string_view pre;    // name of the pre-tokenizer: "smollm", "qwen2", "llama-bpe", "default", ...
  std::span<const std::string_view> tokens;
  std::span<const std::string_view> merges;  // "left right"
  std::span<const float> scores;             // empty, or one a token
  std::span<const int32_t> types;            // 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte
  int32_t bos = -1, eos = -1, unknown = -1;
  bool add_bos = false, add_eos = false;  // around a text
  bool add_space_prefix = true;
};

// Told now and then how many bytes of how many were looked at; returns false to stop.
using VerifyProgress = std::function<bool(size_t bytes_done, size_t bytes_total)>;

class ModelFiles {
 public:
  enum class Kind { huggingface, gguf, packed };

  // `path`: a folder with config.json and safetensors (single, or sharded by model.safetensors.index.json), a .gguf
  // file, or a .mica file (told apart by content, not by ending). Files are mapped, never copied. Every offset, size
  // and name is checked here; what `find` returns can be read without further checks.
  // `projector`: of a GGUF file, the one that holds the tower of its pictures (mmproj); null: the only one whose name says
  // so and which lies beside it, if it is for this kind of text.
  static Status open(const char* path, std::unique_ptr<ModelFiles>* out, const char* projector = nullptr);
  // A packed model or a GGUF file in memory; the bytes are borrowed, begin at a multiple of 64 (else invalid_argument),
  // and must outlive the result. `name` is for messages.
  static Status open_memory(Bytes bytes, const char* name, std::unique_ptr<ModelFiles>* out);
  virtual ~ModelFiles() = default;

  // Puts the names of a GGUF file's tensors and its keys into Hugging Face's terms, by the family of its architecture;
  // until then its tensors have the names of the file, and there is no config.json. Others: nothing. Errors: those of
  // keys that are missing or that ask for what mica does not run; unsupported for an architecture of none.
  virtual Status translate(std::span<const GgufFamily>) { return Status::ok(); }

  virtual Kind kind() const = 0;
  // Where it came from, for messages.
  virtual const char* path() const = 0;
  // Null when there is no such tensor. After translate() names are Hugging Face's (model.layers.0.self_attn.q_proj.weight).
  virtual const TensorView* find(std::string_view name) const = 0;
  virtual std::span<const TensorView> tensors() const = 0;
  // The text of "config.json", "tokenizer.json", "preprocessor_config.json", ...; empty when absent. For a folder these
  // are files; for a packed file entries of __metadata__ under the same names; for GGUF, config.json, tokenizer.json
  // and tokenizer_config.json are made from its keys in Hugging Face's terms.
  virtual Bytes document(std::string_view name) const = 0;
  // Null unless the kind is gguf.
  virtual const GgufVocabulary* gguf_vocabulary() const { return nullptr; }
  // A string by its key: of a packed file from __metadata__ ("mica.format", ...), of a folder "format" (what program its
  // tensors are for: "pt", "mlx"), of a GGUF file from its own keys
  // ("tokenizer.chat_template", ...); empty when absent, and for folders.
  virtual std::string_view metadata(std::string_view key) const = 0;
  // Bytes of all files.
  virtual size_t bytes_total() const = 0;
  // Compares every tensor of a packed file with its checksum. Errors: corrupt_file with the first damaged tensor's
  // name, cancelled, unsupported for kinds that carry no checksums. `progress` may be empty.
  virtual Status verify(const VerifyProgress& progress) const;
  // CRC32C of the bytes of one of tensors(): what a packed file says, else computed.
  virtual uint32_t checksum(const TensorView& tensor) const;
};

}  // namespace mica
