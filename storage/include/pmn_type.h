/*
 * pmn_type.h
 *
 * Paimon's data types, fields and table schema as plain structs. They are
 * made by meta_schema.c (from a schema file) or by the embedding program, and
 * owned by the arena or memory of whoever made them.
 */
#ifndef PMN_TYPE_H
#define PMN_TYPE_H

#include "pmn_base.h"

#ifdef __cplusplus
extern "C"
{
#endif

	typedef enum PmnTypeKind
	{
		PMN_TYPE_BOOLEAN,
		PMN_TYPE_TINYINT,
		PMN_TYPE_SMALLINT,
		PMN_TYPE_INT,
		PMN_TYPE_BIGINT,
		PMN_TYPE_FLOAT,
		PMN_TYPE_DOUBLE,
		PMN_TYPE_DECIMAL,
		PMN_TYPE_CHAR,
		PMN_TYPE_VARCHAR, /* STRING is VARCHAR(PMN_LENGTH_MAX) */
		PMN_TYPE_BINARY,
		PMN_TYPE_VARBINARY, /* BYTES is VARBINARY(PMN_LENGTH_MAX) */
		PMN_TYPE_DATE,
		PMN_TYPE_TIME,
		PMN_TYPE_TIMESTAMP,
		PMN_TYPE_TIMESTAMP_LTZ,
		PMN_TYPE_ARRAY,
		PMN_TYPE_MULTISET,
		PMN_TYPE_MAP,
		PMN_TYPE_ROW,
		PMN_TYPE_VARIANT,
		PMN_TYPE_BLOB,
		PMN_TYPE_VECTOR,
		PMN_TYPE_GEOMETRY,
		PMN_TYPE_GEOGRAPHY
	} PmnTypeKind;

#define PMN_LENGTH_MAX 2147483647
#define PMN_DECIMAL_PRECISION_MAX 38
#define PMN_COLUMN_COUNT_MAX 4096

	typedef struct PmnField PmnField;
	typedef struct PmnType PmnType;

	struct PmnType
	{
		PmnTypeKind kind;
		bool is_nullable;
		int32_t length;			/* CHAR, VARCHAR, BINARY, VARBINARY, VECTOR */
		int32_t precision;		/* DECIMAL, TIME, TIMESTAMP, TIMESTAMP_LTZ */
		int32_t scale;			/* DECIMAL */
		const PmnType *key;		/* MAP */
		const PmnType *element; /* ARRAY, MULTISET, VECTOR; value of a MAP */
		const PmnField *fields; /* ROW */
		uint32_t field_count;
	};

	struct PmnField
	{
		int32_t id;
		const char *name;
		PmnType type;
		const char *description;   /* NULL when there is none */
		const char *default_value; /* NULL when there is none */
	};

	typedef struct PmnOption
	{
		const char *key;
		const char *value;
	} PmnOption;

	/*
 * A table schema. primary_keys holds the full primary key, partition columns
 * included, in declaration order. Key and partition lists are names; use
 * pmn_schema_field_index to get positions.
 */
	typedef struct PmnSchema
	{
		int32_t version;
		int64_t id;
		PmnField *fields;
		uint32_t field_count;
		int32_t highest_field_id;
		const char **partition_keys;
		uint32_t partition_key_count;
		const char **primary_keys;
		uint32_t primary_key_count;
		PmnOption *options;
		uint32_t option_count;
		const char *comment; /* NULL when there is none */
		int64_t time_millis;
	} PmnSchema;

	/* Position of a column by name, or -1. */
	int32_t pmn_schema_field_index(const PmnSchema *schema, const char *name);

	/* Value of an option, or NULL. */
	const char *pmn_schema_option(const PmnSchema *schema, const char *key);

	/*
 * pmn_type_name -- write the SQL spelling, "DECIMAL(10, 2) NOT NULL", into
 * dst (cut to size, always terminated). Returns dst.
 */
	const char *pmn_type_name(const PmnType *type, char *dst, size_t size);

	/*
 * pmn_type_parse_name -- parse an atomic type's SQL spelling into out.
 * Errors    PMN_INVALID (not a type), PMN_UNSUPPORTED (nested type)
 */
	PMN_CHECKED PmnCode pmn_type_parse_name(PmnEnv *env, const char *name,
											PmnType *out);

	/*
 * pmn_type_parse_sql -- any type's SQL spelling, nested ones too:
 * "MAP<STRING, ARRAY<INT>>", "ROW<a INT NOT NULL 'a comment', `b c` STRING>".
 * Field ids are positions within their ROW; making a table gives real ones.
 * Free with pmn_parsed_type_free.
 * Errors    PMN_INVALID (not a type)
 */
	typedef struct PmnParsedType
	{
		PmnType type;
		struct PmnArena *arena;
	} PmnParsedType;

	PMN_CHECKED PmnCode pmn_type_parse_sql(PmnEnv *env, const char *name,
										   PmnParsedType **out);
	void pmn_parsed_type_free(PmnParsedType *parsed); /* NULL allowed */

#ifdef __cplusplus
}
#endif
#endif /* PMN_TYPE_H */
