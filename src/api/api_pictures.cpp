// C API: encoded pictures that sessions share, and their rows. Checks arguments and passes on.
#include "handles.hpp"

using namespace mica;

extern "C" {

mica_status mica_pictures_create(const mica_model* model, size_t bytes_max, mica_pictures** pictures,
                                 mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(pictures);
    *pictures = new mica_pictures{model, Pictures(bytes_max)};
    return Status::ok();
  });
}

void mica_pictures_free(mica_pictures* pictures) { delete pictures; }

void mica_pictures_clear(mica_pictures* pictures) {
  if (pictures != nullptr) pictures->pictures.clear();
}

void mica_pictures_stats(const mica_pictures* pictures, mica_picture_stats* stats) {
  if (stats == nullptr) return;
  *stats = {};
  if (pictures == nullptr) return;
  const Pictures::Stats now = pictures->pictures.stats();
  *stats = {.pictures = now.pictures,
            .bytes = now.bytes,
            .bytes_max = pictures->pictures.bytes_max(),
            .found = now.found,
            .missed = now.missed};
}

mica_status mica_session_set_pictures(mica_session* session, mica_pictures* pictures, mica_error* error) {
  return on_session(session, error, [&] {
    if (pictures != nullptr && pictures->model != session->model)
      return Status::error(Code::invalid_argument, "the pictures are of another model than the session");
    session->session->use_pictures(pictures ? &pictures->pictures : nullptr);
    return Status::ok();
  });
}

mica_status mica_session_embed_picture(mica_session* session, const mica_picture* picture, mica_embeddings* embeddings,
                                       mica_error* error) {
  return on_session(session, error, [&] {
    MICA_REQUIRE(picture);
    MICA_REQUIRE(embeddings);
    const float* rows = nullptr;
    size_t tokens = 0;
    MICA_TRY(session->session->embed_picture(picture->picture, &rows, &tokens));
    *embeddings = {.values = rows,
                   .tokens = static_cast<uint32_t>(tokens),
                   .width = static_cast<uint32_t>(session->model->model->spec.decoder.hidden)};
    return Status::ok();
  });
}

}  // extern "C"
