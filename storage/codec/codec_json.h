/*
 * codec_json.h
 *
 * JSON over cJSON, with exact 64-bit integers both ways, bounded size and
 * depth, and errors that name the file. cJSON's own number is a double: long
 * integers are quoted before parsing and printed raw.
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "../base/base_buffer.h"

typedef struct PmnJson PmnJson;	  /* a parsed document */
typedef struct cJSON PmnJsonNode; /* a value inside one */

/* name is for messages: the file. PMN_CORRUPT when it isn't JSON, has bytes
 * after the value, "\u0000", or duplicate keys; 64 MB, depth 64 at most. */
PMN_CHECKED PmnCode pmn_json_parse(PmnEnv *env, PmnBytes text, const char *name,
								   PmnJson **out);
void pmn_json_free(PmnJson *json); /* NULL allowed */
const PmnJsonNode *pmn_json_root(const PmnJson *json);

typedef enum PmnJsonKind
{
	PMN_JSON_NULL,
	PMN_JSON_BOOL,
	PMN_JSON_NUMBER,
	PMN_JSON_STRING,
	PMN_JSON_ARRAY,
	PMN_JSON_OBJECT
} PmnJsonKind;

PmnJsonKind pmn_json_kind(const PmnJsonNode *node);
/* Member of an object, or NULL when missing or JSON null. */
const PmnJsonNode *pmn_json_member(const PmnJsonNode *object, const char *key);
uint32_t pmn_json_count(const PmnJsonNode *array_or_object);
const PmnJsonNode *pmn_json_first(const PmnJsonNode *array_or_object);
const PmnJsonNode *pmn_json_next(const PmnJsonNode *node);
const char *pmn_json_key(const PmnJsonNode *member);
/* The text of a string; NULL when it isn't one. */
const char *pmn_json_text(const PmnJsonNode *node);
/* true and the exact value when node is a whole number in int64. */
bool pmn_json_int64(const PmnJsonNode *node, int64_t *out);
bool pmn_json_bool(const PmnJsonNode *node, bool *out);

/*
 * Members that must (or may) be there with the right kind; a wrong kind is
 * PMN_CORRUPT: file "name" has no ... Strings are copied into arena.
 */
PMN_CHECKED PmnCode pmn_json_get_int64(const PmnJson *json,
									   const PmnJsonNode *object,
									   const char *key, int64_t *out);
PMN_CHECKED PmnCode pmn_json_get_string(const PmnJson *json,
										const PmnJsonNode *object,
										const char *key, PmnArena *arena,
										const char **out);
/* *present false (and out untouched) when missing or null. */
PMN_CHECKED PmnCode pmn_json_opt_int64(const PmnJson *json,
									   const PmnJsonNode *object,
									   const char *key, int64_t *out,
									   bool *present);
/* *out NULL when missing or null. */
PMN_CHECKED PmnCode pmn_json_opt_string(const PmnJson *json,
										const PmnJsonNode *object,
										const char *key, PmnArena *arena,
										const char **out);

/*
 * Printing: a small writer that keeps order and exact integers. indent 0 is
 * compact, 2 is pretty. key NULL inside arrays.
 */
typedef struct PmnJsonWriter
{
	PmnBuffer *out;
	int indent;
	int depth;
	bool has_item[65];
	bool is_array[65];
	PmnCode code; /* the first failure; all calls are no-ops after it */
} PmnJsonWriter;

void pmn_json_writer_init(PmnJsonWriter *writer, PmnBuffer *out, int indent);
void pmn_json_begin_object(PmnJsonWriter *writer, const char *key);
void pmn_json_begin_array(PmnJsonWriter *writer, const char *key);
void pmn_json_end(PmnJsonWriter *writer);
void pmn_json_put_int64(PmnJsonWriter *writer, const char *key, int64_t v);
void pmn_json_put_string(PmnJsonWriter *writer, const char *key,
						 const char *v); /* NULL writes null */
void pmn_json_put_bool(PmnJsonWriter *writer, const char *key, bool v);
/* Check depth is 0 and return the first failure. */
PMN_CHECKED PmnCode pmn_json_writer_finish(PmnJsonWriter *writer);

#endif /* CODEC_JSON_H */
