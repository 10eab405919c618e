// Config check: what follows from the numbers of a config, and whether they fit each other. Not their reading, which is
// config.hpp.
#pragma once

#include "model_spec.hpp"
#include "status.hpp"

namespace mica {

// Fills in what no file says (derived sizes, windows, rope's defaults). `name` of the file, for messages.
Status finish_spec(ModelSpec* spec, const char* name);

}  // namespace mica
