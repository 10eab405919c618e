// Fuzz target: any bytes as a safetensors and as a packed file, once as they are and once with the checksum of the
// header made right, without which nothing behind it would be reached. The corpus holds small files of both.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "aligned_copy.hpp"
#include "model_files.hpp"
#include "packed_format.hpp"
#include "safetensors.hpp"

using namespace mica;

namespace {

volatile uint32_t g_sum;  // what is read must not be optimised away

void touch(std::span<const TensorView> tensors) {
  for (const TensorView& tensor : tensors) {
    for (uint8_t byte : tensor.bytes) g_sum = g_sum + byte;
  }
}

void open_packed(Bytes file) {
  std::unique_ptr<ModelFiles> files;
  if (!ModelFiles::open_memory(file, "fuzz", &files)) return;
  touch(files->tensors());
  for (const TensorView& tensor : files->tensors()) {
    if (files->find(tensor.name) != &tensor) std::abort();
  }
  g_sum = g_sum + static_cast<uint32_t>(files->document("config.json").size());
  // Data without a right checksum is ordinary here; what counts is that looking is safe.
  g_sum = g_sum + static_cast<uint32_t>(files->verify({}).code());
}

bool repair_head(AlignedCopy* file) {
  Bytes header;
  if (!is_packed(file->bytes()) || !find_safetensors_header(file->bytes(), "fuzz", &header)) return false;
  const Bytes head = file->bytes().first(sizeof(uint64_t) + header.size());
  if (head.size() < kPackedChecksumOffset + kChecksumDigits) return false;
  const std::string digits = checksum_text(packed_head_checksum(head));
  std::memcpy(file->data() + kPackedChecksumOffset, digits.data(), digits.size());
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  AlignedCopy file{Bytes(data, size)};
  Safetensors safetensors;
  if (read_safetensors(file.bytes(), "fuzz", &safetensors)) touch(safetensors.tensors);
  open_packed(file.bytes());
  if (repair_head(&file)) open_packed(file.bytes());
  return 0;
}
