/* What a build of mica computes, as one line of digests a run: logits of a prompt, greedy tokens, logits behind them.
 * same_bits.sh compares the lines of two builds; not a test by itself, as compilers may differ in floats.
 *   record_bits MODEL CASE.safetensors PICTURES    a recorded prompt (ids, and its pictures from the folder PICTURES)
 *   record_bits MODEL PICTURE QUESTION...          questions about a picture, one after the other in one session
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mica_tensors.h>

enum { PICTURES_MAX = 16, LOGIT_ROWS = 8, ANSWER_TOKENS = 16 };

static mica_error error;

static void require(mica_status status) {
  if (status == MICA_OK) return;
  fprintf(stderr, "%s: %s\n", mica_status_name(status), error.message);
  exit(1);
}

/* FNV-1a, 64 bits. */
static void digest(uint64_t *hash, const void *bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) *hash = (*hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

static void print_digest(uint64_t hash) { printf(" %016" PRIx64, hash); }

static const uint64_t kBasis = UINT64_C(0xcbf29ce484222325);

static int take_token(void *user, const char *text, size_t bytes, int32_t token) {
  (void)text;
  (void)bytes;
  digest(user, &token, sizeof token);
  return 0;
}

/* The newest rows of logits (as many as there are, up to `rows`), the greedy tokens behind them, and the logits then. */
static void print_run(mica_session *session, size_t vocabulary, uint32_t rows) {
  uint64_t hash = kBasis;
  for (uint32_t row = 0; row < rows; ++row) {
    const float *logits = NULL;
    if (mica_session_logits(session, row, &logits, NULL) != MICA_OK) break;
    digest(&hash, logits, vocabulary * sizeof *logits);
  }
  print_digest(hash);
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0;
  sampling.tokens_max = ANSWER_TOKENS;
  sampling.ignore_end = 1;
  hash = kBasis;
  require(mica_session_generate(session, &sampling, take_token, &hash, NULL, &error));
  print_digest(hash);
  const float *logits = NULL;
  require(mica_session_logits(session, 0, &logits, &error));
  hash = kBasis;
  digest(&hash, logits, vocabulary * sizeof *logits);
  print_digest(hash);
}

static mica_session *create(const mica_model *model, uint32_t batch, uint32_t threads, uint32_t visual, uint32_t text) {
  mica_session_options options = mica_session_options_default();
  options.context = 1024;
  options.batch = batch;
  options.threads = threads;
  options.logit_rows = LOGIT_ROWS;
  options.kv_visual_bits = visual;
  options.kv_text_bits = text;
  mica_session *session = NULL;
  /* A shape whose heads cannot be packed says so; that too is a line to compare. */
  if (mica_session_create(model, &options, NULL, 0, &session, &error) != MICA_OK) printf(" refused");
  return session;
}

static const struct {
  uint32_t batch, threads, visual, text;
} kRuns[] = {{0, 1, 0, 0}, {0, 2, 16, 16}, {7, 1, 16, 16}, {64, 2, 1, 8}, {96, 1, 4, 4}, {64, 1, 2, 16}};

static void record_case(const mica_model *model, const char *path, const char *folder) {
  mica_tensors *file = NULL;
  mica_tensor ids;
  require(mica_tensors_open(path, &file, &error));
  require(mica_tensors_find(file, "input_ids", &ids, &error));
  mica_picture *pictures[PICTURES_MAX];
  size_t count = 0;
  const char *metadata = mica_tensors_metadata(file, "images", NULL);
  char names[4096];
  snprintf(names, sizeof names, "%s", metadata ? metadata : "");
  for (char *name = strtok(names, ","); name && count < PICTURES_MAX; name = strtok(NULL, ",")) {
    char place[8192];
    snprintf(place, sizeof place, "%s/%s", folder, name);
    require(mica_picture_open(place, &pictures[count++], &error));
  }
  for (size_t run = 0; run < sizeof kRuns / sizeof *kRuns; ++run) {
    printf("%s batch %u threads %u kv %u/%u:", strrchr(path, '/') + 1, kRuns[run].batch, kRuns[run].threads,
           kRuns[run].visual, kRuns[run].text);
    mica_session *session =
        create(model, kRuns[run].batch, kRuns[run].threads, kRuns[run].visual, kRuns[run].text);
    if (session) {
      const size_t bytes = (size_t)ids.bytes;
      require(mica_session_add_tokens(session, ids.data, bytes / sizeof(int32_t),
                                      (const mica_picture *const *)pictures, count, &error));
      require(mica_session_prefill(session, NULL, NULL, &error));
      print_run(session, mica_model_vocabulary(model), LOGIT_ROWS);
    }
    printf("\n");
    mica_session_free(session);
  }
  for (size_t i = 0; i < count; ++i) mica_picture_free(pictures[i]);
  mica_tensors_close(file);
}

static void record_questions(const mica_model *model, const char *path, char **questions, int count) {
  mica_picture *picture = NULL;
  require(mica_picture_open(path, &picture, &error));
  mica_session *session = create(model, 0, 0, 0, 0);
  for (int i = 0; session && i < count; ++i) {
    const mica_part parts[2] = {{MICA_PART_PICTURE, NULL, 0, picture},
                                {MICA_PART_TEXT, questions[i], strlen(questions[i]), NULL}};
    printf("%s %s:", strrchr(path, '/') ? strrchr(path, '/') + 1 : path, questions[i]);
    require(mica_session_add_message(session, MICA_ROLE_USER, parts + (i > 0), 2 - (size_t)(i > 0), &error));
    require(mica_session_prefill(session, NULL, NULL, &error));
    print_run(session, mica_model_vocabulary(model), 1);
    printf("\n");
  }
  mica_session_free(session);
  mica_picture_free(picture);
}

int main(int argc, char **argv) {
  mica_model *model = NULL;
  if (argc < 4) return 2;
  require(mica_model_open(*argv[1] ? argv[1] : NULL, NULL, &model, &error));
  const char *ending = strrchr(argv[2], '.');
  if (ending && !strcmp(ending, ".safetensors")) record_case(model, argv[2], argv[3]);
  else record_questions(model, argv[2], argv + 3, argc - 3);
  mica_model_close(model);
  return 0;
}
