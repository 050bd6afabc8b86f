/*
 * meta_options_check.c
 *
 * Which tables we refuse, decided from the schema alone and before a byte is
 * read or written. Two lists of rules, for reading and (in addition) for
 * writing, name an option and the values that are fine. An option missing
 * from the lists changes nothing that we do: it tunes other engines, or its
 * effect is implemented.
 *
 * Rules fail closed: a boolean that is neither true nor false is refused like
 * true, an unknown value like a forbidden one.
 */
#include "meta_options.h"

#include <strings.h>

#include "meta_merge.h"

typedef enum RuleKind
{
	RULE_FALSE,	   /* must be false or absent */
	RULE_ONLY,	   /* must be one of the values or absent */
	RULE_NEVER,	   /* must be absent or empty */
	RULE_PER_LEVEL /* "0:avro,5:parquet": each one of the values */
} RuleKind;

typedef struct Rule
{
	const char *name; /* "*" stands for any text, once */
	RuleKind kind;
	const char *const *values; /* ends with NULL */
	const char *hint;		   /* NULL when there is none */
} Rule;

#define VALUES(...)                                                            \
	(const char *const[])                                                      \
	{                                                                          \
		__VA_ARGS__, NULL                                                      \
	}

static const Rule read_rules[] = {
	{"type", RULE_ONLY, VALUES("table", "materialized-table"), NULL},
	{"pk-clustering-override", RULE_FALSE, NULL, NULL},
	{"chain-table.enabled", RULE_FALSE, NULL, NULL},
	{"query-auth.enabled", RULE_FALSE, NULL, NULL},
	{"sequence.snapshot-ordering", RULE_FALSE, NULL, NULL},
	{"fields.*.map.storage-layout", RULE_ONLY, VALUES("default"), NULL},
	{"scan.fallback-branch", RULE_NEVER, NULL, NULL},
	{"blob-descriptor-field", RULE_NEVER, NULL, NULL},
	{"blob-view-field", RULE_NEVER, NULL, NULL},
};

static const Rule write_rules[] = {
	{"deletion-vectors.enabled", RULE_FALSE, NULL, NULL},
	{"row-tracking.enabled", RULE_FALSE, NULL, NULL},
	{"data-evolution.enabled", RULE_FALSE, NULL, NULL},
	{"file-index.*.columns", RULE_NEVER, NULL, NULL},
	{"pk-*.index.columns", RULE_NEVER, NULL, NULL},
	{"data-file.external-paths", RULE_NEVER, NULL, NULL},
	{"index-file-in-data-file-dir", RULE_FALSE, NULL, NULL},
	{"metadata.iceberg.storage", RULE_ONLY, VALUES("disabled"), NULL},
	/* Paimon's readers show rows until its compaction drops them; ours
	 * would keep them in files that are not looked at again. */
	{"record-level.expire-time", RULE_NEVER, NULL, NULL},
	{"rowkind.field", RULE_NEVER, NULL, NULL},
	{"primary-key.nullable", RULE_FALSE, NULL, NULL},
	{"write.sequence-number-init-mode", RULE_ONLY, VALUES("scan"), NULL},
	{"file.format.per.level", RULE_PER_LEVEL, VALUES("parquet"),
	 "Files are written as Parquet only."},
	{"file.compression", RULE_ONLY,
	 VALUES("zstd", "none", "uncompressed", "snappy", "lz4", "gzip"),
	 "Use zstd, snappy, lz4, gzip or none."},
	{"file.compression.per.level", RULE_PER_LEVEL,
	 VALUES("zstd", "none", "uncompressed", "snappy", "lz4", "gzip"),
	 "Use zstd, snappy, lz4, gzip or none."},
	{"manifest.format", RULE_ONLY, VALUES("avro"), NULL},
	{"blob-field", RULE_NEVER, NULL, NULL},
	{"vector-field", RULE_NEVER, NULL, NULL},
	{"vector.file.format", RULE_NEVER, NULL, NULL},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

static PmnCode
refuse(PmnEnv *env, const char *verb, const char *option, const char *value,
	   const char *hint)
{
	pmn_fail(env, PMN_UNSUPPORTED, "cannot %s a Paimon table with this option",
			 verb);
	pmn_detail(env, "option \"%s\" is \"%s\"", option, value);
	if (hint != NULL)
		pmn_hint(env, "%s", hint);
	return PMN_UNSUPPORTED;
}

/* Whether key is the pattern, "*" standing for at least one character. */
static bool
matches(const char *key, const char *pattern)
{
	size_t head = strcspn(pattern, "*");
	size_t tail;
	size_t size = strlen(key);

	if (pattern[head] == '\0')
		return strcmp(key, pattern) == 0;
	tail = strlen(pattern + head + 1);
	return size > head + tail && strncmp(key, pattern, head) == 0 &&
		   strcmp(key + size - tail, pattern + head + 1) == 0;
}

static bool
is_value(const char *text, size_t size, const char *const *values)
{
	for (; *values != NULL; values++)
	{
		if (strlen(*values) == size && strncasecmp(*values, text, size) == 0)
			return true;
	}
	return false;
}

/* "0:avro,5:parquet": every format is among the values. */
static bool
levels_are_fine(const char *text, const char *const *values)
{
	while (*text != '\0')
	{
		size_t size = strcspn(text, ",");
		size_t colon = strcspn(text, ":");
		const char *value = text + (colon < size ? colon + 1 : size);
		size_t value_size = (size_t) (text + size - value);

		while (value_size > 0 && *value == ' ')
		{
			value++;
			value_size--;
		}
		while (value_size > 0 && value[value_size - 1] == ' ')
			value_size--;
		if (!is_value(value, value_size, values))
			return false;
		text += size + (text[size] == ',' ? 1 : 0);
	}
	return true;
}

static bool
rule_holds(const Rule *rule, const char *value)
{
	switch (rule->kind)
	{
		case RULE_FALSE:
			return strcasecmp(value, "false") == 0;
		case RULE_ONLY:
			return is_value(value, strlen(value), rule->values);
		case RULE_NEVER:
			return value[0] == '\0';
		case RULE_PER_LEVEL:
			return levels_are_fine(value, rule->values);
	}
	return false;
}

static PmnCode
check_rules(PmnEnv *env, const char *verb, const PmnSchema *schema,
			const Rule *rules, size_t rule_count)
{
	for (uint32_t i = 0; i < schema->option_count; i++)
	{
		const PmnOption *option = &schema->options[i];

		for (size_t r = 0; r < rule_count; r++)
		{
			if (matches(option->key, rules[r].name) &&
				!rule_holds(&rules[r], option->value))
				return refuse(env, verb, option->key, option->value,
							  rules[r].hint);
		}
	}
	return PMN_OK;
}

/* ---- columns ---------------------------------------------------------- */

static bool
is_supported(PmnTypeKind kind)
{
	switch (kind)
	{
		case PMN_TYPE_BLOB:
		case PMN_TYPE_GEOMETRY:
		case PMN_TYPE_GEOGRAPHY:
			return false;
		case PMN_TYPE_BOOLEAN:
		case PMN_TYPE_TINYINT:
		case PMN_TYPE_SMALLINT:
		case PMN_TYPE_INT:
		case PMN_TYPE_BIGINT:
		case PMN_TYPE_FLOAT:
		case PMN_TYPE_DOUBLE:
		case PMN_TYPE_DECIMAL:
		case PMN_TYPE_CHAR:
		case PMN_TYPE_VARCHAR:
		case PMN_TYPE_BINARY:
		case PMN_TYPE_VARBINARY:
		case PMN_TYPE_DATE:
		case PMN_TYPE_TIME:
		case PMN_TYPE_TIMESTAMP:
		case PMN_TYPE_TIMESTAMP_LTZ:
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_MULTISET:
		case PMN_TYPE_MAP:
		case PMN_TYPE_ROW:
		case PMN_TYPE_VECTOR:
		case PMN_TYPE_VARIANT:
			return true;
	}
	return false;
}

/* Whether the type and all that is nested in it is. */
static bool
is_readable(const PmnType *type)
{
	if (!is_supported(type->kind) ||
		(type->key != NULL && !is_readable(type->key)) ||
		(type->element != NULL && !is_readable(type->element)))
		return false;
	for (uint32_t i = 0; i < type->field_count; i++)
	{
		if (!is_readable(&type->fields[i].type))
			return false;
	}
	return true;
}

static PmnCode
refuse_column(PmnEnv *env, const char *message, const PmnField *field)
{
	char type_name[128];

	pmn_fail(env, PMN_UNSUPPORTED, "%s", message);
	return pmn_detail(
		env, "column \"%s\" has type %s", field->name,
		pmn_type_name(&field->type, type_name, sizeof(type_name)));
}

static PmnCode
check_columns(PmnEnv *env, const PmnSchema *schema,
			  const PmnTableOptions *options)
{
	/* Blobs are read out of files of their own only. */
	bool has_blobs = options->data_evolution && schema->primary_key_count == 0;

	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		if (has_blobs && schema->fields[i].type.kind == PMN_TYPE_BLOB)
			continue;
		if (!is_readable(&schema->fields[i].type))
			return refuse_column(env,
								 "cannot handle a Paimon table with a column "
								 "of this type",
								 &schema->fields[i]);
	}
	return PMN_OK;
}

/*
 * Partition columns whose directories depend on the program that computes
 * them: binary values under legacy naming are named by object identity, zoned
 * timestamps under the new naming by the writer's time zone.
 */
static PmnCode
check_partition(PmnEnv *env, const PmnSchema *schema,
				const PmnTableOptions *options, bool write)
{
	for (uint32_t i = 0; i < schema->partition_key_count; i++)
	{
		int32_t position =
			pmn_schema_field_index(schema, schema->partition_keys[i]);
		PmnTypeKind kind;

		if (position < 0)
			return pmn_fail(env, PMN_CORRUPT,
							"partition column \"%s\" is not a column",
							schema->partition_keys[i]);
		kind = schema->fields[position].type.kind;
		if ((options->partition_legacy_name &&
			 (kind == PMN_TYPE_BINARY || kind == PMN_TYPE_VARBINARY)) ||
			(write && !options->partition_legacy_name &&
			 kind == PMN_TYPE_TIMESTAMP_LTZ))
			return refuse_column(env,
								 "partitions by this type have no portable "
								 "directory names",
								 &schema->fields[position]);
	}
	return PMN_OK;
}

/* ---- the two checks --------------------------------------------------- */

/* The option's text, or what stands for it when the schema lacks it. */
static const char *
shown(const PmnSchema *schema, const char *option, const char *otherwise)
{
	const char *value = pmn_schema_option(schema, option);

	return value != NULL ? value : otherwise;
}

/* Options of the merge engine; parsed for good only where they are used. */
static PmnCode
check_merge(PmnEnv *env, const PmnSchema *schema,
			const PmnTableOptions *options)
{
	PmnMergeOptions *merge = NULL;
	PmnArena *arena = NULL;
	PmnCode code;

	PMN_TRY(pmn_arena_create(env, 0, &arena));
	code = pmn_merge_options_parse(arena, env, schema, options, &merge);
	pmn_arena_destroy(arena);
	return code;
}

PmnCode
pmn_options_check_read(PmnEnv *env, const PmnSchema *schema,
					   const PmnTableOptions *options)
{
	PMN_TRY(check_rules(env, "read", schema, read_rules, COUNT_OF(read_rules)));
	if (schema->primary_key_count > 0)
		PMN_TRY(check_merge(env, schema, options));
	PMN_TRY(check_columns(env, schema, options));
	return check_partition(env, schema, options, false);
}

/* Whether the primary key lacks a partition column. */
static bool
crosses_partitions(const PmnSchema *schema)
{
	for (uint32_t p = 0; p < schema->partition_key_count; p++)
	{
		bool found = false;

		for (uint32_t k = 0; k < schema->primary_key_count && !found; k++)
			found =
				strcmp(schema->partition_keys[p], schema->primary_keys[k]) == 0;
		if (!found)
			return true;
	}
	return false;
}

/*
 * Engines whose rows we may add to and compact: those whose rows are what the
 * merge of all files says. Where rows are looked up instead, a file above
 * level 0 stands for those below, which our compaction does not see to; for
 * deduplicate that matters only when the newest row is not the last one.
 */
static PmnCode
check_engine(PmnEnv *env, const PmnSchema *schema,
			 const PmnTableOptions *options)
{
	bool merges = options->merge_engine != PMN_MERGE_DEDUPLICATE;

	if (options->merge_engine == PMN_MERGE_FIRST_ROW)
		return refuse(env, "write", "merge-engine",
					  shown(schema, "merge-engine", ""),
					  "Rows of this engine are seen only after a compaction "
					  "that looks up older ones.");
	if (options->force_lookup && (merges || options->sequence_field_count > 0))
		return refuse(env, "write", "force-lookup",
					  shown(schema, "force-lookup", ""), NULL);
	return PMN_OK;
}

PmnCode
pmn_options_check_write(PmnEnv *env, const PmnSchema *schema,
						const PmnTableOptions *options)
{
	bool keyed = schema->primary_key_count > 0;

	PMN_TRY(pmn_options_check_read(env, schema, options));
	PMN_TRY(
		check_rules(env, "write", schema, write_rules, COUNT_OF(write_rules)));
	/* A new row's old version may then be in any partition, and no index of
	 * all keys is kept in the table. */
	if (options->bucket == -1 && keyed && crosses_partitions(schema))
		return refuse(env, "write", "bucket", shown(schema, "bucket", "-1"),
					  "Add the partition columns to the primary key.");
	if (options->bucket == -2)
		return refuse(env, "write", "bucket", shown(schema, "bucket", ""),
					  "Set option \"bucket\" to a number such as '1'.");
	/* Nothing says which of the buckets a row belongs to. */
	if (options->bucket > 1 && options->bucket_key_count == 0)
		return refuse(env, "write", "bucket", shown(schema, "bucket", ""),
					  "Set option \"bucket-key\".");
	if (keyed)
		PMN_TRY(check_engine(env, schema, options));
	if (options->changelog_producer != PMN_CHANGELOG_NONE)
		return refuse(env, "write", "changelog-producer",
					  shown(schema, "changelog-producer", ""), NULL);
	if (strcmp(options->file_format, "parquet") != 0)
		return refuse(env, "write", "file.format", options->file_format,
					  "Files are written as Parquet only.");
	return check_partition(env, schema, options, true);
}
