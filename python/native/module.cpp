// The module mica._native: failures as exceptions, the library's log, and what is said of the process.
#include "native.hpp"

namespace mica_python {

void Turns::take() {
  std::unique_lock lock(mutex_);
  if (owner_ == std::this_thread::get_id())
    throw Failure(
        "this session, or one of its batch, is in the middle of another call of this thread; only cancel() can "
        "be called now",
        MICA_INVALID_ARGUMENT);
  given_.wait(lock, [&] { return owner_ == std::thread::id(); });
  owner_ = std::this_thread::get_id();
}

void Turns::give() {
  {
    const std::lock_guard lock(mutex_);
    owner_ = {};
  }
  given_.notify_one();
}

void refuse_value(const char* name, py::handle value, const char* wanted) {
  throw py::type_error(std::string(name) + " is " + py::repr(value).cast<std::string>() + "; it is " + wanted);
}

void refuse_name(const std::string& name, const std::vector<const char*>& known) {
  std::string text = "there is no option \"" + name + "\"; there are:";
  for (const char* each : known) text += std::string(" ") + each;
  throw py::type_error(text);
}

py::str text_of(const std::string& bytes) {
  PyObject* text = PyUnicode_DecodeUTF8(bytes.data(), static_cast<py::ssize_t>(bytes.size()), "replace");
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

int hear_signals(void* user, const char*, double) {
  const py::gil_scoped_acquire locked;
  if (PyErr_CheckSignals() == 0) return 0;
  *static_cast<bool*>(user) = true;
  return 1;
}

namespace {

// Of any thread, also one that Python did not make; what the function raises goes where Python shows such things.
void write_log(void*, int level, const char* message) {
  const py::gil_scoped_acquire locked;
  try {
    py::module_::import("mica._log").attr("write")(level, text_of(message));
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("mica's log");
  }
}

void raise_failure(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const Failure& failure) {
    const py::object type = py::module_::import("mica._error").attr("Error");
    const py::object error = type(static_cast<int>(failure.status()), text_of(failure.what()));
    PyErr_SetObject(type.ptr(), error.ptr());
  }
}

}  // namespace

void bind_process(py::module_& module) {
  module.def("version", mica_version);
  module.def("status_name", [](int status) { return mica_status_name(static_cast<mica_status>(status)); });
  module.def("describe_cpu", [] { return app::describe(mica_cpu_describe); });
  module.def("memory_available", mica_memory_available);
  module.def("set_isa", [](const char* level) {
    mica_error error{};
    require(mica_set_isa(level, &error), error);
  });
  module.def("log_to_python", [](bool on) { mica_set_log(on ? write_log : nullptr, nullptr); });
}

}  // namespace mica_python

PYBIND11_MODULE(_native, module) {
  using namespace mica_python;
  py::register_exception_translator(raise_failure);
  bind_process(module);
  bind_picture(module);
  bind_model(module);
  bind_session(module);
}
