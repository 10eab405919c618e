// C API: models, tokenizers and tensor files. Thin: checks arguments and passes on.
#include <cstring>

#include "default_model.hpp"
#include "describe.hpp"
#include "handles.hpp"

using namespace mica;

namespace {

mica_status give(Status status, std::unique_ptr<Model> opened, mica_model** out, mica_error* error) {
  if (status) {
    auto* handle = new (std::nothrow) mica_model;
    if (handle == nullptr) {
      status = Status::error(Code::out_of_memory, "no memory for a model");
    } else {
      handle->tokenizer.tokenizer = opened->tokenizer.get();
      handle->model = std::move(opened);
      *out = handle;
    }
  }
  return report(status, error);
}

mica_status open_files(Status status, std::unique_ptr<ModelFiles> files, mica_model** out, mica_error* error) {
  std::unique_ptr<Model> opened;
  if (status) status = open_model(std::move(files), &opened);
  return give(status, std::move(opened), out, error);
}

}  // namespace

extern "C" {

mica_model_options mica_model_options_default(void) { return {}; }

mica_status mica_model_open(const char* path, const mica_model_options*, mica_model** model, mica_error* error) {
  MICA_REQUIRE(model);
  std::unique_ptr<ModelFiles> files;
  const Status status = path ? ModelFiles::open(path, &files) : open_default_model(&files);
  return open_files(status, std::move(files), model, error);
}

mica_status mica_model_open_memory(const void* bytes, size_t size, const mica_model_options*, mica_model** model,
                                   mica_error* error) {
  MICA_REQUIRE(bytes);
  MICA_REQUIRE(model);
  std::unique_ptr<ModelFiles> files;
  const Status status = ModelFiles::open_memory({static_cast<const uint8_t*>(bytes), size}, "model in memory", &files);
  return open_files(status, std::move(files), model, error);
}

mica_status mica_model_open_shape(const char* shape, const mica_model_options* options, mica_model** model,
                                  mica_error* error) {
  MICA_REQUIRE(shape);
  MICA_REQUIRE(model);
  const mica_model_options chosen = options ? *options : mica_model_options_default();
  for (mica_weights weights : {chosen.text_weights, chosen.vision_weights})
    if (weights < MICA_WEIGHTS_BF16 || weights > MICA_WEIGHTS_W8A8)
      return report(
          Status::error(Code::invalid_argument, "there is no storage of weights %d", static_cast<int>(weights)), error);
  std::unique_ptr<Model> opened;
  const Status status = open_shape(shape, static_cast<RandomStorage>(chosen.text_weights),
                                   static_cast<RandomStorage>(chosen.vision_weights), &opened);
  return give(status, std::move(opened), model, error);
}

const char* mica_shape_name(size_t index) { return index < kShapes.size() ? kShapes[index].name : nullptr; }

void mica_model_close(mica_model* model) { delete model; }

mica_status mica_model_describe(const mica_model* model, char* json, size_t capacity, size_t* needed,
                                mica_error* error) {
  MICA_REQUIRE(model);
  return report(copy_text(describe(*model->model), json, capacity, needed), error);
}

mica_status mica_model_verify(const mica_model* model, mica_progress progress, void* user, mica_error* error) {
  MICA_REQUIRE(model);
  if (!model->model->files) return report(Status::error(Code::unsupported, "random weights have no checksums"), error);
  return report(verify(*model->model->files, progress, user), error);
}

const char* mica_model_family(const mica_model* model) { return model->model->spec.family->name; }
uint32_t mica_model_context_max(const mica_model* model) { return model->model->spec.decoder.context; }
uint32_t mica_model_vocabulary(const mica_model* model) { return model->model->spec.decoder.vocabulary; }
uint64_t mica_model_parameters(const mica_model* model) { return model->model->weights.parameters; }
uint64_t mica_model_bytes(const mica_model* model) { return model->model->weights.bytes; }
int mica_model_has_vision(const mica_model* model) { return model->model->spec.has_vision; }
int mica_model_has_chat(const mica_model* model) { return model->model->chat.format != nullptr; }

}  // extern "C"
