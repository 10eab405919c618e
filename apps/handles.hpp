// Owners of the C interface's objects, which close themselves, and its failures as one exception type.
// Not a second interface: whatever needs no owner is called in mica.h directly.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "mica_schema.h"
#include "mica_tensors.h"

namespace app {

// What the user asked for could not be done; main prints the message and exits with 1.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& message, mica_status status = MICA_INTERNAL)
      : std::runtime_error(message), status_(status) {}
  mica_status status() const { return status_; }

 private:
  mica_status status_;
};

// The command line itself is wrong; main adds a pointer to --help and exits with 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws what the library reported, in its words.
inline void require(mica_status status, const mica_error& error) {
  if (status != MICA_OK) throw Failure(error.message, status);
}

// Calls `act`; its failure is told with the name of the file that it was about in front. An empty name: as it is.
template <typename Act>
auto naming(const std::string& file, Act act) {
  try {
    return act();
  } catch (const Failure& failure) {
    if (file.empty()) throw;
    throw Failure(file + ": " + failure.what(), failure.status());
  }
}

template <auto close>
struct Closer {
  template <typename T>
  void operator()(T* object) const {
    close(object);
  }
};
using Model = std::unique_ptr<mica_model, Closer<mica_model_close>>;
using Workspace = std::unique_ptr<mica_workspace, Closer<mica_workspace_free>>;
using Pictures = std::unique_ptr<mica_pictures, Closer<mica_pictures_free>>;
using Session = std::unique_ptr<mica_session, Closer<mica_session_free>>;
using Schema = std::unique_ptr<mica_schema, Closer<mica_schema_free>>;
using Picture = std::unique_ptr<mica_picture, Closer<mica_picture_free>>;
using Tokenizer = std::unique_ptr<mica_tokenizer, Closer<mica_tokenizer_close>>;
using ChatTemplate = std::unique_ptr<mica_chat_template, Closer<mica_chat_template_close>>;
using Tensors = std::unique_ptr<mica_tensors, Closer<mica_tensors_close>>;

// Calls `open(arguments..., &object, &error)` and owns the object; throws Failure.
template <typename Owner, typename Open, typename... Arguments>
Owner open_handle(Open open, Arguments... arguments) {
  typename Owner::pointer object = nullptr;
  mica_error error{};
  require(open(arguments..., &object, &error), error);
  return Owner(object);
}

// Calls `describe(arguments..., text, capacity, &needed, &error)`, first for the size and then for the JSON text.
template <typename Describe, typename... Arguments>
std::string describe(Describe function, Arguments... arguments) {
  mica_error error{};
  size_t needed = 0;
  function(arguments..., nullptr, size_t{0}, &needed, &error);
  std::string text(needed, '\0');
  require(function(arguments..., text.data(), text.size(), &needed, &error), error);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

// Calls `fill(container, &size, &error)`, and once more with room for the size that it asked for.
template <typename Container, typename Fill>
Container fill_to_size(size_t guess, Fill fill) {
  Container container(guess, {});
  mica_error error{};
  size_t size = 0;
  mica_status status = fill(container, &size, &error);
  if (status == MICA_LIMIT_EXCEEDED && size > container.size()) {
    container.resize(size);
    status = fill(container, &size, &error);
  }
  require(status, error);
  container.resize(size);
  return container;
}

}  // namespace app
