// C API: models, tokenizers and tensor files. Thin: checks arguments and passes on.
#include <cstring>

#include "default_model.hpp"
#include "describe.hpp"
#include "handles.hpp"

using namespace mica;

namespace {

// The enum of mica.h is the beginning of the list of formats.
static_assert(static_cast<int>(WeightFormat::floats) == MICA_WEIGHTS_BF16);
static_assert(static_cast<int>(WeightFormat::u4) == MICA_WEIGHTS_W4A8);
static_assert(static_cast<int>(WeightFormat::s8) == MICA_WEIGHTS_W8A8);

Status give(std::unique_ptr<Model> opened, mica_model** out) {
  auto handle = std::make_unique<mica_model>();
  handle->tokenizer.tokenizer = opened->tokenizer.get();
  handle->model = std::move(opened);
  *out = handle.release();
  return Status::ok();
}

Status give(std::unique_ptr<ModelFiles> files, const mica_model_options* options, mica_model** out) {
  std::unique_ptr<Model> opened;
  MICA_TRY(open_model(std::move(files), &opened, options ? options->chat_format : nullptr,
                      options ? options->chat_template : nullptr));
  return give(std::move(opened), out);
}

}  // namespace

extern "C" {

mica_model_options mica_model_options_default(void) { return {}; }

mica_status mica_model_open(const char* path, const mica_model_options* options, mica_model** model,
                            mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    std::unique_ptr<ModelFiles> files;
    const char* projector = options && options->projector && *options->projector ? options->projector : nullptr;
    if (!path && projector)
      return Status::error(Code::invalid_argument, "a projector (%s) is for a GGUF file, and none is named", projector);
    MICA_TRY(path ? ModelFiles::open(path, &files, projector) : open_default_model(&files));
    return give(std::move(files), options, model);
  });
}

mica_status mica_model_open_memory(const void* bytes, size_t size, const mica_model_options* options,
                                   mica_model** model, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(bytes);
    MICA_REQUIRE(model);
    std::unique_ptr<ModelFiles> files;
    MICA_TRY(ModelFiles::open_memory({static_cast<const uint8_t*>(bytes), size}, "model in memory", &files));
    return give(std::move(files), options, model);
  });
}

mica_status mica_model_open_shape(const char* shape, const mica_model_options* options, mica_model** model,
                                  mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(shape);
    MICA_REQUIRE(model);
    const mica_model_options chosen = options ? *options : mica_model_options_default();
    for (mica_weights weights : {chosen.text_weights, chosen.vision_weights})
      if (weights < 0 || static_cast<size_t>(weights) >= std::size(kWeightFormats))
        return Status::error(Code::invalid_argument, "there is no storage of weights %d", static_cast<int>(weights));
    std::unique_ptr<Model> opened;
    MICA_TRY(open_shape(shape, static_cast<WeightFormat>(chosen.text_weights),
                        static_cast<WeightFormat>(chosen.vision_weights), chosen.without_weights == 0, &opened));
    return give(std::move(opened), model);
  });
}

const char* mica_weights_name(size_t index) {
  if (index == MICA_WEIGHTS_BF16) return "bf16";
  return index < std::size(kWeightFormats) ? kWeightFormats[index].name : nullptr;
}

const char* mica_shape_name(size_t index) { return index < kShapes.size() ? kShapes[index].name : nullptr; }

void mica_model_close(mica_model* model) { delete model; }

mica_status mica_model_describe(const mica_model* model, char* json, size_t capacity, size_t* needed,
                                mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    return copy_text(describe(*model->model), json, capacity, needed);
  });
}

mica_status mica_model_verify(const mica_model* model, mica_progress progress, void* user, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    if (!model->model->files) return Status::error(Code::unsupported, "random weights have no checksums");
    return verify(*model->model->files, progress, user);
  });
}

const char* mica_model_description(const mica_model* model) {
  return model ? model->model->description.c_str() : nullptr;
}
const char* mica_model_family(const mica_model* model) { return model ? model->model->spec.family->name : nullptr; }
uint32_t mica_model_context_max(const mica_model* model) { return model ? model->model->spec.decoder.context : 0; }
uint32_t mica_model_vocabulary(const mica_model* model) { return model ? model->model->spec.decoder.vocabulary : 0; }
uint64_t mica_model_parameters(const mica_model* model) { return model ? model->model->weights.parameters : 0; }
uint64_t mica_model_bytes(const mica_model* model) { return model ? model->model->weights.bytes : 0; }
int mica_model_has_vision(const mica_model* model) { return model && model->model->spec.has_vision; }
int mica_model_has_video(const mica_model* model) {
  return model != nullptr && model->model->spec.video_token >= 0 ? 1 : 0;
}
int mica_model_has_chat(const mica_model* model) { return model && model->model->chat.writes_turns(); }

}  // extern "C"
