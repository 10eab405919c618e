// C API: answers that keep a JSON schema.
#include "handles.hpp"

using namespace mica;

extern "C" {

mica_status mica_schema_read(const mica_model* model, const char* schema, size_t bytes, mica_schema** out,
                             mica_error* error) {
  return guarded(error, [&]() -> Status {
    MICA_REQUIRE(model);
    MICA_REQUIRE(schema);
    MICA_REQUIRE(out);
    auto read = std::make_unique<mica_schema>();
    read->model = model;
    MICA_TRY(SchemaGuide::read({schema, bytes}, *model->model, &read->program));
    *out = read.release();
    return Status::ok();
  });
}

void mica_schema_free(mica_schema* schema) { delete schema; }

mica_status mica_session_use_schema(mica_session* session, const mica_schema* schema, mica_error* error) {
  return on_session(session, error, [&]() -> Status {
    if (schema != nullptr && schema->model != session->model)
      return Status::error(Code::invalid_argument, "the schema was read for another model than the session's");
    session->session->set_schema(schema == nullptr ? nullptr : &schema->program);
    return Status::ok();
  });
}

mica_status mica_session_set_schema(mica_session* session, const char* schema, size_t bytes, mica_error* error) {
  return on_session(session, error, [&]() -> Status {
    SchemaProgram program;
    if (schema != nullptr) MICA_TRY(SchemaGuide::read({schema, bytes}, session->session->model(), &program));
    session->session->set_schema(schema == nullptr ? nullptr : &program);
    return Status::ok();
  });
}

}  // extern "C"
