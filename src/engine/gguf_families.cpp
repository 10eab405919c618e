// The families of models/ as io reads GGUF files by them.
#include "gguf_families.hpp"

#include "family.hpp"

namespace mica {

std::vector<GgufFamily> gguf_families() {
  std::vector<GgufFamily> out;
  for (const Family* family : kFamilies) {
    const GgufKind& kind = family->gguf;
    if (kind.architecture == nullptr && kind.projector == nullptr) continue;
    GgufFamily& row = out.emplace_back();
    if (kind.architecture != nullptr) row.architecture = kind.architecture;
    if (kind.projector != nullptr) {
      row.projector = kind.projector;
      row.config = kind.config;
      row.processor = kind.processor;
    }
    row.class_name = family->architectures[0];
    row.rope_interleaved = kind.rope_interleaved;
    for (const auto& table : family->tensors)
      for (const TensorName& name : table) {
        const std::string root = family->roots[static_cast<size_t>(name.section)][0];
        if (name.gguf != nullptr) row.names.push_back({name.gguf, root + name.pattern});
      }
  }
  return out;
}

}  // namespace mica
