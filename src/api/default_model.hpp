// The default model: a packed file inside the library. Not its making: models/default/.
#pragma once

#include <memory>

#include "model_files.hpp"
#include "status.hpp"

namespace mica {

// not_found when the library was built without it.
Status open_default_model(std::unique_ptr<ModelFiles>* out);

}  // namespace mica
