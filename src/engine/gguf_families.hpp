// The families of models/ as io reads GGUF files by them. Not the reading: io/model_files.hpp.
#pragma once

#include <vector>

#include "gguf_family.hpp"

namespace mica {

// All that GGUF files may hold, for ModelFiles::translate.
std::vector<GgufFamily> gguf_families();

}  // namespace mica
