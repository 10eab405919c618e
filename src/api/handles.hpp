// Handles: what stands behind the opaque types of mica.h, and the passage of errors across it. Not public.
#pragma once

#include <memory>

#include "mica.h"
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

struct mica_session {
  const mica_model* model = nullptr;
  std::unique_ptr<mica::Session> session;
  std::unique_ptr<uint8_t[]> buffer;  // when the caller gave none
};

namespace mica {

// Copies a status to the caller's error, if there is one, and returns its code.
mica_status report(const Status& status, mica_error* error);
Status missing_argument(const char* name);

// The text convention of mica.h: as much as fits with a final zero, and the full size.
Status copy_text(const std::string& text, char* out, size_t capacity, size_t* needed);

}  // namespace mica

#define MICA_REQUIRE(argument) \
  if ((argument) == nullptr) return ::mica::report(::mica::missing_argument(#argument), error)
