// Models for Python: what they are, their tokenizer, and what they make of a picture's pixels.
#include "native.hpp"

namespace mica_python {
namespace {

constexpr Option<mica_model_options> kModelOptions[] = {
    {"chat_format", &mica_model_options::chat_format},
    {"chat_template", &mica_model_options::chat_template},
    {"projector", &mica_model_options::projector},
};

Model open_model(const std::string& path, const py::dict& wanted) {
  Texts texts;
  mica_model_options options = mica_model_options_default();
  set_options(&options, wanted, kModelOptions, &texts);
  return unlocked([&] {
    return Model{open_handle<app::Model>(mica_model_open, path.empty() ? nullptr : path.c_str(),
                                         static_cast<const mica_model_options*>(&options))};
  });
}

const mica_tokenizer* tokenizer_of(const Model& model) {
  const mica_tokenizer* tokenizer = mica_model_tokenizer(model.handle.get());
  if (tokenizer == nullptr) throw Failure("this model has no tokenizer; give its tokens themselves", MICA_UNSUPPORTED);
  return tokenizer;
}

std::vector<int32_t> tokenize(const Model& model, const std::string& text, int flags) {
  const mica_tokenizer* tokenizer = tokenizer_of(model);
  return unlocked([&] {
    return app::fill_to_size<std::vector<int32_t>>(
        text.size() / 2 + 8, [&](auto& ids, size_t* count, mica_error* error) {
          return mica_tokenize(tokenizer, text.data(), text.size(), flags, ids.data(), ids.size(), count, error);
        });
  });
}

std::string detokenize(const Model& model, const std::vector<int32_t>& ids, bool skip_special) {
  const mica_tokenizer* tokenizer = tokenizer_of(model);
  return unlocked([&] {
    return app::fill_to_size<std::string>(ids.size() * 8, [&](auto& text, size_t* bytes, mica_error* error) {
      return mica_detokenize(tokenizer, ids.data(), ids.size(), skip_special, text.data(), text.size(), bytes, error);
    });
  });
}

uint32_t picture_tokens(const Model& model, const Picture& picture) {
  uint32_t tokens = 0;
  mica_error error{};
  require(mica_picture_tokens(model.handle.get(), picture.handle.get(), &tokens, &error), error);
  return tokens;
}

Floats picture_pixels(const Model& model, const Picture& picture) {
  return unlocked([&] {
    size_t count = 0;
    mica_error error{};
    require(mica_picture_pixels(model.handle.get(), picture.handle.get(), nullptr, 0, &count, &error), error);
    auto values = std::make_shared<std::vector<float>>(count);
    require(mica_picture_pixels(model.handle.get(), picture.handle.get(), values->data(), count, &count, &error),
            error);
    return Floats{values, values->data(), {static_cast<py::ssize_t>(count)}};
  });
}

py::object sampling_default(const Model& model) {
  mica_sampling sampling = mica_sampling_default();
  if (mica_model_sampling_default(model.handle.get(), &sampling, nullptr) != MICA_OK) return py::none();
  return py::dict(py::arg("temperature") = sampling.temperature, py::arg("top_k") = sampling.top_k,
                  py::arg("top_p") = sampling.top_p, py::arg("min_p") = sampling.min_p,
                  py::arg("repeat_penalty") = sampling.repeat_penalty, py::arg("repeat_last") = sampling.repeat_last);
}

std::string describe_session(const Model& model, const py::dict& wanted) {
  Texts texts;
  const mica_session_options options = session_options(wanted, &texts);
  return unlocked([&] {
    return app::describe(mica_session_describe, static_cast<const mica_model*>(model.handle.get()), &options);
  });
}

uint32_t context_within_memory(const Model& model, uint32_t wanted, const py::dict& settings) {
  Texts texts;
  const mica_session_options options = session_options(settings, &texts);
  uint32_t context = 0;
  mica_error error{};
  require(mica_session_context_within_memory(model.handle.get(), &options, wanted, &context, &error), error);
  return context;
}

// Checks every checksum; between them a signal is heard.
void verify(const Model& model) {
  bool interrupted = false;
  mica_error error{};
  const mica_status status =
      unlocked([&] { return mica_model_verify(model.handle.get(), hear_signals, &interrupted, &error); });
  if (interrupted) throw py::error_already_set();
  require(status, error);
}

// A fact that mica.h tells of a model.
template <auto fact>
auto fact_of(const Model& model) {
  return fact(model.handle.get());
}
template <auto fact>
bool flag_of(const Model& model) {
  return fact(model.handle.get()) != 0;
}

}  // namespace

void bind_model(py::module_& module) {
  py::class_<Model>(module, "Model")
      .def(py::init(&open_model))
      .def_property_readonly("family", fact_of<mica_model_family>)
      .def_property_readonly("description", fact_of<mica_model_description>)
      .def_property_readonly("context_max", fact_of<mica_model_context_max>)
      .def_property_readonly("vocabulary", fact_of<mica_model_vocabulary>)
      .def_property_readonly("parameters", fact_of<mica_model_parameters>)
      .def_property_readonly("bytes", fact_of<mica_model_bytes>)
      .def_property_readonly("has_vision", flag_of<mica_model_has_vision>)
      .def_property_readonly("has_video", flag_of<mica_model_has_video>)
      .def_property_readonly("has_chat", flag_of<mica_model_has_chat>)
      .def("describe",
           [](const Model& model) {
             return unlocked([&] {
               return app::describe(mica_model_describe, static_cast<const mica_model*>(model.handle.get()));
             });
           })
      .def("describe_session", describe_session)
      .def("context_within_memory", context_within_memory)
      .def("sampling_default", sampling_default)
      .def("verify", verify)
      .def("tokenize", tokenize)
      .def("detokenize", [](const Model& model, const std::vector<int32_t>& ids,
                            bool skip_special) { return text_of(detokenize(model, ids, skip_special)); })
      .def("picture_tokens", picture_tokens)
      .def("picture_pixels", picture_pixels);
}

}  // namespace mica_python
