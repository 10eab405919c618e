// C API: answers that keep a JSON schema.
#include "handles.hpp"

using namespace mica;

extern "C" {

mica_status mica_session_set_schema(mica_session* session, const char* schema, size_t bytes, mica_error* error) {
  return on_session(session, error, [&] {
    const std::string_view text(schema, schema == nullptr ? 0 : bytes);
    return session->session->set_schema(schema == nullptr ? nullptr : &text);
  });
}

}  // extern "C"
