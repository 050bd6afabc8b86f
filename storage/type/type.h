/*
 * type.h
 *
 * Data types from and to the JSON of schema files, and helpers on schemas.
 */
#ifndef TYPE_H
#define TYPE_H

#include "../codec/codec_json.h"
#include "../include/pmn_nested.h"
#include "../include/pmn_predicate.h"

/* Ids of the columns that Paimon adds to data files. */
#define PMN_FIELD_ID_SEQUENCE 2147483646
#define PMN_FIELD_ID_KIND 2147483645
#define PMN_FIELD_ID_ROW_ID 2147483642
#define PMN_FIELD_ID_KEY_BASE 1073741823
#define PMN_FIELD_NAME_SEQUENCE "_SEQUENCE_NUMBER"
#define PMN_FIELD_NAME_KIND "_VALUE_KIND"
#define PMN_FIELD_NAME_ROW_ID "_ROW_ID"
#define PMN_FIELD_NAME_KEY_PREFIX "_KEY_"

/*
 * pmn_type_parse -- the JSON form of a type (string or object), nested types
 * included, depth at most 32. Errors PMN_CORRUPT with the text that is none.
 */
PMN_CHECKED PmnCode pmn_type_parse(PmnEnv *env, PmnArena *arena,
								   const PmnJsonNode *node, PmnType *out);

/* Write a type's JSON form as member key. */
void pmn_type_print(PmnJsonWriter *writer, const char *key,
					const PmnType *type);

/* "DECIMAL(10, 2) NOT NULL"; composite types as "ARRAY<INT>". */
PMN_CHECKED PmnCode pmn_type_append_name(PmnBuffer *dst, const PmnType *type);

/* Same type apart from nullability at every level. */
bool pmn_type_equal(const PmnType *a, const PmnType *b);

/*
 * pmn_type_give_ids -- new ids for the fields of ROWs within a type, counted
 * up from *highest as Paimon does: those inside a field before the field. The
 * type's fields must belong to the caller.
 */
void pmn_type_give_ids(const PmnType *type, int32_t *highest);

/* Deep copies into arena. */
PMN_CHECKED PmnCode pmn_type_copy(PmnArena *arena, const PmnType *src,
								  PmnType *out);
PMN_CHECKED PmnCode pmn_schema_copy(PmnArena *arena, const PmnSchema *src,
									PmnSchema **out);

/*
 * pmn_predicate_copy -- nodes and literals; the bytes of literals stay
 * borrowed, because a literal does not say whether it has any. _deep knows
 * from the schema and copies them too.
 */
PMN_CHECKED PmnCode pmn_predicate_copy(PmnArena *arena, const PmnPredicate *src,
									   PmnPredicate **out);
PMN_CHECKED PmnCode pmn_predicate_copy_deep(PmnArena *arena,
											const PmnSchema *schema,
											const PmnPredicate *src,
											PmnPredicate **out);

/*
 * GEOMETRY and GEOGRAPHY: the reference system, "OGC:CRS84" unless said
 * otherwise, and the edge algorithm, "spherical". Kept in fields[0] (name and
 * default_value) while field_count is 0; fields NULL means the defaults.
 */
const char *pmn_type_crs(const PmnType *type);
const char *pmn_type_edge_algorithm(const PmnType *type);

/* Whether the kind may be a key or partition column: atomic, not VARIANT... */
bool pmn_type_is_comparable(const PmnType *type);

/* Whether the stored value is "compact" in a BinaryRow: DECIMAL p <= 18,
 * TIMESTAMP p <= 3. */
bool pmn_type_is_compact(const PmnType *type);

/*
 * pmn_value_append_text -- a value as Paimon's cast to STRING writes it (see
 * format/metadata.md 1.2): "1.0E10", "2024-02-29", "12:34:56.789",
 * "2024-02-29 12:34:56.123", "true". Null appends "null". LTZ in UTC.
 */
PMN_CHECKED PmnCode pmn_value_append_text(PmnBuffer *dst, const PmnType *type,
										  const PmnValue *value);

/* Row r of a vector as a value; bytes stay borrowed. */
PmnValue pmn_vector_value(const PmnVector *vector, uint32_t row);

/*
 * The reverse: value as element row (of a null one, whatever it holds); bytes
 * are borrowed, nulls is left alone. Vectors of no kind keep nothing.
 */
void pmn_vector_put(PmnVector *vector, uint32_t row, const PmnValue *value);

#endif /* TYPE_H */
