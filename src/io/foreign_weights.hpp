// foreign_weights: why a tensor that a model needs cannot be used: another program's quantization, by name, or a type
// that mica does not compute with. Makes messages only.
#pragma once

#include <string_view>

#include "model_files.hpp"
#include "status.hpp"

namespace mica {

// `name` ends in ".weight" or is a whole name; the tensor may be there or not. Ok when nothing is known to be wrong with
// it: then the caller's own message is the best one. Errors: unsupported, with the kind and what works.
Status refuse_foreign_weights(const ModelFiles& files, std::string_view name);

}  // namespace mica
