// What the files of the native module share: the objects behind Python's, whose turn it is to use them, and how
// Python's options become mica.h's. Not what Python sees: that is in mica/, which alone imports this module.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "handles.hpp"
#include "mica_camera.h"
#include "mica_embeddings.h"
#include "mica_schema.h"
#include "mica_video.h"

namespace mica_python {

namespace py = pybind11;
using app::Failure;
using app::open_handle;
using app::require;

struct Model {
  std::shared_ptr<mica_model> handle;
};

struct Picture {
  std::shared_ptr<mica_picture> handle;
};

struct PictureCache {
  std::shared_ptr<mica_model> model;  // outlives the pictures
  std::shared_ptr<mica_pictures> handle;
};

// Who uses a session or a workspace: one thread at a time, others wait. The interpreter's lock is not held by who
// waits.
class Turns {
 public:
  // Throws where this thread has its turn already: Python that runs in the middle of a call (a signal handler) must not
  // begin another one.
  void take();
  void give();

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::thread::id owner_;
};

class Turn {
 public:
  explicit Turn(Turns* turns) : turns_(turns) { turns_->take(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { turns_->give(); }

 private:
  Turns* turns_;
};

// What sessions share: at least the model, and where there are several a workspace.
struct Room {
  std::shared_ptr<mica_model> model;
  app::Workspace workspace;  // null: the session has one of its own
  Turns turns;
};

struct Session {
  std::shared_ptr<Room> room;
  std::shared_ptr<mica_pictures> cache;
  std::vector<std::shared_ptr<mica_picture>> borrowed;  // that wait to be computed
  std::atomic<size_t> views{0};                         // of its logits, that Python holds
  app::Session handle;                                  // the first to go
};

// Floats that Python sees by the buffer protocol, read-only; `keeper` owns them.
struct Floats {
  std::shared_ptr<const void> keeper;
  const float* values;
  std::vector<py::ssize_t> shape;
};

// Runs `body` without the interpreter's lock; it touches no Python object. Other threads of Python go on meanwhile.
template <class Body>
auto unlocked(const Body& body) {
  const py::gil_scoped_release released;
  return body();
}
// The same in turn with others who use the room.
template <class Body>
auto in_turn(Room* room, const Body& body) {
  const py::gil_scoped_release released;
  const Turn turn(&room->turns);
  return body();
}

// A member of a struct of mica.h by the name that Python has for it.
template <class Struct>
struct Option {
  const char* name;
  std::variant<uint32_t Struct::*, uint64_t Struct::*, int Struct::*, float Struct::*, const char * Struct::*> member;
};
using Texts = std::deque<std::string>;  // that structs point into

[[noreturn]] void refuse_value(const char* name, py::handle value, const char* wanted);
[[noreturn]] void refuse_name(const std::string& name, const std::vector<const char*>& known);

template <class Value>
Value number_of(const char* name, py::handle value, const char* wanted) {
  try {
    return value.cast<Value>();
  } catch (const py::cast_error&) {
    refuse_value(name, value, wanted);
  }
}

template <class Struct, class Value>
void set_option(Struct* out, Value Struct::*member, const char* name, py::handle value, Texts* texts) {
  if constexpr (std::is_same_v<Value, const char*>) {
    if (!py::isinstance<py::str>(value)) refuse_value(name, value, "a text");
    out->*member = texts->emplace_back(value.cast<std::string>()).c_str();
  } else if constexpr (std::is_same_v<Value, float>) {
    out->*member = number_of<float>(name, value, "a number");
  } else {
    out->*member = number_of<Value>(name, value, "a whole number, not below 0");
  }
}

// Sets what the dictionary names; None leaves a member as it is.
template <class Struct, size_t count>
void set_options(Struct* out, const py::dict& options, const Option<Struct> (&known)[count], Texts* texts) {
  for (const auto& item : options) {
    const py::handle key = item.first, value = item.second;
    const auto name = py::cast<std::string>(key);
    const auto* at = std::find_if(known, known + count, [&](const auto& option) { return name == option.name; });
    if (at == known + count) {
      std::vector<const char*> names;
      for (const auto& option : known) names.push_back(option.name);
      refuse_name(name, names);
    }
    if (value.is_none()) continue;
    std::visit([&](auto member) { set_option(out, member, at->name, value, texts); }, at->member);
  }
}

// Session options point into `texts`.
mica_session_options session_options(const py::dict& options, Texts* texts);

// A mica_progress that ends the work where a signal's handler raises something (Ctrl-C): then *user, a bool, is true,
// and the exception waits in the interpreter.
int hear_signals(void* user, const char* stage, double done);

// Text of the library, which a model may have made: what is no UTF-8 is shown as U+FFFD.
py::str text_of(const std::string& bytes);

void bind_process(py::module_& module);
void bind_model(py::module_& module);
void bind_picture(py::module_& module);
void bind_session(py::module_& module);

}  // namespace mica_python
