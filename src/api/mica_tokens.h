/* mica_tokens.h: tokens one by one, in C99: to show beside an answer what each of its tokens wrote. Texts as tokens and back:
 * mica.h, whose rules hold.
 */
#ifndef MICA_TOKENS_H
#define MICA_TOKENS_H

#include "mica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one token writes within a text, which may be a part of a character: joined, the bytes of an answer's tokens are its
 * text. None for control tokens and ids below the tokenizer's size that no token has. *count is always set to the number
 * of bytes; at most `capacity` are written. MICA_INVALID_ARGUMENT for other ids; MICA_LIMIT_EXCEEDED when they did not
 * fit. */
mica_status mica_token_bytes(const mica_tokenizer *tokenizer, int32_t id, char *bytes, size_t capacity, size_t *count,
                             mica_error *error);

#ifdef __cplusplus
}
#endif

#endif /* MICA_TOKENS_H */
