// The conversation that mica chat keeps, for `mica run -cnv` too.
#pragma once

#include "options.hpp"

namespace app {

// Opens the model and talks until the person leaves, or, with `single_turn`, until one question is answered. Returns
// the exit status: 0, or 1 when something failed and nobody was there to see it. Throws Failure.
int converse(const Options& options, bool single_turn);

}  // namespace app
