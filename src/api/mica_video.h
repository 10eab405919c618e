/* mica_video.h: videos, in C99: what mica.h has for pictures, for models that take videos. All rules of mica.h hold.
 *
 * A video is its frames: pictures in order, all in one place of a prompt, which such models see in another way than
 * pictures by themselves. In a message they are parts of the kind MICA_PART_FRAME; among the ids of
 * mica_session_add_tokens each run of a video's placeholders has as many of the next pictures for frames as fill it;
 * where the model joins frames and repeats the last one, the most that leave a picture to each run behind. Of models
 * that have one placeholder for both (InternVL, SmolVLM2), a picture with a time (mica_frame_set_time) is a frame.
 */
#ifndef MICA_VIDEO_H
#define MICA_VIDEO_H

#include "mica.h"

#ifdef __cplusplus
extern "C" {
#endif

int mica_model_has_video(const mica_model *model); /* it takes videos, not only pictures */

/* As mica_picture_tokens and mica_picture_pixels, of a video with these frames. MICA_UNSUPPORTED where the model takes
 * no videos. */
mica_status mica_video_tokens(const mica_model *model, const mica_picture *const *frames, size_t count,
                              uint32_t *tokens, mica_error *error);
mica_status mica_video_pixels(const mica_model *model, const mica_picture *const *frames, size_t count, float *values,
                              size_t capacity, size_t *needed, mica_error *error);

/* When a frame is seen, from the start of its video, and how many frames of each second there are among those that are
 * shown: some models are told it, and take 24 a second where nobody says it. Frames of mica_video_open have their
 * times. In a message a frame at the start, or before the one that it follows, begins another video. */
mica_status mica_frame_set_time(mica_picture *frame, double seconds, double per_second, mica_error *error);

/* As mica_session_add_picture: the frames are kept by the caller until the next prefill or generate returns. */
mica_status mica_session_add_video(mica_session *session, const mica_picture *const *frames, size_t count,
                                   mica_error *error);

/* Which frames of a video are seen: so many, evenly spread; or, if that is 0, so many of each second; if both are 0, as
 * the model's video processor says, or all. 256 are the most. */
typedef struct mica_frame_choice {
  uint32_t frames;
  double per_second;
} mica_frame_choice;
/* The chosen frames of a video file (MP4, MOV, Matroska, WebM, AVI, MPEG and others, by FFmpeg's libraries), or of a
 * folder the pictures in it in the order of their names. `model` and `choice` may be NULL. The caller frees the frames by
 * mica_picture_free. *count is how many were chosen; where these are more than `capacity`, MICA_LIMIT_EXCEEDED, and none
 * is written. MICA_UNSUPPORTED where this build reads no videos, or FFmpeg's libraries are not installed. */
mica_status mica_video_open(const char *path, const mica_model *model, const mica_frame_choice *choice,
                            mica_picture **frames, size_t capacity, size_t *count, mica_error *error);

#ifdef __cplusplus
}
#endif

#endif /* MICA_VIDEO_H */
