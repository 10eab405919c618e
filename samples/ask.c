/* Asks a model about a picture: ask PICTURE QUESTION [MODEL]. All of mica.h that a program needs for it; without MODEL,
 * the default model inside the library answers.
 *   cc -std=c99 ask.c -o ask $(pkg-config --cflags --libs mica)
 */
#include <stdio.h>
#include <string.h>

#include <mica.h>

static int print_piece(void *user, const char *text, size_t bytes, int32_t token) {
  (void)user;
  (void)token;
  fwrite(text, 1, bytes, stdout);
  fflush(stdout);
  return 0; /* go on */
}

static mica_status ask(mica_session *session, const mica_picture *picture, const char *question, mica_error *error) {
  const mica_part parts[2] = {{MICA_PART_PICTURE, NULL, 0, picture}, {MICA_PART_TEXT, question, strlen(question), NULL}};
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0; /* the likeliest answer */
  const mica_status status = mica_session_add_message(session, MICA_ROLE_USER, parts, 2, error);
  return status ? status : mica_session_generate(session, &sampling, print_piece, NULL, NULL, error);
}

int main(int argc, char **argv) {
  mica_model *model = NULL;
  mica_picture *picture = NULL;
  mica_session *session = NULL;
  mica_error error;
  if (argc < 3) {
    fprintf(stderr, "usage: %s PICTURE QUESTION [MODEL]\n", argv[0]);
    return 2;
  }
  const int failed = mica_model_open(argc > 3 ? argv[3] : NULL, NULL, &model, &error) ||
                     mica_session_create(model, NULL, NULL, 0, &session, &error) ||
                     mica_picture_open(argv[1], &picture, &error) || ask(session, picture, argv[2], &error);
  if (failed) fprintf(stderr, "%s: %s\n", mica_status_name(error.status), error.message);
  else putchar('\n');
  mica_picture_free(picture);
  mica_session_free(session);
  mica_model_close(model);
  return failed;
}
