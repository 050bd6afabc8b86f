/*
 * meta_schema_normalise.c
 *
 * A new table's schema, made as Paimon makes it: options "primary-key" and
 * "partition" move into the key lists, columns get ids from 0, key columns
 * become NOT NULL (Paimon's rule; nullable with "primary-key.nullable"), and
 * the checks of Paimon's SchemaValidation run as far as
 * they concern what we support. Whatever passes here, Paimon opens too.
 *
 * The input is copied first and the copy changed; on failure nothing is
 * handed out. Messages are about what the user wrote, hence PMN_INVALID;
 * tables that we could not read back are refused with PMN_UNSUPPORTED.
 */
#include "meta_schema.h"

#include "meta_options.h"

#define SCHEMA_VERSION 3

static bool
is_in(const char *name, const char *const *names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
	{
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* ---- options that are lists of keys ----------------------------------- */

static void
remove_option(PmnSchema *schema, const char *key)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < schema->option_count; i++)
	{
		if (strcmp(schema->options[i].key, key) != 0)
			schema->options[kept++] = schema->options[i];
	}
	schema->option_count = kept;
}

/* Split "a, b" at its commas, spaces around names removed. */
static PmnCode
split_names(PmnArena *arena, const char *text, const char ***names,
			uint32_t *count)
{
	size_t room = 1;

	for (const char *c = text; *c != '\0'; c++)
		room += *c == ',';
	*names = pmn_arena_alloc(arena, room * sizeof(**names));
	if (*names == NULL)
		return PMN_NO_MEMORY;
	for (;;)
	{
		size_t size = strcspn(text, ",");
		const char *start = text;
		const char *end = text + size;

		while (start < end && *start == ' ')
			start++;
		while (end > start && end[-1] == ' ')
			end--;
		(*names)[*count] =
			pmn_arena_string_n(arena, start, (size_t) (end - start));
		if ((*names)[*count] == NULL)
			return PMN_NO_MEMORY;
		(*count)++;
		if (text[size] == '\0')
			return PMN_OK;
		text += size + 1;
	}
}

static PmnCode
move_option(PmnEnv *env, PmnArena *arena, PmnSchema *schema, const char *option,
			const char ***names, uint32_t *count)
{
	const char *text = pmn_schema_option(schema, option);

	if (text == NULL)
		return PMN_OK;
	if (*count > 0)
		return pmn_fail(env, PMN_INVALID,
						"keys are given twice, in the schema and in table "
						"option \"%s\"",
						option);
	PMN_TRY(split_names(arena, text, names, count));
	remove_option(schema, option);
	return PMN_OK;
}

/* ---- columns and keys ------------------------------------------------- */

static PmnCode
check_column_name(PmnEnv *env, const char *name)
{
	static const char *const reserved[] = {PMN_FIELD_NAME_SEQUENCE,
										   PMN_FIELD_NAME_KIND, "_LEVEL",
										   "rowkind", PMN_FIELD_NAME_ROW_ID};
	size_t prefix_size = strlen(PMN_FIELD_NAME_KEY_PREFIX);

	if (name == NULL || name[0] == '\0')
		return pmn_fail(env, PMN_INVALID, "a column has no name");
	if (is_in(name, reserved, sizeof(reserved) / sizeof(*reserved)) ||
		strncmp(name, PMN_FIELD_NAME_KEY_PREFIX, prefix_size) == 0)
		return pmn_fail(env, PMN_INVALID,
						"column name \"%s\" is reserved by Paimon", name);
	return PMN_OK;
}

static PmnCode
check_columns(PmnEnv *env, const PmnSchema *schema)
{
	if (schema->field_count == 0)
		return pmn_fail(env, PMN_INVALID, "a table needs a column");
	if (schema->field_count > PMN_COLUMN_COUNT_MAX)
		return pmn_fail(env, PMN_INVALID,
						"a table has at most %d columns, not %" PRIu32,
						PMN_COLUMN_COUNT_MAX, schema->field_count);
	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		PMN_TRY(check_column_name(env, schema->fields[i].name));
		if (pmn_schema_field_index(schema, schema->fields[i].name) !=
			(int32_t) i)
			return pmn_fail(env, PMN_INVALID, "column \"%s\" is given twice",
							schema->fields[i].name);
	}
	return PMN_OK;
}

/* what is "primary key" or "partition key". */
static PmnCode
check_key_list(PmnEnv *env, const PmnSchema *schema, const char *what,
			   const char *const *names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
	{
		int32_t position = pmn_schema_field_index(schema, names[i]);
		char type_name[128];

		if (position < 0)
			return pmn_fail(env, PMN_INVALID,
							"%s column \"%s\" is not a column", what, names[i]);
		if (is_in(names[i], names, i))
			return pmn_fail(env, PMN_INVALID, "%s column \"%s\" is given twice",
							what, names[i]);
		if (!pmn_type_is_comparable(&schema->fields[position].type))
			return pmn_fail(env, PMN_INVALID,
							"%s column \"%s\" cannot have type %s", what,
							names[i],
							pmn_type_name(&schema->fields[position].type,
										  type_name, sizeof(type_name)));
	}
	return PMN_OK;
}

static PmnCode
check_keys(PmnEnv *env, const PmnSchema *schema)
{
	uint32_t outside = 0;

	PMN_TRY(check_key_list(env, schema, "partition key", schema->partition_keys,
						   schema->partition_key_count));
	PMN_TRY(check_key_list(env, schema, "primary key", schema->primary_keys,
						   schema->primary_key_count));
	for (uint32_t i = 0; i < schema->primary_key_count; i++)
		outside += !is_in(schema->primary_keys[i], schema->partition_keys,
						  schema->partition_key_count);
	if (schema->primary_key_count > 0 && outside == 0)
		return pmn_fail(env, PMN_INVALID,
						"the primary key has only partition columns: each "
						"partition would hold one row");
	return PMN_OK;
}

/* A column, then the fields of ROWs within it. */
static void
give_ids(PmnSchema *schema)
{
	int32_t highest = -1;
	const char *nullable = pmn_schema_option(schema, "primary-key.nullable");
	bool key_is_nullable = nullable != NULL && strcmp(nullable, "true") == 0;

	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		PmnField *field = &schema->fields[i];

		field->id = ++highest;
		pmn_type_give_ids(&field->type, &highest);
		if (is_in(field->name, schema->primary_keys, schema->primary_key_count))
			field->type.is_nullable = key_is_nullable;
	}
	schema->highest_field_id = highest;
	schema->version = SCHEMA_VERSION;
	schema->id = 0;
}

/* ---- options against columns ------------------------------------------ */

static bool
crosses_partitions(const PmnSchema *schema)
{
	if (schema->primary_key_count == 0)
		return false;
	for (uint32_t i = 0; i < schema->partition_key_count; i++)
	{
		if (!is_in(schema->partition_keys[i], schema->primary_keys,
				   schema->primary_key_count))
			return true;
	}
	return false;
}

static PmnCode
check_bucket_keys(PmnEnv *env, const PmnSchema *schema,
				  const PmnTableOptions *options)
{
	for (uint32_t i = 0; i < options->bucket_key_count; i++)
	{
		const char *name = options->bucket_keys[i];

		if (is_in(name, schema->partition_keys, schema->partition_key_count))
			return pmn_fail(env, PMN_INVALID,
							"bucket key column \"%s\" is a partition column",
							name);
		if (schema->primary_key_count > 0 &&
			!is_in(name, schema->primary_keys, schema->primary_key_count))
			return pmn_fail(env, PMN_INVALID,
							"bucket key column \"%s\" is not in the primary "
							"key",
							name);
		if (is_in(name, options->bucket_keys, i))
			return pmn_fail(env, PMN_INVALID,
							"bucket key column \"%s\" is given twice", name);
	}
	return check_key_list(env, schema, "bucket key", options->bucket_keys,
						  options->bucket_key_count);
}

static PmnCode
check_bucket(PmnEnv *env, const PmnSchema *schema,
			 const PmnTableOptions *options)
{
	bool has_bucket_key = pmn_schema_option(schema, "bucket-key") != NULL;

	if (options->bucket == -1 && has_bucket_key)
		return pmn_fail(env, PMN_INVALID,
						"table option \"bucket-key\" needs option \"bucket\" "
						"to be a number");
	if (options->bucket == -2 && schema->primary_key_count == 0)
		return pmn_fail(env, PMN_INVALID,
						"table option \"bucket\" is \"-2\" but the table has "
						"no primary key");
	if (options->bucket > 0 && options->bucket_key_count == 0)
		return pmn_fail(env, PMN_INVALID,
						"a table without a primary key needs option "
						"\"bucket-key\" when option \"bucket\" is a number");
	if (options->bucket > 0 && crosses_partitions(schema))
		return pmn_fail(env, PMN_INVALID,
						"the primary key lacks a partition column, which "
						"needs option \"bucket\" to be \"-1\"");
	return check_bucket_keys(env, schema, options);
}

static PmnCode
check_sequence(PmnEnv *env, const PmnSchema *schema,
			   const PmnTableOptions *options)
{
	for (uint32_t i = 0; i < options->sequence_field_count; i++)
	{
		const char *name = options->sequence_fields[i];

		if (is_in(name, options->sequence_fields, i))
			return pmn_fail(env, PMN_INVALID,
							"sequence field \"%s\" is given twice", name);
		if (is_in(name, schema->partition_keys, schema->partition_key_count))
			return pmn_fail(env, PMN_INVALID,
							"sequence field \"%s\" is a partition column",
							name);
	}
	return check_key_list(env, schema, "sequence field",
						  options->sequence_fields,
						  options->sequence_field_count);
}

static PmnCode
check_avro_timestamps(PmnEnv *env, const PmnSchema *schema,
					  const PmnTableOptions *options)
{
	if (strcmp(options->file_format, "avro") != 0)
		return PMN_OK;
	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		const PmnType *type = &schema->fields[i].type;

		if ((type->kind == PMN_TYPE_TIMESTAMP ||
			 type->kind == PMN_TYPE_TIMESTAMP_LTZ) &&
			type->precision > 6)
			return pmn_fail(env, PMN_INVALID,
							"column \"%s\": Avro files hold timestamps of "
							"precision 6 at most",
							schema->fields[i].name);
	}
	return PMN_OK;
}

static PmnCode
check_options(PmnEnv *env, PmnArena *arena, const PmnSchema *schema)
{
	PmnTableOptions options;
	const char *retained =
		pmn_schema_option(schema, "snapshot.num-retained.min");
	const char *rowkind = pmn_schema_option(schema, "rowkind.field");
	PmnStatsMode mode;

	PMN_TRY(pmn_options_parse(arena, env, schema, &options));
	PMN_TRY(pmn_options_check_read(env, schema, &options));
	PMN_TRY(check_bucket(env, schema, &options));
	PMN_TRY(check_sequence(env, schema, &options));
	PMN_TRY(check_avro_timestamps(env, schema, &options));
	if (options.changelog_producer != PMN_CHANGELOG_NONE &&
		schema->primary_key_count == 0)
		return pmn_fail(env, PMN_INVALID,
						"table option \"changelog-producer\" needs a primary "
						"key");
	if (retained != NULL && (retained[0] == '-' || strcmp(retained, "0") == 0))
		return pmn_fail(env, PMN_INVALID,
						"invalid value \"%s\" for table option "
						"\"snapshot.num-retained.min\"",
						retained);
	if (rowkind != NULL && pmn_schema_field_index(schema, rowkind) < 0)
		return pmn_fail(env, PMN_INVALID,
						"table option \"rowkind.field\" names column \"%s\", "
						"which the table does not have",
						rowkind);
	for (uint32_t i = 0; i < schema->field_count; i++)
		PMN_TRY(pmn_options_stats_mode(env, schema, &options, i, &mode));
	return PMN_OK;
}

static PmnCode
check_option_texts(PmnEnv *env, const PmnSchema *schema)
{
	for (uint32_t i = 0; i < schema->option_count; i++)
	{
		const PmnOption *option = &schema->options[i];

		if (option->key == NULL || option->key[0] == '\0' ||
			option->value == NULL)
			return pmn_fail(env, PMN_INVALID,
							"a table option has no name or "
							"no value");
		if (strcmp(option->key, "path") == 0)
			return pmn_fail(env, PMN_UNSUPPORTED,
							"table option \"path\" cannot be set: the place "
							"of a table follows from its name");
		for (uint32_t j = 0; j < i; j++)
		{
			if (strcmp(schema->options[j].key, option->key) == 0)
				return pmn_fail(env, PMN_INVALID,
								"table option \"%s\" is given twice",
								option->key);
		}
	}
	return PMN_OK;
}

PmnCode
pmn_schema_normalise(PmnEnv *env, PmnArena *arena, const PmnSchema *src,
					 PmnSchema **out)
{
	PmnSchema *schema;

	*out = NULL;
	PMN_TRY(check_option_texts(env, src));
	PMN_TRY(check_columns(env, src));
	PMN_TRY(pmn_schema_copy(arena, src, &schema));
	PMN_TRY(move_option(env, arena, schema, "primary-key",
						&schema->primary_keys, &schema->primary_key_count));
	PMN_TRY(move_option(env, arena, schema, "partition",
						&schema->partition_keys, &schema->partition_key_count));
	PMN_TRY(check_keys(env, schema));
	give_ids(schema);
	if (schema->time_millis == 0)
		schema->time_millis = env->now_millis(env);
	PMN_TRY(check_options(env, arena, schema));
	*out = schema;
	return PMN_OK;
}
