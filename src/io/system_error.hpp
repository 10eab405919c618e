// system_error: what the operating system refused, as a Status that names the path. Not for failures of our own making.
#pragma once

#include "status.hpp"

namespace mica {

// `doing` is a verb with its object ("open", "write to"), `error_number` an errno: "cannot open model.gguf: No such
// file or directory". not_found for what does not exist, permission_denied for what is not allowed, io_error for the
// rest.
Status system_error(const char* doing, const char* path, int error_number);

}  // namespace mica
