/* mica_schema.h: answers that keep a JSON schema, in C99. All rules of mica.h hold.
 *
 * Tokens are chosen among those that the schema allows, so that what is answered is JSON of its kind, whatever the model
 * is and however it is sampled; greedy stays greedy among them. Where the value is whole the answer ends (MICA_STOP_END).
 * Where tokens_max, the context or a stop text ends it before, the text is the beginning of such a value.
 *
 * Of draft 2020-12 are kept: type (also lists), enum, const, anyOf, allOf, oneOf (where branches are told apart by their
 * types, or by constants of members that are required), $ref within the schema (# and #/...; recursive ones too), $defs,
 * true and false; properties, required, additionalProperties; items, prefixItems, minItems, maxItems; minLength,
 * maxLength, pattern (characters, classes, ^, $, groups, |, repeats), format (date, time, date-time, uuid, ipv4, hostname,
 * email); minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf (whole numbers to 1000); nullable of OpenAPI.
 * Descriptions and the like (title, description, default, examples, $schema, $id, $comment, ...) say nothing here. Every
 * other keyword is MICA_UNSUPPORTED, with its place.
 *
 * How values are written: properties in the order of the schema, others behind them; at most one space behind a colon, a
 * comma and before the whole; characters of strings as they are, with an escape only where JSON has no other way (and
 * wherever the vocabulary cannot write every byte); integers as digits alone; numbers of at most 20 digits, between bounds
 * without an exponent; values in values to a depth of 64, lists counted twice. What has keywords of objects (arrays,
 * strings, numbers) and no type is taken to be an object (array, string, number).
 */
#ifndef MICA_SCHEMA_H
#define MICA_SCHEMA_H

#include "mica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All answers of the session that begin from now on keep the schema, until another is set: also in mica_sessions_step, each
 * session by its own. `schema` is read during the call; NULL: answers are free again. "{}" allows any JSON value,
 * {"type": "object"} any object. An answer that has begun is over. On failure the schema of before stays:
 * MICA_CORRUPT_FILE for what is no JSON, MICA_INVALID_ARGUMENT for what is no schema or what no value keeps,
 * MICA_UNSUPPORTED for a keyword that is not kept and for a model without a tokenizer, MICA_LIMIT_EXCEEDED beyond
 * 256 KB and bounds that the message names. The call takes memory, up to 8 MB, for as long as the schema is set, and with
 * the first schema of a model about 50 bytes a token, which stay with the model.
 * A step is MICA_UNSUPPORTED where the model has no token for what must come next. Text that is added between steps is no
 * part of the value. ignore_end of mica_sampling does not go on behind a whole value. */
mica_status mica_session_set_schema(mica_session *session, const char *schema, size_t bytes, mica_error *error);

/* A schema that is read once, in any thread and for any sessions of its model: reading one that asks much takes up to half a
 * second, in which a thread that steps others should not wait. Errors as above. The caller frees it; the model must outlive
 * it. */
typedef struct mica_schema mica_schema;
mica_status mica_schema_read(const mica_model *model, const char *schema, size_t bytes, mica_schema **out,
                             mica_error *error);
void mica_schema_free(mica_schema *schema);
/* As mica_session_set_schema, with what was read, which is copied: it may be freed then. NULL: answers are free again. */
mica_status mica_session_use_schema(mica_session *session, const mica_schema *schema, mica_error *error);

#ifdef __cplusplus
}
#endif

#endif /* MICA_SCHEMA_H */
