/* mica_embeddings.h: encoded pictures as numbers, in C99: to search pictures by their likeness, or to train something on
 * them. Not answers about pictures, which need mica.h alone. Its rules hold.
 */
#ifndef MICA_EMBEDDINGS_H
#define MICA_EMBEDDINGS_H

#include "mica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rows of `width` floats that stand behind each other, one a token of the picture, in the order of its tokens in a prompt. */
typedef struct mica_embeddings {
  const float *values; /* the session's, or its workspace's: valid until the next call on a session of it */
  uint32_t tokens;
  uint32_t width;
} mica_embeddings;

/* What the model's decoder is given for the picture: its vision tower's and projector's output, without what a tower hands
 * to later layers of the decoder. The picture is as large as mica_session_picture_tokens says; one that
 * mica_session_set_pictures keeps is not encoded again. The conversation stays as it is. A packed model may have its rows
 * turned (each by the same rotation): compare those of one file with each other. MICA_UNSUPPORTED where the model takes no
 * pictures; MICA_CANCELLED after mica_session_cancel. */
mica_status mica_session_embed_picture(mica_session *session, const mica_picture *picture, mica_embeddings *embeddings,
                                       mica_error *error);

#ifdef __cplusplus
}
#endif

#endif /* MICA_EMBEDDINGS_H */
