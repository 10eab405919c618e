// C API: workspaces, and the memory of what runs in them. Checks arguments and passes on.
#include <new>

#include "handles.hpp"

using namespace mica;

namespace mica {

SessionOptions wanted_options(const mica_session_options* wanted) {
  const mica_session_options chosen = wanted ? *wanted : mica_session_options_default();
  SessionOptions options;
  options.context = chosen.context;
  options.batch = chosen.batch;
  options.threads = chosen.threads;
  options.threads_batch = chosen.threads_batch;
  options.logit_rows = chosen.logit_rows;
  options.picture_tokens = chosen.picture_tokens;
  options.picture_tokens_min = chosen.picture_tokens_min;
  options.context_text = chosen.context_text;
  options.kv_wanted = {.visual_bits = chosen.kv_visual_bits,
                       .text_bits = chosen.kv_text_bits,
                       .levels = chosen.kv_levels,
                       .visual_layers = chosen.kv_visual_layers};
  return options;
}

Status allocate_aligned(const char* what, size_t bytes, std::unique_ptr<uint8_t[]>* memory, void** buffer) {
  // Not cleared: pages that a short conversation never touches never become resident.
  memory->reset(new (std::nothrow) uint8_t[bytes + Arena::kAlignment]);
  if (!*memory)
    return Status::error(Code::out_of_memory, "no memory for a %s of %zu bytes; a smaller context or batch takes less",
                         what, bytes);
  const auto address = reinterpret_cast<uintptr_t>(memory->get());
  *buffer = memory->get() + (round_up(address, Arena::kAlignment) - address);
  return Status::ok();
}

}  // namespace mica

namespace {

Status workspace_options(const mica_model* model, const mica_session_options* wanted, uint32_t sessions_max,
                         SessionOptions* out) {
  SessionOptions options = wanted_options(wanted);
  options.sequences = sessions_max;
  return Session::resolve(*model->model, options, out);
}

}  // namespace

extern "C" {

mica_status mica_workspace_size(const mica_model* model, const mica_session_options* options, uint32_t sessions_max,
                                size_t* bytes, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(bytes);
    SessionOptions resolved;
    MICA_TRY(workspace_options(model, options, sessions_max, &resolved));
    return Workspace::size(*model->model, resolved, bytes);
  });
}

mica_status mica_workspace_create(const mica_model* model, const mica_session_options* options, uint32_t sessions_max,
                                  void* buffer, size_t bytes, mica_workspace** workspace, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(workspace);
    SessionOptions resolved;
    MICA_TRY(workspace_options(model, options, sessions_max, &resolved));
    auto handle = std::make_unique<mica_workspace>();
    handle->model = model;
    if (buffer == nullptr) {
      MICA_TRY(Workspace::size(*model->model, resolved, &bytes));
      MICA_TRY(allocate_aligned("workspace", bytes, &handle->buffer, &buffer));
    }
    MICA_TRY(Workspace::create(*model->model, resolved, buffer, bytes, &handle->workspace));
    *workspace = handle.release();
    return Status::ok();
  });
}

void mica_workspace_free(mica_workspace* workspace) { delete workspace; }

}  // extern "C"
