// gguf_projector: the file with a model's tower (mmproj), by its family: which family, and its tensors under Hugging
// Face's names. Not its documents (gguf_template.hpp).
#pragma once

#include <span>
#include <vector>

#include "gguf.hpp"
#include "gguf_family.hpp"
#include "gguf_order.hpp"
#include "status.hpp"

namespace mica {

bool is_gguf_projector(const GgufFile& file);

// The family of a text file and its projector. Errors: unsupported for a projector that no family has, or that is for
// another text.
Status find_gguf_projector(const GgufFile& text, const GgufFile& projector, std::span<const GgufFamily> families,
                           const GgufFamily** out);

// Warns of keys that neither the family's documents read nor have no effect; unsupported for some that change the
// result.
Status check_projector_keys(const GgufFile& projector, const GgufFamily& family);

// All tensors under Hugging Face's names: those joined that a family has as one, and feed-forward matrices as they are
// meant where an older converter exchanged their names.
Status read_projector_tensors(const GgufFile& projector, const GgufFamily& family, OwnedTensors* owned,
                              std::vector<TensorView>* out);

}  // namespace mica
