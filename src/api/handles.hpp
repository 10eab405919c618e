// Handles: what stands behind the opaque types of mica.h, and the passage of errors across it. Not public.
#pragma once

#include <algorithm>
#include <memory>

#include "guard.hpp"
#include "mica_embeddings.h"
#include "mica_schema.h"
#include "mica_tensors.h"
#include "mica_video.h"
#include "model.hpp"
#include "model_files.hpp"
#include "picture.hpp"
#include "session.hpp"
#include "status.hpp"
#include "tokenizer.hpp"

struct mica_tokenizer {
  std::unique_ptr<mica::ModelFiles> files;  // what an own vocabulary may point into
  std::unique_ptr<mica::Tokenizer> own;
  const mica::Tokenizer* tokenizer = nullptr;
};

struct mica_model {
  std::unique_ptr<mica::Model> model;
  mica_tokenizer tokenizer;  // a view of the model's
};

struct mica_picture {
  mica::Picture picture;
};

struct mica_workspace {
  const mica_model* model = nullptr;
  std::unique_ptr<uint8_t[]> buffer;  // when the caller gave none; outlives what is in it
  std::unique_ptr<mica::Workspace> workspace;
};

struct mica_pictures {
  const mica_model* model = nullptr;
  mica::Pictures pictures;
};

struct mica_schema {
  const mica_model* model = nullptr;
  mica::SchemaProgram program;
};

struct mica_session {
  const mica_model* model = nullptr;
  std::unique_ptr<uint8_t[]> buffer;  // when the caller gave none; outlives what is in it
  std::unique_ptr<mica::Session> session;
};

namespace mica {

// Copies a status to the caller's error, if there is one, and returns its code.
mica_status report(const Status& status, mica_error* error);
Status missing_argument(const char* name);

// The body of every function of mica.h that can fail: out of memory is a status, never an exception in a C program.
template <class Body>
mica_status guarded(mica_error* error, const Body& body) {
  return report(guarded(body), error);
}

// A call on a session. What it wrote beyond its buffers is an error of mica's own, in builds that look for it.
template <class Body>
mica_status on_session(const mica_session* session, mica_error* error, const Body& body) {
  return guarded(error, [&]() -> Status {
    if (session == nullptr) return missing_argument("session");
    const Status status = body();
    MICA_TRY(session->session->check_guards());
    return status;
  });
}

// What a caller's options say, zeros not yet replaced; null: nothing.
SessionOptions wanted_options(const mica_session_options* options);
// Memory aligned as sessions and workspaces must be; `what`: for messages.
Status allocate_aligned(const char* what, size_t bytes, std::unique_ptr<uint8_t[]>* memory, void** buffer);

// The text convention of mica.h: as much as fits with a final zero, and the full size.
Status copy_text(const std::string& text, char* out, size_t capacity, size_t* needed);

// What mica.h writes to a caller's buffer: at most `capacity` of `size`; *count is always the size. `what` they are, for
// the message.
template <class T>
Status copy_out(const T* source, size_t size, T* target, size_t capacity, size_t* count, const char* what) {
  *count = size;
  if (target == nullptr && capacity == 0) return Status::ok();
  if (target == nullptr) return missing_argument(what);
  std::copy_n(source, std::min(size, capacity), target);
  if (size <= capacity) return Status::ok();
  return Status::error(Code::limit_exceeded, "%zu %s do not fit a buffer of %zu", size, what, capacity);
}

}  // namespace mica

// In a guarded body: the argument must not be NULL.
#define MICA_REQUIRE(argument) \
  if ((argument) == nullptr) return ::mica::missing_argument(#argument)
