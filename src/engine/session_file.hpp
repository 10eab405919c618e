// SessionFile: a session's state as a safetensors file, and back. Not portable between models or options: both are
// checked.
#pragma once

#include "safetensors.hpp"
#include "session.hpp"
#include "status.hpp"

namespace mica {

class SessionFile {
 public:
  // Text that waits to be computed is saved too; a picture that waits is refused. Errors: those of writing; the old
  // file stays on failure.
  static Status save(const Session& session, const char* path);
  // On failure the session is as before (when the file does not fit) or cleared (when it is damaged in the middle).
  static Status restore(Session* session, const char* path);

 private:
  static Status take_all(const Safetensors& file, const char* path, const void* scalars, Session* session);
};

}  // namespace mica
