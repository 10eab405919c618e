/* A C99 program that knows mica.h alone: it asks the default model about the sample picture in a buffer of its own, and
 * makes the mistakes a caller makes. Not a test of what models answer: one known answer shows that the way is whole.
 * ask_test PICTURE QUESTION ANSWER
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mica.h"

static int failures = 0;

static void expect(int holds, const char *what, const char *found) {
  if (holds) return;
  fprintf(stderr, "expected %s; found: %s\n", what, found);
  ++failures;
}

/* The answer as it streams in. */
typedef struct answer {
  char text[256];
  size_t bytes;
} answer;

static int collect(void *user, const char *text, size_t bytes, int32_t token) {
  answer *into = user;
  (void)token;
  if (bytes >= sizeof into->text - into->bytes) return 1;
  memcpy(into->text + into->bytes, text, bytes);
  into->bytes += bytes;
  return 0;
}

static mica_status ask(mica_session *session, const mica_picture *picture, const char *question, answer *into,
                       mica_error *error) {
  const mica_part parts[2] = {{MICA_PART_PICTURE, NULL, 0, picture}, {MICA_PART_TEXT, question, strlen(question), NULL}};
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0;
  memset(into, 0, sizeof *into);
  const mica_status status = mica_session_add_message(session, MICA_ROLE_USER, parts, 2, error);
  return status ? status : mica_session_generate(session, &sampling, collect, into, NULL, error);
}

static void ask_in_own_buffer(const mica_model *model, const mica_picture *picture, const char *question,
                              const char *expected) {
  mica_error error = {MICA_OK, ""};
  mica_session *session = NULL;
  size_t bytes = 0;
  expect(mica_session_size(model, NULL, &bytes, &error) == MICA_OK && bytes > 0, "a session size", error.message);
  const size_t rounded = (bytes + 63) / 64 * 64;
  unsigned char *block = malloc(rounded + 64);
  if (block == NULL) {
    expect(0, "memory for a session", "none");
    return;
  }
  unsigned char *buffer = block + (64 - (size_t)((uintptr_t)block % 64)) % 64;

  expect(mica_session_create(model, NULL, buffer, bytes - 1, &session, &error) == MICA_INVALID_ARGUMENT,
         "a buffer one byte short to be refused", mica_status_name(error.status));
  expect(mica_session_create(model, NULL, buffer, bytes, &session, &error) == MICA_OK, "a session", error.message);
  if (session != NULL) {
    answer first, second;
    expect(ask(session, picture, question, &first, &error) == MICA_OK, "an answer", error.message);
    expect(strcmp(first.text, expected) == 0, expected, first.text);
    mica_session_clear(session);
    expect(ask(session, picture, question, &second, &error) == MICA_OK, "an answer after clearing", error.message);
    expect(strcmp(first.text, second.text) == 0, first.text, second.text);
    mica_session_free(session);
  }
  free(block);
}

int main(int argc, char **argv) {
  mica_model *model = NULL;
  mica_picture *picture = NULL;
  mica_error error = {MICA_OK, ""};
  if (argc != 4) return 2;

  expect(mica_picture_open("no/such/picture.jpg", &picture, &error) == MICA_NOT_FOUND, "a missing file to be not found",
         mica_status_name(error.status));
  expect(strstr(error.message, "no/such/picture.jpg") != NULL, "a message that names the file", error.message);
  expect(mica_model_open("no/such/model", NULL, &model, NULL) == MICA_NOT_FOUND, "no error to be needed", "a failure");

  expect(mica_model_open(NULL, NULL, &model, &error) == MICA_OK, "the default model", error.message);
  expect(mica_picture_open(argv[1], &picture, &error) == MICA_OK, "the picture", error.message);
  mica_sampling sampling = mica_sampling_default();
  expect(mica_model_sampling_default(model, &sampling, &error) == MICA_OK && sampling.temperature == 0,
         "a model that asks for the likeliest token", error.message);
  expect(mica_model_sampling_default(NULL, &sampling, &error) == MICA_INVALID_ARGUMENT, "a status for NULL", error.message);
  if (failures == 0) ask_in_own_buffer(model, picture, argv[2], argv[3]);
  mica_picture_free(picture);
  mica_model_close(model);
  return failures != 0;
}
