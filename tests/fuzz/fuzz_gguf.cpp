// Fuzz target: any bytes as a GGUF file, opened as a model, with every view of it read. The corpus holds small files of
// two architectures.
#include <cstdint>
#include <cstdlib>

#include "aligned_copy.hpp"
#include "gguf.hpp"
#include "gguf_families.hpp"
#include "json.hpp"
#include "model_files.hpp"

using namespace mica;

namespace {

volatile uint32_t g_sum;  // what is read must not be optimised away

void touch(std::string_view text) {
  for (char c : text) g_sum = g_sum + static_cast<uint8_t>(c);
}

void touch(const GgufVocabulary& vocabulary) {
  for (std::string_view token : vocabulary.tokens) touch(token);
  for (std::string_view merge : vocabulary.merges) touch(merge);
  for (float score : vocabulary.scores) g_sum = g_sum + (score > 0 ? 1u : 0u);
  for (int32_t type : vocabulary.types) g_sum = g_sum + static_cast<uint32_t>(type);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const AlignedCopy file{Bytes(data, size)};
  if (!is_gguf(file.bytes())) return 0;
  std::unique_ptr<ModelFiles> files;
  if (!ModelFiles::open_memory(file.bytes(), "fuzz", &files) || !files->translate(gguf_families())) return 0;
  for (const TensorView& tensor : files->tensors()) {
    touch({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
    if (files->find(tensor.name) != &tensor) std::abort();
  }
  touch(*files->gguf_vocabulary());
  touch(files->metadata("tokenizer.chat_template"));
  // What mica itself wrote must be JSON.
  Json config;
  if (!parse_json(files->document("config.json"), "config.json", true, &config)) std::abort();
  return 0;
}
