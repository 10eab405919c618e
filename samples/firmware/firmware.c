/* What a device without files or threads does with mica: a model in its flash, frames of its camera, one buffer. The
 * model is a const array (assets.S), and stays where it is; the frame here is one that was taken before, as R G B bytes.
 * All that a device has to bring is malloc, for what opening a model and reading a question take, and a way to say the
 * answer. Prints the answer and what it took. Not a program for a desk: samples/ask.c.
 */
#include <stdio.h>
#include <string.h>

#include <mica.h>

enum { FRAME_WIDTH = 224, FRAME_HEIGHT = 112, ROOM_BYTES = 5400000 };

extern const unsigned char firmware_model[], firmware_model_end[], firmware_frame[];

/* The session lives here: its keys and values, and everything that computing takes. */
static unsigned char room[ROOM_BYTES] __attribute__((aligned(64)));

static int say(void *user, const char *text, size_t bytes, int32_t token) {
  (void)user;
  (void)token;
  fwrite(text, 1, bytes, stdout);
  return 0; /* go on */
}

static mica_status answer(mica_session *session, const char *question, mica_error *error) {
  mica_picture *picture;
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0; /* the likeliest answer */
  mica_status status = mica_picture_from_rgb(firmware_frame, FRAME_WIDTH, FRAME_HEIGHT, 0, &picture, error);
  if (status) return status;
  const mica_part parts[2] = {{MICA_PART_PICTURE, NULL, 0, picture},
                              {MICA_PART_TEXT, question, strlen(question), NULL}};
  status = mica_session_add_message(session, MICA_ROLE_USER, parts, 2, error);
  if (!status) status = mica_session_generate(session, &sampling, say, NULL, NULL, error);
  mica_picture_free(picture); /* which the session reads as it begins to answer */
  return status;
}

int main(void) {
  mica_model *model = NULL;
  mica_session *session = NULL;
  mica_error error;
  mica_session_options options = mica_session_options_default();
  size_t bytes = 0;
  options.context = 128;       /* of a picture, a question and an answer */
  options.picture_tokens = 32; /* frames of this size take as many; for larger ones computing would need more */
  options.batch = 64;
  options.threads = 1; /* this one */
  const int failed =
      mica_model_open_memory(firmware_model, (size_t)(firmware_model_end - firmware_model), NULL, &model, &error) ||
      mica_session_size(model, &options, &bytes, &error) ||
      mica_session_create(model, &options, room, sizeof room, &session, &error) ||
      answer(session, "Read the display.", &error);
  if (failed) printf("%s: %s", mica_status_name(error.status), error.message);
  printf("\nof its buffer the session takes %zu bytes\n", bytes);
  mica_session_free(session);
  mica_model_close(model);
  return failed;
}
