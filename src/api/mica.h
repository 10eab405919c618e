/* mica.h: the whole public interface of mica, in C99. Nothing else of the library is public, and the applications in
 * apps/ use nothing else.
 *
 * A model answers questions about pictures:
 *
 *     mica_model *model;
 *     mica_session *session;
 *     mica_picture *picture;
 *     mica_error error;
 *     mica_model_open(NULL, NULL, &model, &error);                      the default model, inside the library
 *     mica_session_create(model, NULL, NULL, 0, &session, &error);
 *     mica_picture_open("panel.jpg", &picture, &error);
 *     mica_part parts[2] = {{MICA_PART_PICTURE, NULL, 0, picture}, {MICA_PART_TEXT, "Read the dial.", 14, NULL}};
 *     mica_session_add_message(session, MICA_ROLE_USER, parts, 2, &error);
 *     mica_session_generate(session, NULL, print, stdout, NULL, &error);
 *
 * Rules that hold everywhere:
 * - A function that can fail returns mica_status; 0 is good. `error` may be NULL; otherwise it receives the status and a
 *   message that names the file, field or option. Outputs are written only on success unless said otherwise.
 * - Text is UTF-8 with a length in bytes; it need not end in a zero byte. Invalid UTF-8 is refused, never repaired.
 * - A model is read-only after it is opened and may serve sessions in several threads. A session is used by one thread at
 *   a time; mica_session_cancel alone may be called from any thread or signal handler.
 * - After a session is created, it allocates nothing while it reads pictures and generates. (Tokenizing text may.)
 * - The same inputs, seed and options give the same bits, for any number of threads.
 */
#ifndef MICA_H
#define MICA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ------------------------------------------------------------------------------------------------------ */

typedef enum mica_status {
  MICA_OK = 0,
  MICA_INVALID_ARGUMENT = 1, /* outside the documented range */
  MICA_NOT_FOUND = 2,        /* a file, tensor or field that must exist does not */
  MICA_PERMISSION_DENIED = 3,
  MICA_IO_ERROR = 4,         /* reading or writing failed */
  MICA_CORRUPT_FILE = 5,     /* the bytes contradict their own format */
  MICA_UNSUPPORTED = 6,      /* well formed, but of a kind or version that mica does not run */
  MICA_LIMIT_EXCEEDED = 7,   /* beyond a documented bound */
  MICA_OUT_OF_MEMORY = 8,    /* the state is as before the call */
  MICA_CONTEXT_FULL = 9,     /* the session has no room for more tokens */
  MICA_CANCELLED = 10,
  MICA_INTERNAL = 11         /* a promise of mica itself was broken */
} mica_status;

typedef struct mica_error {
  mica_status status;
  char message[508]; /* ends in a zero byte */
} mica_error;

const char *mica_status_name(mica_status status);
const char *mica_version(void);

/* ---- process ----------------------------------------------------------------------------------------------------- */

enum { MICA_LOG_ERROR = 0, MICA_LOG_WARNING = 1, MICA_LOG_INFO = 2, MICA_LOG_DEBUG = 3 };
typedef void (*mica_log_callback)(void *user, int level, const char *message);
/* The library never prints. Set before the first model is opened; NULL silences. */
void mica_set_log(mica_log_callback callback, void *user);

/* Forces a level of instruction set: "scalar", "avx2", "avx512vnni", "neon", "neon_dotprod"; NULL chooses by processor.
 * The environment variable MICA_ISA does the same. Before the first model is opened. MICA_UNSUPPORTED when this processor
 * or this build lacks the level. */
mica_status mica_set_isa(const char *level, mica_error *error);
/* What was found and chosen, as JSON text: {"architecture", "levels": [{"name", "available"}], "chosen", "threads",
 * "libraries": [...]}. Writes at most `capacity` bytes with the final zero; *needed (may be NULL) is the full size. */
mica_status mica_cpu_describe(char *json, size_t capacity, size_t *needed, mica_error *error);

/* Called during long work with a share in [0, 1] and a word for the stage; return nonzero to cancel. */
typedef int (*mica_progress)(void *user, const char *stage, double done);

/* ---- model ------------------------------------------------------------------------------------------------------- */

typedef struct mica_model mica_model;

/* Storage of random weights for mica_model_open_shape. */
typedef enum mica_weights { MICA_WEIGHTS_BF16 = 0, MICA_WEIGHTS_W4A8 = 1, MICA_WEIGHTS_W8A8 = 2 } mica_weights;

typedef struct mica_model_options {
  mica_progress progress; /* may be NULL */
  void *progress_user;
  mica_weights text_weights;   /* only for mica_model_open_shape */
  mica_weights vision_weights; /* likewise */
} mica_model_options;
mica_model_options mica_model_options_default(void);

/* `path`: a folder with a Hugging Face checkpoint (config.json and safetensors), a .gguf file, or a packed .mica file;
 * NULL is the default model that is linked in (MICA_NOT_FOUND when the library was built without it). Files are mapped
 * and must not change while the model is open. `options` may be NULL. The caller closes the model. */
mica_status mica_model_open(const char *path, const mica_model_options *options, mica_model **model, mica_error *error);
/* A packed model in memory, 64-byte aligned; the bytes are borrowed until the model is closed. */
mica_status mica_model_open_memory(const void *bytes, size_t size, const mica_model_options *options, mica_model **model,
                                   mica_error *error);
/* A published shape with random weights, to measure a machine: "qwen2-vl-2b", "qwen2-vl-7b", "smollm2-135m", ...
 * mica_shape_name(i) lists them, NULL at the end. Such a model has no tokenizer. */
mica_status mica_model_open_shape(const char *shape, const mica_model_options *options, mica_model **model,
                                  mica_error *error);
const char *mica_shape_name(size_t index);
/* Closes the model after the last session on it is freed. NULL does nothing. */
void mica_model_close(mica_model *model);

/* Everything that can be said about the model, as JSON text: family, shapes, parameters, bytes, storage, context,
 * picture rules, chat format, tensors. The same text convention as mica_cpu_describe. */
mica_status mica_model_describe(const mica_model *model, char *json, size_t capacity, size_t *needed, mica_error *error);
/* Compares every checksum of a packed file with its data. */
mica_status mica_model_verify(const mica_model *model, mica_progress progress, void *user, mica_error *error);

const char *mica_model_family(const mica_model *model);    /* "qwen2_vl" */
uint32_t mica_model_context_max(const mica_model *model);  /* tokens that the model was trained for */
uint32_t mica_model_vocabulary(const mica_model *model);   /* logits in a row */
uint64_t mica_model_parameters(const mica_model *model);
uint64_t mica_model_bytes(const mica_model *model);        /* of the weights as stored */
int mica_model_has_vision(const mica_model *model);
int mica_model_has_chat(const mica_model *model);          /* a tokenizer and a chat format */

/* ---- tokenizer --------------------------------------------------------------------------------------------------- */

typedef struct mica_tokenizer mica_tokenizer;

/* `path`: a folder with tokenizer.json, such a file itself, or a GGUF file. The caller closes it. */
mica_status mica_tokenizer_open(const char *path, mica_tokenizer **tokenizer, mica_error *error);
void mica_tokenizer_close(mica_tokenizer *tokenizer);
/* The model's own, NULL when it has none; lives as long as the model. */
const mica_tokenizer *mica_model_tokenizer(const mica_model *model);

/* With `parse_special`, strings of control tokens in the text become those tokens; without, they are plain text. *count
 * is always set to the number of ids; at most `capacity` are written. MICA_LIMIT_EXCEEDED when they did not fit. */
mica_status mica_tokenize(const mica_tokenizer *tokenizer, const char *text, size_t bytes, int parse_special, int32_t *ids,
                          size_t capacity, size_t *count, mica_error *error);
/* The reverse; *bytes is always set to the length of the text. No zero byte is added. */
mica_status mica_detokenize(const mica_tokenizer *tokenizer, const int32_t *ids, size_t count, int skip_special,
                            char *text, size_t capacity, size_t *bytes, mica_error *error);

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

typedef struct mica_picture mica_picture;

/* JPEG, PNG and, where built, WebP. The caller frees the picture. */
mica_status mica_picture_open(const char *path, mica_picture **picture, mica_error *error);
mica_status mica_picture_decode(const void *bytes, size_t size, mica_picture **picture, mica_error *error);
/* Rows of R G B bytes, `stride_bytes` apart (0: width * 3); the pixels are copied. */
mica_status mica_picture_from_rgb(const uint8_t *rgb, uint32_t width, uint32_t height, size_t stride_bytes,
                                  mica_picture **picture, mica_error *error);
void mica_picture_free(mica_picture *picture);
uint32_t mica_picture_width(const mica_picture *picture);
uint32_t mica_picture_height(const mica_picture *picture);

/* How many tokens the picture takes in a prompt, placeholders only; nothing is encoded. */
mica_status mica_picture_tokens(const mica_model *model, const mica_picture *picture, uint32_t *tokens, mica_error *error);
/* The numbers that the vision tower reads, in the order of the family's published processor. *count is always set; at
 * most `capacity` floats are written (MICA_LIMIT_EXCEEDED when they did not fit). */
mica_status mica_picture_pixels(const mica_model *model, const mica_picture *picture, float *values, size_t capacity,
                                size_t *count, mica_error *error);

/* ---- session ----------------------------------------------------------------------------------------------------- */

typedef struct mica_session mica_session;

typedef struct mica_session_options {
  uint32_t context;        /* tokens that the session can hold; 0: the model's, at most 4096 */
  uint32_t batch;          /* rows that pass through the decoder at once during prefill; 0: 512 */
  uint32_t threads;        /* 0: the number of processors */
  uint32_t logit_rows;     /* rows of logits kept by a prefill, from the end; 0: 1 */
  uint32_t picture_tokens; /* the largest picture that may be added, in tokens; 0: the most that the model's rules give */
  /* Of the context, how many tokens may be text; 0: all. The rest can only be pictures, whose packed keys and values take
   * a fraction of what text does: a session for many pictures and little text is small. Has no effect where visual rows
   * are not packed. */
  uint32_t context_text;
  /* Keys and values of visual tokens: bits a channel, 1, 2, 4 or 16 (float16); 0: what the model's file prefers, else 1
   * (16 where heads cannot be packed: head_dim is no multiple of 8 from 64 to 512). Rows are packed a picture and layer at
   * a time; a picture of fewer than 32 tokens is kept as text is. Where rows are packed, batch is at least 64. */
  uint32_t kv_visual_bits;
  uint32_t kv_text_bits; /* of text tokens: 16, 8 or 4; 0: 16 */
  /* How levels are chosen: "token" (mean a channel, least-squares scale a token, after a Hadamard rotation; the default),
   * "centroid", "quantile=ALPHA" or "calibquant" (arXiv 2502.14882); NULL: "token". */
  const char *kv_levels;
  /* Exceptions of kv_visual_bits by layers, counted from 0: "0-3=4,27=2"; NULL: none. Both texts are read during the call. */
  const char *kv_visual_layers;
} mica_session_options;
mica_session_options mica_session_options_default(void);

/* The bytes that a session with these options takes: KV cache, scratch, everything. */
mica_status mica_session_size(const mica_model *model, const mica_session_options *options, size_t *bytes,
                              mica_error *error);
/* What such a session would be, as JSON text: {"context", "context_text", "batch", "threads", "memory_bytes",
 * "kv_text_bits", "kv_text_token_bytes", "kv_visual_bits", "kv_levels", "kv_visual_token_bytes"}, bytes a token in all
 * layers, visual ones in a picture of 256 tokens. The text convention of mica_cpu_describe. */
mica_status mica_session_describe(const mica_model *model, const mica_session_options *options, char *json,
                                  size_t capacity, size_t *needed, mica_error *error);
/* `buffer`: at least mica_session_size bytes, 64-byte aligned, kept by the caller until the session is freed; or NULL,
 * then mica allocates it. The model must outlive the session. */
mica_status mica_session_create(const mica_model *model, const mica_session_options *options, void *buffer, size_t bytes,
                                mica_session **session, mica_error *error);
void mica_session_free(mica_session *session);
/* Forgets everything; as new. */
void mica_session_clear(mica_session *session);
/* Stops the running or the next prefill or generation with MICA_CANCELLED, within one chunk or token. */
void mica_session_cancel(mica_session *session);
/* The whole state (tokens, KV cache, random generator) to a file and back; restoring needs the same model and options. */
mica_status mica_session_save(const mica_session *session, const char *path, mica_error *error);
mica_status mica_session_restore(mica_session *session, const char *path, mica_error *error);

typedef enum mica_role { MICA_ROLE_SYSTEM = 0, MICA_ROLE_USER = 1, MICA_ROLE_ASSISTANT = 2 } mica_role;
typedef enum mica_part_kind { MICA_PART_TEXT = 0, MICA_PART_PICTURE = 1 } mica_part_kind;
typedef struct mica_part {
  mica_part_kind kind;
  const char *text; /* for MICA_PART_TEXT */
  size_t text_bytes;
  const mica_picture *picture; /* for MICA_PART_PICTURE; kept by the caller until the next prefill or generate returns */
} mica_part;

/* Adds a turn in the model's chat format; text is plain text, never control tokens. A conversation without a system turn
 * gets the family's default one, if it has any. Nothing is computed yet; either all of it is added or nothing. */
mica_status mica_session_add_message(mica_session *session, mica_role role, const mica_part *parts, size_t count,
                                     mica_error *error);
/* Without a chat format: text, a picture (with the family's begin and end tokens), or ids as they are, in which each run
 * of image placeholders stands for the next of `pictures`. */
mica_status mica_session_add_text(mica_session *session, const char *text, size_t bytes, int parse_special,
                                  mica_error *error);
mica_status mica_session_add_picture(mica_session *session, const mica_picture *picture, mica_error *error);
mica_status mica_session_add_tokens(mica_session *session, const int32_t *ids, size_t count,
                                    const mica_picture *const *pictures, size_t picture_count, mica_error *error);

/* To measure behind a filled context without computing it: as if `pictures` pictures of `picture_tokens` tokens (at most a
 * batch) and then `text` tokens had been read; their keys and values are noise. Nothing may wait to be computed. */
mica_status mica_session_fill(mica_session *session, uint32_t text, uint32_t pictures, uint32_t picture_tokens,
                              mica_error *error);

/* Computes what was added. mica_session_generate does so by itself. `progress` may be NULL. After a failure other than
 * MICA_CANCELLED the session holds what it held before; after MICA_CANCELLED too. */
mica_status mica_session_prefill(mica_session *session, mica_progress progress, void *user, mica_error *error);
/* Row `from_end` of the last prefill's or the last generated token's logits: 0 is the newest. The floats are the
 * session's, valid until its next call. */
mica_status mica_session_logits(const mica_session *session, uint32_t from_end, const float **logits, mica_error *error);

typedef struct mica_sampling {
  float temperature;       /* 0: greedy */
  uint32_t top_k;          /* 0: all */
  float top_p;             /* 1: all */
  float min_p;             /* 0: all */
  float repeat_penalty;    /* 1: none */
  uint32_t repeat_last;    /* tokens that the penalty looks back at */
  uint64_t seed;
  uint32_t tokens_max;     /* 0: until the end of the answer or of the context */
  int ignore_end;          /* go on past the end of the answer: for measuring */
} mica_sampling;
/* As llama.cpp's: temperature 0.8, top_k 40, top_p 0.95, min_p 0.05, no penalty, 64 tokens back. */
mica_sampling mica_sampling_default(void);

/* Called with each piece of text that has become complete (whole characters, possibly empty) and the token that
 * completed it (-1 for what the answer's end leaves of a character); return nonzero to end the answer. */
typedef int (*mica_text_callback)(void *user, const char *text, size_t bytes, int32_t token);

typedef enum mica_stop {
  MICA_STOP_END = 0,     /* the model ended its answer */
  MICA_STOP_TOKENS = 1,  /* tokens_max */
  MICA_STOP_CALLBACK = 2,
  MICA_STOP_CONTEXT = 3  /* the context is full */
} mica_stop;
typedef struct mica_generation {
  uint32_t tokens; /* generated, the end token not counted */
  mica_stop stop;
} mica_generation;

/* Prefills what was added and answers. With a chat format and an unanswered message, the assistant's turn is opened
 * first; the next message closes it and continues the conversation. After MICA_CANCELLED in the middle of an answer the
 * session holds the answer so far. `sampling`, `callback` and `result` may be NULL. */
mica_status mica_session_generate(mica_session *session, const mica_sampling *sampling, mica_text_callback callback,
                                  void *user, mica_generation *result, mica_error *error);

typedef struct mica_stats {
  uint32_t tokens;          /* in the session now */
  uint32_t tokens_visual;   /* of these */
  uint64_t session_bytes;   /* the buffer */
  uint64_t kv_text_bytes;   /* in use */
  uint64_t kv_visual_bytes; /* in use */
  /* of all work since the session was created or mica_stats_reset */
  uint32_t pictures, picture_tokens;
  double picture_seconds;
  uint32_t prefill_tokens;
  double prefill_seconds; /* without picture_seconds */
  uint32_t decode_tokens;
  double decode_seconds;
} mica_stats;
void mica_session_stats(const mica_session *session, mica_stats *stats);
void mica_session_stats_reset(mica_session *session);

/* ---- tensor files ------------------------------------------------------------------------------------------------ */

/* Reads a safetensors file, for tools that compare a model with recorded inputs and outputs. */
typedef struct mica_tensors mica_tensors;
typedef struct mica_tensor {
  const char *dtype; /* "F32", "I32", ... */
  uint32_t rank;
  uint64_t shape[8];
  const void *data; /* as stored; lives as long as the file is open */
  size_t bytes;
} mica_tensor;
mica_status mica_tensors_open(const char *path, mica_tensors **tensors, mica_error *error);
void mica_tensors_close(mica_tensors *tensors);
mica_status mica_tensors_find(const mica_tensors *tensors, const char *name, mica_tensor *tensor, mica_error *error);
/* The name of the i-th tensor, NULL at the end. */
const char *mica_tensors_name(const mica_tensors *tensors, size_t index);
/* A string of __metadata__, NULL when absent; the length goes to *bytes if not NULL. */
const char *mica_tensors_metadata(const mica_tensors *tensors, const char *key, size_t *bytes);

#ifdef __cplusplus
}
#endif

#endif /* MICA_H */
