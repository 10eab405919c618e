/* mica.h: the public interface of mica, in C99. mica_video.h adds videos, mica_schema.h answers that keep a JSON schema,
 * mica_camera.h frames of cameras, mica_embeddings.h encoded pictures as numbers, mica_tensors.h stored values.
 * Nothing else of the library is public, and the applications in apps/ use nothing else.
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
 * - NULL where an argument is needed is MICA_INVALID_ARGUMENT. A function without a status returns 0 or NULL for a NULL
 *   handle, or does nothing.
 * - When memory runs out, a function returns MICA_OUT_OF_MEMORY, has freed what it took, and the state is as before.
 * - Text is UTF-8 with a length in bytes; it need not end in a zero byte. Invalid UTF-8 is refused, never repaired.
 * - A model is read-only after it is opened and may serve sessions in several threads. A session is used by one thread at
 *   a time, and so are all of one mica_workspace together; mica_session_cancel alone may be called from any thread or
 *   signal handler.
 * - After a session is created, mica allocates nothing while it reads pictures and generates. (Tokenizing text may,
 *   mica_pictures does for what it keeps, and oneDNN does inside products of floats; where it finds no memory, mica
 *   computes the product without it.)
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
/* The library never prints. For the whole process and from any thread; NULL silences. The callback comes in the thread
 * that has something to say; a message that another thread is just saying may still go to the one that was set before. */
void mica_set_log(mica_log_callback callback, void *user);

/* Forces a level of instruction set, by a name that mica_cpu_describe lists: "scalar" is one of them; NULL chooses by
 * processor. The environment variable MICA_ISA does the same. Before the first model is opened. MICA_UNSUPPORTED when this
 * processor or this build lacks the level. */
mica_status mica_set_isa(const char *level, mica_error *error);
/* What was found and chosen, as JSON text: {"architecture", "levels": [{"name", "available"}], "chosen", "threads",
 * "libraries": [...]}. Writes at most `capacity` bytes with the final zero; *needed (may be NULL) is the full size. */
mica_status mica_cpu_describe(char *json, size_t capacity, size_t *needed, mica_error *error);

/* The bytes of memory that this process may still take: what the system has, its control group and its limit of address
 * space leave. */
uint64_t mica_memory_available(void);

/* Called during long work with a share in [0, 1] and a word for the stage; return nonzero to cancel. */
typedef int (*mica_progress)(void *user, const char *stage, double done);

/* ---- model ------------------------------------------------------------------------------------------------------- */

typedef struct mica_model mica_model;

/* Storage of random weights for mica_model_open_shape. */
typedef enum mica_weights { MICA_WEIGHTS_BF16 = 0, MICA_WEIGHTS_W4A8 = 1, MICA_WEIGHTS_W8A8 = 2 } mica_weights;
/* "bf16", "w4a8", ...: the name of the storage of this number, also of those behind the ones above; NULL when there is
 * none. */
const char *mica_weights_name(size_t index);

typedef struct mica_model_options {
  mica_progress progress; /* may be NULL */
  void *progress_user;
  mica_weights text_weights;   /* only for mica_model_open_shape */
  mica_weights vision_weights; /* likewise */
  /* How turns of a conversation are written: "chatml", "llama2", "llama3", "llama3.1", "vicuna"; NULL: by the model's
   * chat template, which is run (those that are published are known, and written without it). Where it cannot be run
   * there is no chat format, and the log says why. Read during the call. */
  const char *chat_format;
  /* The source of a chat template (Jinja) that is run in place of the model's; NULL or empty: none. One that cannot be run
   * is an error. Read during the call. */
  const char *chat_template;
  /* Of a GGUF file: the file that holds the tower of its pictures (mmproj). NULL or empty: the only one whose name has
   * "mmproj" in it and which lies beside the model's, if it is for this kind of model. */
  const char *projector;
  /* Not 0, only for mica_model_open_shape: no weights are made, and the model takes next to no memory. To ask what it would
   * be and what its sessions would take; making one is MICA_UNSUPPORTED. */
  int without_weights;
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

/* What the model is for, in a line for people, as its packed file says it; "" where nothing is said. */
const char *mica_model_description(const mica_model *model);
const char *mica_model_family(const mica_model *model);    /* "qwen2_vl" */
uint32_t mica_model_context_max(const mica_model *model);  /* as far as it was trained */
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

/* What mica_tokenize does beside encoding the text; joined by |. */
enum {
  MICA_TOKENIZE_PLAIN = 0,
  MICA_TOKENIZE_SPECIAL = 1, /* strings of control tokens in the text become those tokens; else they are plain text */
  MICA_TOKENIZE_BEGIN = 2,   /* before the text stand the tokens that the tokenizer's file wants there (<s>), if any */
  MICA_TOKENIZE_END = 4      /* and behind it those that it wants there; the file alone decides (post_processor of
                              * tokenizer.json, add_bos_token and add_eos_token of a GGUF file) */
};
/* `flags`: of MICA_TOKENIZE_*. With SPECIAL | BEGIN | END the ids are those of the tokenizers library with
 * add_special_tokens, with SPECIAL alone those without. *count is always set to the number of ids; at most `capacity`
 * are written. MICA_LIMIT_EXCEEDED when they did not fit. */
mica_status mica_tokenize(const mica_tokenizer *tokenizer, const char *text, size_t bytes, int flags, int32_t *ids,
                          size_t capacity, size_t *count, mica_error *error);
/* The reverse; *bytes is always set to the length of the text. No zero byte is added. */
mica_status mica_detokenize(const mica_tokenizer *tokenizer, const int32_t *ids, size_t count, int skip_special,
                            char *text, size_t capacity, size_t *bytes, mica_error *error);

/* ---- chat templates ---------------------------------------------------------------------------------------------- */

typedef struct mica_chat_template mica_chat_template;

/* `path`: a folder with chat_template.jinja, chat_template.json or tokenizer_config.json, of which the first that has a
 * template counts. The caller closes it. */
mica_status mica_chat_template_open(const char *path, mica_chat_template **chat_template, mica_error *error);
void mica_chat_template_close(mica_chat_template *chat_template);
/* Writes a conversation as the template does. `conversation` is JSON: {"messages": [...], "tools": null,
 * "add_generation_prompt": true, "kwargs": {}}, of which all but messages may be left out; "template" names one of several
 * templates, "date" (2024-07-26) the day that the template sees. *bytes is always set to the length of the text, of which
 * at most `capacity` are written; no zero byte is added. MICA_LIMIT_EXCEEDED when it did not fit; MICA_INVALID_ARGUMENT
 * when the template itself refuses the conversation. */
mica_status mica_chat_template_render(const mica_chat_template *chat_template, const char *conversation,
                                      size_t conversation_bytes, char *text, size_t capacity, size_t *bytes,
                                      mica_error *error);

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

typedef struct mica_picture mica_picture;

/* JPEG, PNG and, where built, WebP; from a file, a pipe or a device. Transparent parts are seen on white unless the model's
 * preprocessor_config.json says do_convert_rgb false. The caller frees the picture. */
mica_status mica_picture_open(const char *path, mica_picture **picture, mica_error *error);
mica_status mica_picture_decode(const void *bytes, size_t size, mica_picture **picture, mica_error *error);
/* Rows of R G B bytes, `stride_bytes` apart (0: width * 3); the pixels are copied. */
mica_status mica_picture_from_rgb(const uint8_t *rgb, uint32_t width, uint32_t height, size_t stride_bytes,
                                  mica_picture **picture, mica_error *error);
void mica_picture_free(mica_picture *picture);
uint32_t mica_picture_width(const mica_picture *picture);
uint32_t mica_picture_height(const mica_picture *picture);

/* How many tokens the picture takes in a prompt by the model's own rules, placeholders only; nothing is encoded. What it
 * takes in a session: mica_session_picture_tokens. */
mica_status mica_picture_tokens(const mica_model *model, const mica_picture *picture, uint32_t *tokens, mica_error *error);
/* The numbers that the vision tower reads, in the order of the family's published processor. *count is always set; at
 * most `capacity` floats are written (MICA_LIMIT_EXCEEDED when they did not fit). */
mica_status mica_picture_pixels(const mica_model *model, const mica_picture *picture, float *values, size_t capacity,
                                size_t *count, mica_error *error);

/* ---- session ----------------------------------------------------------------------------------------------------- */

typedef struct mica_session mica_session;

typedef struct mica_session_options {
  uint32_t context;        /* tokens that the session can hold; 0: the model's, at most 4096 */
  uint32_t batch;          /* rows that pass through the decoder at once during prefill, at most 8192; 0: 512 */
  uint32_t threads;        /* 0: what memory feeds of the cores that may be used (affinity, quotas, OMP_NUM_THREADS) */
  uint32_t logit_rows;     /* rows of logits kept by a prefill, from the end; 0: 1 */
  /* The most tokens that one picture may take; larger pictures are made smaller. 0: as many as the model's rules give,
   * within a context of which a quarter, at most 512 tokens, is left to text. Pictures of one message share, whatever
   * is said here, what its text and 256 tokens of an answer leave. What was made smaller is in mica_stats. */
  uint32_t picture_tokens;
  uint32_t picture_tokens_min; /* pictures of fewer are made larger, where the model takes any size; 0: by its rules */
  /* Of the context, how many tokens may be text; 0: all. The rest can only be pictures, whose packed keys and values take
   * a fraction of what text does: a session for many pictures and little text is small. Has no effect where visual rows
   * are not packed. */
  uint32_t context_text;
  /* Keys and values of visual tokens: bits a channel, 1, 2, 4, or floats of 16 or 32, as wide as those of text; 0: what the
   * model's file prefers, else 1 (floats where heads cannot be packed: head_dim is no multiple of 8 from 64 to 512). Rows
   * are packed a picture and layer at a time; a picture of fewer than 32 tokens is kept as text is. Where rows are packed,
   * batch is at least 64. */
  uint32_t kv_visual_bits;
  uint32_t kv_text_bits; /* of text tokens: 32, 16, 8 or 4; 0: 16 (32 where visual ones have 32) */
  /* How levels are chosen: "token" (mean a channel, least-squares scale a token, after a Hadamard rotation; the default),
   * "centroid", "quantile=ALPHA" or "calibquant" (arXiv 2502.14882); NULL: "token". */
  const char *kv_levels;
  /* Exceptions of kv_visual_bits by layers, counted from 0: "0-3=4,27=2"; NULL: none. Both texts are read during the call. */
  const char *kv_visual_layers;
  uint32_t threads_batch; /* for prompts and pictures; 0: as threads, or, where that is 0 too, all cores that are not slow */
} mica_session_options;
mica_session_options mica_session_options_default(void);

/* The bytes that a session with these options takes: KV cache, scratch, everything. */
mica_status mica_session_size(const mica_model *model, const mica_session_options *options, size_t *bytes,
                              mica_error *error);
/* The largest context up to `wanted` tokens whose session fits into the memory that this process may still take (what the
 * system has, its control group and its limit of address space leave), one eighth of it kept free. `options` may be NULL;
 * its context is not read. MICA_OUT_OF_MEMORY when not even the smallest session fits. */
mica_status mica_session_context_within_memory(const mica_model *model, const mica_session_options *options, uint32_t wanted,
                                               uint32_t *context, mica_error *error);
/* What such a session would be, as JSON text: {"context", "context_trained", "context_text", "batch", "threads",
 * "threads_batch", "memory_bytes", "kv_text_bits", "kv_text_token_bytes", "picture_tokens_least",
 * "picture_tokens_most", "kv_visual_bits", "kv_levels", "kv_visual_token_bytes"}, bytes a token in all layers, visual
 * ones in a picture of 256 tokens; what speaks of pictures only where the model reads them. The text convention of
 * mica_cpu_describe. */
mica_status mica_session_describe(const mica_model *model, const mica_session_options *options, char *json,
                                  size_t capacity, size_t *needed, mica_error *error);
/* `buffer`: at least mica_session_size bytes, 64-byte aligned, kept by the caller until the session is freed; or NULL,
 * then mica allocates it. The model must outlive the session. */
mica_status mica_session_create(const mica_model *model, const mica_session_options *options, void *buffer, size_t bytes,
                                mica_session **session, mica_error *error);
/* Gives a session whose memory mica allocated a larger context. It keeps all that it holds and all that waits to be
 * computed, pictures too; options that were left to mica follow the new context, and text may be as many tokens more as the
 * context. While it moves, both the old and the new memory are taken. On failure the session is as before.
 * MICA_INVALID_ARGUMENT when `context` is not larger than now, or the buffer is the caller's. */
mica_status mica_session_grow(mica_session *session, uint32_t context, mica_error *error);
void mica_session_free(mica_session *session);

/* What computing takes beside what a session holds: buffers, scratch, threads. mica_session_create makes one for each
 * session; sessions of one workspace share it, and each is then hardly more than its keys and values. The workspace, and
 * the sessions in it together, are used by one thread at a time. */
typedef struct mica_workspace mica_workspace;

/* `options`: of the largest session that shall work in it (context, batch, threads, logit_rows, picture_tokens);
 * `sessions_max`: how many mica_sessions_step may take at once, 1 to 256, at most a batch. `buffer` as for
 * mica_session_create. The model must outlive the workspace, and that its sessions. */
mica_status mica_workspace_size(const mica_model *model, const mica_session_options *options, uint32_t sessions_max,
                                size_t *bytes, mica_error *error);
mica_status mica_workspace_create(const mica_model *model, const mica_session_options *options, uint32_t sessions_max,
                                  void *buffer, size_t bytes, mica_workspace **workspace, mica_error *error);
/* After the last session in it is freed. NULL does nothing. */
void mica_workspace_free(mica_workspace *workspace);
/* A session in the workspace: batch, threads and what pictures may take are the workspace's, not read here; context and
 * logit_rows at most as there, context 0: as there, at most 4096. */
mica_status mica_workspace_session_size(const mica_workspace *workspace, const mica_session_options *options,
                                        size_t *bytes, mica_error *error);
mica_status mica_workspace_session_create(mica_workspace *workspace, const mica_session_options *options, void *buffer,
                                          size_t bytes, mica_session **session, mica_error *error);

/* Forgets everything; as new. */
void mica_session_clear(mica_session *session);
/* Stops the running or the next prefill or generation with MICA_CANCELLED, within one chunk, token or layer of a picture. */
void mica_session_cancel(mica_session *session);
/* The state (tokens and what waits of them, KV cache, the newest row of logits, random generator) to a file and back.
 * Restoring needs the same weights and the same settings of keys and values (kv_*), and a context that the saved tokens fit
 * (else MICA_CONTEXT_FULL); other options may differ. A picture that waits to be computed is not saved: prefill before. The
 * file is checked whole before anything changes: on failure the session is as before. The first call on a model whose file
 * has no checksums (all but .mica) reads its weights once, to know it again. */
mica_status mica_session_save(const mica_session *session, const char *path, mica_error *error);
mica_status mica_session_restore(mica_session *session, const char *path, mica_error *error);

typedef enum mica_role { MICA_ROLE_SYSTEM = 0, MICA_ROLE_USER = 1, MICA_ROLE_ASSISTANT = 2 } mica_role;
/* Frames that follow each other are one video (mica_video.h). */
typedef enum mica_part_kind { MICA_PART_TEXT = 0, MICA_PART_PICTURE = 1, MICA_PART_FRAME = 2 } mica_part_kind;
typedef struct mica_part {
  mica_part_kind kind;
  const char *text; /* for MICA_PART_TEXT */
  size_t text_bytes;
  const mica_picture *picture; /* for the other two; kept by the caller until the next prefill or generate returns */
} mica_part;

/* Adds a turn in the model's chat format; text is plain text, never control tokens. A conversation without a system turn
 * gets that of its chat template, if there is one. Nothing is computed yet; either all of it is added or nothing. */
mica_status mica_session_add_message(mica_session *session, mica_role role, const mica_part *parts, size_t count,
                                     mica_error *error);
/* Without a chat format: text, a picture (with the family's begin and end tokens), or ids as they are, in which each run
 * of image placeholders is the next of `pictures`. Text or a picture that is the first of a session stands behind
 * the tokens that the tokenizer's file wants before a text (MICA_TOKENIZE_BEGIN), unless it begins with them. Those
 * behind a text are left out: an answer follows. */
mica_status mica_session_add_text(mica_session *session, const char *text, size_t bytes, int parse_special,
                                  mica_error *error);
mica_status mica_session_add_picture(mica_session *session, const mica_picture *picture, mica_error *error);
mica_status mica_session_add_tokens(mica_session *session, const int32_t *ids, size_t count,
                                    const mica_picture *const *pictures, size_t picture_count, mica_error *error);

/* Encoded pictures, kept so that one that comes again (in a later turn, after mica_session_clear, in another session) need
 * not be encoded again: the most of what a picture takes. One is known by its pixels and by how large the session makes
 * it, whatever handle it has. They may serve any sessions of their model, in any threads. */
typedef struct mica_pictures mica_pictures;
typedef struct mica_picture_stats {
  uint64_t pictures, bytes; /* kept now */
  uint64_t bytes_max;
  uint64_t found, missed; /* pictures that sessions asked for, since the beginning */
} mica_picture_stats;

/* `bytes_max`: of all that is kept; where that is not enough, what was not used for longest goes. A picture takes 4 bytes a
 * token and channel of the decoder. Memory is taken as pictures come: where there is none, they are not kept. The model
 * must outlive the pictures. */
mica_status mica_pictures_create(const mica_model *model, size_t bytes_max, mica_pictures **pictures,
                                 mica_error *error);
/* After the last session that uses them is freed or uses others. NULL does nothing. */
void mica_pictures_free(mica_pictures *pictures);
void mica_pictures_clear(mica_pictures *pictures);
/* All zeros for NULL. */
void mica_pictures_stats(const mica_pictures *pictures, mica_picture_stats *stats);
/* From now on the session looks there and keeps there what it encodes; NULL: it keeps nothing, as at the beginning. Borrowed.
 * Its answers have the same bits; mica_stats counts the pictures that were encoded. */
mica_status mica_session_set_pictures(mica_session *session, mica_pictures *pictures, mica_error *error);

/* Tokens of the picture in this session: as it was added, while it waits to be computed; else as it would be now. Fewer
 * than mica_picture_tokens where it is made smaller. */
mica_status mica_session_picture_tokens(const mica_session *session, const mica_picture *picture, uint32_t *tokens,
                                        mica_error *error);

/* To measure behind a filled context without computing it: as if `pictures` pictures of `picture_tokens` tokens (at most a
 * batch) and then `text` tokens had been read; their keys and values are noise. Nothing may wait to be computed. */
mica_status mica_session_fill(mica_session *session, uint32_t text, uint32_t pictures, uint32_t picture_tokens,
                              mica_error *error);

/* Computes what was added. mica_session_generate does so by itself. `progress` may be NULL. After a failure, and after
 * MICA_CANCELLED, the session holds what it held before; of the rows of logits it keeps the newest. */
mica_status mica_session_prefill(mica_session *session, mica_progress progress, void *user, mica_error *error);
/* The same in pieces, each no longer than a layer of a picture's tower or a batch of rows, so that other sessions of the
 * workspace can be stepped in between: each call computes the next piece, while anything waits. What is left of a text
 * may also join the others' tokens (mica_sessions_step): the answer has the same bits. One session after the other: what
 * another session begins in pieces meanwhile, this one begins again. On failure as mica_session_prefill, back to before
 * the first piece. */
mica_status mica_session_prefill_piece(mica_session *session, mica_error *error);
/* 1 where what waits in the session cannot join a step of others: a picture, or more than a batch. */
int mica_session_waits_apart(const mica_session *session);
/* Row `from_end` of the last prefill's or the last generated token's logits: 0 is the newest. The floats are the
 * session's, valid until its next call. In a mica_text_callback row 0 is what the token was chosen from: the softmax of
 * it, at the token, is how likely the model found it, before temperature and filters. */
mica_status mica_session_logits(const mica_session *session, uint32_t from_end, const float **logits, mica_error *error);

typedef struct mica_sampling {
  float temperature;       /* 0: greedy */
  uint32_t top_k;          /* 0: all */
  float top_p;             /* 1: all; 0: the likeliest */
  float min_p;             /* 0: all */
  float repeat_penalty;    /* 1: none */
  uint32_t repeat_last;    /* tokens that the penalty looks back at */
  uint64_t seed;
  uint32_t tokens_max;     /* 0: until the end of the answer or of the context */
  int ignore_end;          /* go on past the end of the answer: for measuring */
} mica_sampling;
/* As llama.cpp's: temperature 0.8, top_k 40, top_p 0.95, min_p 0.05, no penalty, 64 tokens back. */
mica_sampling mica_sampling_default(void);
/* As the model's file asks for it (generation_config.json): greedy where that says so. MICA_NOT_FOUND, and *sampling as
 * it was, when the model has no such file. */
mica_status mica_model_sampling_default(const mica_model *model, mica_sampling *sampling, mica_error *error);

/* Called with each piece of text that has become complete (whole characters, possibly empty) and the token that
 * completed it (-1 for what the answer's end leaves of a character); return nonzero to end the answer. */
typedef int (*mica_text_callback)(void *user, const char *text, size_t bytes, int32_t token);

typedef enum mica_stop {
  MICA_STOP_END = 0,     /* the model ended its answer */
  MICA_STOP_TOKENS = 1,  /* tokens_max */
  MICA_STOP_CALLBACK = 2,
  MICA_STOP_CONTEXT = 3, /* the context is full: a further token was neither shown nor counted */
  MICA_STOP_TEXT = 4,    /* one of the texts of mica_session_set_stops */
  MICA_STOP_NONE = 5     /* of a step: the answer goes on */
} mica_stop;
typedef struct mica_generation {
  uint32_t tokens; /* generated, the end token not counted */
  mica_stop stop;
} mica_generation;

/* Prefills what was added and answers. With a chat format and an unanswered message, the assistant's turn is opened
 * first; the next message closes it and continues the conversation. After MICA_CANCELLED in the middle of an answer the
 * session holds the answer so far. `sampling`, `callback` and `result` may be NULL. Afterwards no answer has begun that
 * could be stepped on. */
mica_status mica_session_generate(mica_session *session, const mica_sampling *sampling, mica_text_callback callback,
                                  void *user, mica_generation *result, mica_error *error);

typedef struct mica_text {
  const char *text;
  size_t bytes;
} mica_text;
/* Texts that end an answer, for all answers of the session that follow, until others are set; count 0: none. At
 * the beginning those of the model's file (stop_strings of generation_config.json), mostly none. The answer's text ends before the first of them: it is not shown, and neither is, until more is known, what
 * may be its beginning. Its tokens stay in the session. At most 64 texts of 1 to 256 bytes, which are copied. Between
 * calls of step they take effect with the next token. On failure those of before stay. */
mica_status mica_session_set_stops(mica_session *session, const mica_text *texts, size_t count, mica_error *error);

/* An answer a token at a time, as mica_session_generate gives it: begin, then step until `stop` is not MICA_STOP_NONE.
 * Between steps the caller may do what it likes with the session: add text or tokens, which the answer goes on behind;
 * clear it, restore it or add a message, which end the answer. */
typedef struct mica_step {
  int32_t token;    /* -1: none came, because the answer is over */
  const char *text; /* whole characters that have become complete, possibly none; the session's, until its next call */
  size_t text_bytes;
  mica_stop stop;   /* MICA_STOP_TOKENS and MICA_STOP_TEXT come with the last token, the others without one */
} mica_step;
/* Opens the assistant's turn where a message waits for an answer, and seeds the sampling; nothing is computed. What went
 * before is over. `sampling` may be NULL. */
mica_status mica_session_begin(mica_session *session, const mica_sampling *sampling, mica_error *error);
/* Computes what waits and chooses a token, which then waits itself: it is in the session, and computed by the next step,
 * prefill or generate. Until then row 0 of the logits is what it was chosen from. After the end of the answer a step
 * gives no token and the same `stop`. MICA_INVALID_ARGUMENT when no answer has begun. After MICA_CANCELLED the answer can
 * be stepped on, unless what it continues had to be taken back, as after a failed prefill: then begin anew. */
mica_status mica_session_step(mica_session *session, mica_step *step, mica_error *error);

/* A step of each of `count` different sessions of one workspace. The weights are read once for all of them, so that
 * several answers take little longer than one; each gets the tokens that it would get alone, bit for bit. Text that waits
 * is computed along with the others' tokens where a batch has room for it (and the weights are packed), else before, as
 * pictures are. Others wait for all of it: not where it was computed by mica_session_prefill_piece before. Sessions whose
 * answer is over may stay among them. A session that fails does not stop the others: its status is in `statuses` (may be
 * NULL), its step has no token, and the first failure is what is returned. `steps` and `statuses` have room for `count`.
 * MICA_INVALID_ARGUMENT, and no session was stepped, where they are more than sessions_max, not of one workspace, or one
 * is there twice. */
mica_status mica_sessions_step(mica_session *const *sessions, size_t count, mica_step *steps, mica_status *statuses,
                               mica_error *error);

typedef struct mica_stats {
  uint32_t tokens;          /* in the session now */
  uint32_t tokens_visual;   /* of these */
  uint32_t tokens_waiting;  /* that were added and are not computed yet */
  /* What the last message, text or picture that was added would have taken, all before it included, with its pictures as
   * large as the model's rules ask and room for an answer: the context that MICA_CONTEXT_FULL asks for. */
  uint32_t tokens_wanted;
  uint64_t session_bytes;   /* the buffer */
  uint64_t kv_text_bytes;   /* in use */
  uint64_t kv_visual_bytes; /* in use */
  /* of all work since the session was created or mica_stats_reset */
  uint32_t pictures, picture_tokens;
  uint32_t pictures_reduced; /* of these, made smaller than the model's rules ask: for room, or by picture_tokens */
  double picture_seconds;
  uint32_t prefill_tokens;
  double prefill_seconds; /* without picture_seconds */
  uint32_t decode_tokens;
  double decode_seconds;
} mica_stats;
/* All zeros for a NULL session. */
void mica_session_stats(const mica_session *session, mica_stats *stats);
void mica_session_stats_reset(mica_session *session);

#ifdef __cplusplus
}
#endif

#endif /* MICA_H */
