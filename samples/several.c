/* Asks several questions about one picture at once: several PICTURE QUESTION... The sessions share one workspace, so that
 * they take little memory each and the model's weights are read once for a token of all of them; the picture is encoded
 * once. The default model inside the library answers.
 *   cc -std=c99 several.c -o several $(pkg-config --cflags --libs mica)
 */
#include <stdio.h>
#include <string.h>

#include <mica.h>

enum { QUESTIONS_MAX = 16, ANSWER_BYTES = 1024 };

static char answers[QUESTIONS_MAX][ANSWER_BYTES];

static mica_status begin(mica_workspace *workspace, mica_pictures *pictures, const mica_picture *picture,
                         const char *question, mica_session **session, mica_error *error) {
  const mica_part parts[2] = {{MICA_PART_PICTURE, NULL, 0, picture},
                              {MICA_PART_TEXT, question, strlen(question), NULL}};
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0; /* the likeliest answer */
  mica_status status = mica_workspace_session_create(workspace, NULL, NULL, 0, session, error);
  if (!status) status = mica_session_set_pictures(*session, pictures, error);
  if (!status) status = mica_session_add_message(*session, MICA_ROLE_USER, parts, 2, error);
  return status ? status : mica_session_begin(*session, &sampling, error);
}

/* A token of each answer in turn, until all of them are over. */
static mica_status answer_all(mica_session *const *sessions, size_t count, mica_error *error) {
  mica_step steps[QUESTIONS_MAX];
  size_t over = 0;
  while (over < count) {
    const mica_status status = mica_sessions_step(sessions, count, steps, NULL, error);
    if (status) return status;
    over = 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t room = ANSWER_BYTES - 1 - strlen(answers[i]);
      strncat(answers[i], steps[i].text, steps[i].text_bytes < room ? steps[i].text_bytes : room);
      over += steps[i].stop != MICA_STOP_NONE;
    }
  }
  return MICA_OK;
}

int main(int argc, char **argv) {
  mica_model *model = NULL;
  mica_workspace *workspace = NULL;
  mica_pictures *pictures = NULL;
  mica_picture *picture = NULL;
  mica_session *sessions[QUESTIONS_MAX] = {NULL};
  mica_error error;
  if (argc < 3 || argc > 2 + QUESTIONS_MAX) {
    fprintf(stderr, "usage: %s PICTURE QUESTION... (at most %d)\n", argv[0], QUESTIONS_MAX);
    return 2;
  }
  const size_t count = (size_t)argc - 2;
  int failed = mica_model_open(NULL, NULL, &model, &error) ||
               mica_workspace_create(model, NULL, QUESTIONS_MAX, NULL, 0, &workspace, &error) ||
               mica_pictures_create(model, 16 << 20, &pictures, &error) || mica_picture_open(argv[1], &picture, &error);
  for (size_t i = 0; i < count && !failed; ++i)
    failed = begin(workspace, pictures, picture, argv[2 + i], &sessions[i], &error) != MICA_OK;
  failed = failed || answer_all(sessions, count, &error);
  if (failed) fprintf(stderr, "%s: %s\n", mica_status_name(error.status), error.message);
  for (size_t i = 0; i < count && !failed; ++i) printf("%s\n", answers[i]);
  for (size_t i = 0; i < count; ++i) mica_session_free(sessions[i]);
  mica_picture_free(picture);
  mica_pictures_free(pictures);
  mica_workspace_free(workspace);
  mica_model_close(model);
  return failed;
}
