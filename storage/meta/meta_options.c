/*
 * meta_options.c
 *
 * Paimon's table options, all stored as text in the schema. The table below
 * is the one list of those we act on: name, older names, kind, default, and
 * the member of PmnTableOptions it fills. What may not be read or written at
 * all is in meta_options_check.c.
 *
 * Text forms follow Paimon's: sizes "8 mb", "16kb" or plain bytes; durations
 * "1 h", "10 s", "100ms", a bare number being milliseconds; booleans in any
 * case. A default may depend on the schema's version: before version 2
 * "bucket" was 1, before version 3 "file.format" was orc. The schema itself
 * is left as it is in its file.
 */
#include "meta_options.h"

#include <stdio.h>
#include <strings.h>

#include "meta_path.h"

typedef enum OptionKind
{
	OPTION_BOOL,	  /* bool */
	OPTION_INT,		  /* int32_t within min..max */
	OPTION_DOUBLE,	  /* double, "0.7" */
	OPTION_TEXT,	  /* const char *, as it is */
	OPTION_LOWER,	  /* const char *, in lower case */
	OPTION_SIZE,	  /* int64_t bytes */
	OPTION_DURATION,  /* int64_t milliseconds */
	OPTION_ENUM,	  /* int32_t: position in names */
	OPTION_ENUM_BOOL, /* bool: second name is true */
	OPTION_STATS_MODE /* PmnStatsMode */
} OptionKind;

typedef struct OptionRow
{
	const char *name;
	OptionKind kind;
	size_t offset;
	const char *default_text; /* NULL: the member stays zero */
	int64_t min;
	int64_t max;
	const char *const *names;	  /* ENUM: ends with NULL */
	const char *const *old_names; /* tried in order; NULL or ends with NULL */
} OptionRow;

static const char *const merge_engines[] = {"deduplicate", "partial-update",
											"aggregation", "first-row", NULL};
static const char *const changelog_producers[] = {
	"none", "input", "full-compaction", "lookup", NULL};
static const char *const bucket_functions[] = {"default", "mod", "hive", NULL};
static const char *const sort_orders[] = {"ascending", "descending", NULL};
static const char *const old_ignore_delete[] = {
	"first-row.ignore-delete", "deduplicate.ignore-delete",
	"partial-update.ignore-delete", NULL};
static const char *const old_write_only[] = {"write.compaction-skip", NULL};

#define AT(member) offsetof(PmnTableOptions, member)
#define ANY 0, 0, NULL, NULL
#define RANGE(min, max) min, max, NULL, NULL
#define OF(names) 0, 0, names, NULL

static const OptionRow option_rows[] = {
	{"bucket", OPTION_INT, AT(bucket), "-1", RANGE(-2, INT32_MAX)},
	{"dynamic-bucket.target-row-num", OPTION_INT, AT(dynamic_bucket_rows),
	 "2000000", RANGE(1, INT32_MAX)},
	{"dynamic-bucket.max-buckets", OPTION_INT, AT(dynamic_bucket_max), "-1",
	 RANGE(-1, INT32_MAX)},
	{"bucket-function.type", OPTION_ENUM, AT(bucket_function), "default",
	 OF(bucket_functions)},
	{"merge-engine", OPTION_ENUM, AT(merge_engine), "deduplicate",
	 OF(merge_engines)},
	{"changelog-producer", OPTION_ENUM, AT(changelog_producer), "none",
	 OF(changelog_producers)},
	{"file.format", OPTION_LOWER, AT(file_format), "parquet", ANY},
	{"file.compression", OPTION_LOWER, AT(file_compression), "zstd", ANY},
	{"file.compression.zstd-level", OPTION_INT, AT(zstd_level), "1",
	 RANGE(-7, 22)},
	{"manifest.compression", OPTION_LOWER, AT(manifest_compression), "zstd",
	 ANY},
	{"data-file.prefix", OPTION_TEXT, AT(data_file_prefix), "data-", ANY},
	{"data-file.path-directory", OPTION_TEXT, AT(data_file_path_directory),
	 NULL, ANY},
	{"partition.default-name", OPTION_TEXT, AT(partition_default_name),
	 "__DEFAULT_PARTITION__", ANY},
	{"partition.legacy-name", OPTION_BOOL, AT(partition_legacy_name), "true",
	 ANY},
	{"target-file-size", OPTION_SIZE, AT(target_file_size), NULL, ANY},
	{"file.block-size", OPTION_SIZE, AT(row_group_size), NULL, ANY},
	{"manifest.target-file-size", OPTION_SIZE, AT(manifest_target_size), "8 mb",
	 ANY},
	{"manifest.full-compaction-threshold-size", OPTION_SIZE,
	 AT(manifest_full_compaction_size), "16 mb", ANY},
	{"manifest.merge-min-count", OPTION_INT, AT(manifest_merge_min_count), "30",
	 RANGE(1, INT32_MAX)},
	{"num-sorted-run.compaction-trigger", OPTION_INT, AT(compaction_trigger),
	 "5", RANGE(1, INT32_MAX)},
	{"num-levels", OPTION_INT, AT(num_levels), NULL, RANGE(1, INT32_MAX)},
	{"compaction.max-size-amplification-percent", OPTION_INT,
	 AT(max_size_amplification_percent), "200", RANGE(0, INT32_MAX)},
	{"compaction.size-ratio", OPTION_INT, AT(size_ratio), "1",
	 RANGE(0, INT32_MAX)},
	{"compaction.small-file-ratio", OPTION_DOUBLE, AT(small_file_ratio), "0.7",
	 ANY},
	{"commit.max-retries", OPTION_INT, AT(commit_max_retries), "10",
	 RANGE(0, INT32_MAX)},
	{"commit.min-retry-wait", OPTION_DURATION, AT(commit_min_retry_wait_ms),
	 "10 ms", ANY},
	{"commit.max-retry-wait", OPTION_DURATION, AT(commit_max_retry_wait_ms),
	 "10 s", ANY},
	{"ignore-delete", OPTION_BOOL, AT(ignore_delete), "false", 0, 0, NULL,
	 old_ignore_delete},
	{"ignore-update-before", OPTION_BOOL, AT(ignore_update_before), "false",
	 ANY},
	{"deletion-vectors.enabled", OPTION_BOOL, AT(deletion_vectors), "false",
	 ANY},
	{"deletion-vectors.merge-on-read", OPTION_BOOL,
	 AT(deletion_vectors_merge_on_read), "false", ANY},
	{"force-lookup", OPTION_BOOL, AT(force_lookup), "false", ANY},
	{"index-file-in-data-file-dir", OPTION_BOOL, AT(index_in_data_directory),
	 "false", ANY},
	{"data-file.thin-mode", OPTION_BOOL, AT(thin_mode), "false", ANY},
	{"write-only", OPTION_BOOL, AT(write_only), "false", 0, 0, NULL,
	 old_write_only},
	{"file.suffix.include.compression", OPTION_BOOL,
	 AT(suffix_includes_compression), "false", ANY},
	{"row-tracking.enabled", OPTION_BOOL, AT(row_tracking), "false", ANY},
	{"data-evolution.enabled", OPTION_BOOL, AT(data_evolution), "false", ANY},
	{"metadata.stats-dense-store", OPTION_BOOL, AT(stats_dense_store), "true",
	 ANY},
	{"bucket-append-ordered", OPTION_BOOL, AT(bucket_append_ordered), "true",
	 ANY},
	{"compaction.force-rewrite-all-files", OPTION_BOOL,
	 AT(force_rewrite_all_files), "false", ANY},
	{"metadata.stats-mode", OPTION_STATS_MODE, AT(stats_mode), "truncate(16)",
	 ANY},
	{"metadata.stats-keep-first-n-columns", OPTION_INT, AT(stats_keep_first_n),
	 "-1", RANGE(-1, INT32_MAX)},
	{"sequence.field.sort-order", OPTION_ENUM_BOOL, AT(sequence_descending),
	 "ascending", OF(sort_orders)},
};

/* ---- text to values --------------------------------------------------- */

static bool
parse_int64(const char *text, int64_t *out)
{
	bool negative = text[0] == '-';
	int64_t value = 0;

	text += negative || text[0] == '+' ? 1 : 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
	{
		if (*text < '0' || *text > '9' ||
			__builtin_mul_overflow(value, 10, &value) ||
			__builtin_sub_overflow(value, *text - '0', &value))
			return false;
	}
	if (!negative && value == INT64_MIN)
		return false;
	*out = negative ? value : -value;
	return true;
}

typedef struct Unit
{
	const char *name;
	int64_t factor;
} Unit;

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* "<digits> <unit>": the product, when it fits. No unit = factor 1. */
static bool
parse_with_unit(const char *text, const Unit *units, int64_t *out)
{
	const char *end;
	size_t size;
	int64_t value = 0;

	while (is_space(*text))
		text++;
	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
	{
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *text - '0', &value))
			return false;
	}
	while (is_space(*text))
		text++;
	end = text + strlen(text);
	while (end > text && is_space(end[-1]))
		end--;
	size = (size_t) (end - text);
	*out = value;
	if (size == 0)
		return true;
	for (; units->name != NULL; units++)
	{
		if (strlen(units->name) == size &&
			strncasecmp(units->name, text, size) == 0)
			return !__builtin_mul_overflow(value, units->factor, out);
	}
	return false;
}

static bool
parse_size(const char *text, int64_t *out)
{
	static const Unit units[] = {{"b", 1},
								 {"bytes", 1},
								 {"k", INT64_C(1) << 10},
								 {"kb", INT64_C(1) << 10},
								 {"kibibytes", INT64_C(1) << 10},
								 {"m", INT64_C(1) << 20},
								 {"mb", INT64_C(1) << 20},
								 {"mebibytes", INT64_C(1) << 20},
								 {"g", INT64_C(1) << 30},
								 {"gb", INT64_C(1) << 30},
								 {"gibibytes", INT64_C(1) << 30},
								 {"t", INT64_C(1) << 40},
								 {"tb", INT64_C(1) << 40},
								 {"tebibytes", INT64_C(1) << 40},
								 {NULL, 0}};

	return parse_with_unit(text, units, out);
}

/* Milliseconds; finer units are cut. */
static bool
parse_duration(const char *text, int64_t *out)
{
	static const Unit coarse[] = {
		{"ms", 1},			{"milli", 1},		 {"millis", 1},
		{"millisecond", 1}, {"milliseconds", 1}, {"s", 1000},
		{"sec", 1000},		{"secs", 1000},		 {"second", 1000},
		{"seconds", 1000},	{"m", 60000},		 {"min", 60000},
		{"minute", 60000},	{"minutes", 60000},	 {"h", 3600000},
		{"hour", 3600000},	{"hours", 3600000},	 {"d", 86400000},
		{"day", 86400000},	{"days", 86400000},	 {NULL, 0}};
	static const Unit micro[] = {{"\xC2\xB5s", 1},	  {"micro", 1},
								 {"micros", 1},		  {"microsecond", 1},
								 {"microseconds", 1}, {NULL, 0}};
	static const Unit nano[] = {{"ns", 1},			{"nano", 1},
								{"nanos", 1},		{"nanosecond", 1},
								{"nanoseconds", 1}, {NULL, 0}};

	if (parse_with_unit(text, coarse, out))
		return true;
	if (parse_with_unit(text, micro, out))
	{
		*out /= 1000;
		return true;
	}
	if (!parse_with_unit(text, nano, out))
		return false;
	*out /= 1000000;
	return true;
}

/* "12.5" without exponent, sign or locale. */
static bool
parse_double(const char *text, double *out)
{
	double value = 0;
	double place = 1;
	bool seen_digit = false;
	bool after_point = false;

	for (; *text != '\0'; text++)
	{
		if (*text == '.' && !after_point)
			after_point = true;
		else if (*text < '0' || *text > '9')
			return false;
		else if (after_point)
			value += (*text - '0') * (place /= 10);
		else
			value = value * 10 + (*text - '0');
		seen_digit = seen_digit || *text != '.';
	}
	*out = value;
	return seen_digit;
}

static bool
parse_bool(const char *text, bool *out)
{
	*out = strcasecmp(text, "true") == 0;
	return *out || strcasecmp(text, "false") == 0;
}

static bool
parse_enum(const char *text, const char *const *names, int32_t *out)
{
	for (int32_t i = 0; names[i] != NULL; i++)
	{
		if (strcasecmp(text, names[i]) == 0)
		{
			*out = i;
			return true;
		}
	}
	return false;
}

/* ---- one option ------------------------------------------------------- */

static const char *
version_default(const PmnSchema *schema, const OptionRow *row)
{
	if (schema->version <= 1 && strcmp(row->name, "bucket") == 0)
		return "1";
	if (schema->version <= 2 && strcmp(row->name, "file.format") == 0)
		return "orc";
	return row->default_text;
}

static const char *
option_value(const PmnSchema *schema, const OptionRow *row)
{
	const char *value = pmn_schema_option(schema, row->name);

	for (const char *const *old = row->old_names;
		 value == NULL && old != NULL && *old != NULL; old++)
		value = pmn_schema_option(schema, *old);
	return value != NULL ? value : version_default(schema, row);
}

static char *
lower_copy(PmnArena *arena, const char *text)
{
	char *copy = pmn_arena_string(arena, text);

	for (char *c = copy; c != NULL && *c != '\0'; c++)
	{
		if (*c >= 'A' && *c <= 'Z')
			*c = (char) (*c - 'A' + 'a');
	}
	return copy;
}

static PmnCode
store_text(PmnArena *arena, const OptionRow *row, const char *text,
		   void *member)
{
	const char *copy = row->kind == OPTION_LOWER
						   ? lower_copy(arena, text)
						   : pmn_arena_string(arena, text);

	if (copy == NULL)
		return PMN_NO_MEMORY;
	*(const char **) member = copy;
	return PMN_OK;
}

/* false: the text is not a value of the row's kind. */
static bool
store_value(const OptionRow *row, const char *text, void *member)
{
	int64_t whole;
	int32_t position;

	switch (row->kind)
	{
		case OPTION_BOOL:
			return parse_bool(text, member);
		case OPTION_INT:
			if (!parse_int64(text, &whole) || whole < row->min ||
				whole > row->max)
				return false;
			*(int32_t *) member = (int32_t) whole;
			return true;
		case OPTION_DOUBLE:
			return parse_double(text, member);
		case OPTION_SIZE:
			return parse_size(text, member);
		case OPTION_DURATION:
			return parse_duration(text, member);
		case OPTION_ENUM:
			if (!parse_enum(text, row->names, &position))
				return false;
			memcpy(member, &position, sizeof(position));
			return true;
		case OPTION_ENUM_BOOL:
			if (!parse_enum(text, row->names, &position))
				return false;
			*(bool *) member = position == 1;
			return true;
		case OPTION_TEXT:
		case OPTION_LOWER:
		case OPTION_STATS_MODE:
			break;
	}
	return false;
}

/* Say what may be written instead. */
static void
hint_at_values(PmnEnv *env, const OptionRow *row)
{
	char names[160] = "";
	size_t size = 0;

	switch (row->kind)
	{
		case OPTION_BOOL:
			pmn_hint(env, "Write \"true\" or \"false\".");
			break;
		case OPTION_INT:
			pmn_hint(env, "Write a whole number.");
			break;
		case OPTION_SIZE:
			pmn_hint(env, "Write a size such as \"64 mb\".");
			break;
		case OPTION_DURATION:
			pmn_hint(env, "Write a duration such as \"10 s\".");
			break;
		case OPTION_ENUM:
		case OPTION_ENUM_BOOL:
			for (const char *const *name = row->names; *name != NULL; name++)
			{
				int more = snprintf(names + size, sizeof(names) - size,
									"%s\"%s\"", size == 0 ? "" : ", ", *name);

				if (more < 0 || (size_t) more >= sizeof(names) - size)
					return;
				size += (size_t) more;
			}
			pmn_hint(env, "Use one of %s.", names);
			break;
		case OPTION_DOUBLE:
		case OPTION_TEXT:
		case OPTION_LOWER:
		case OPTION_STATS_MODE:
			break;
	}
}

static PmnCode
parse_row(PmnArena *arena, PmnEnv *env, const PmnSchema *schema,
		  const OptionRow *row, PmnTableOptions *out)
{
	const char *text = option_value(schema, row);
	void *member = (char *) out + row->offset;
	PmnCode code = PMN_OK;

	if (text == NULL)
		return PMN_OK;
	if (row->kind == OPTION_TEXT || row->kind == OPTION_LOWER)
		return store_text(arena, row, text, member);
	if (row->kind == OPTION_STATS_MODE)
		code = pmn_stats_mode_parse(env, text, member);
	else if (!store_value(row, text, member))
		code = PMN_INVALID;
	if (code == PMN_INVALID)
	{
		pmn_fail(env, PMN_INVALID,
				 "invalid value \"%s\" for table option \"%s\"", text,
				 row->name);
		hint_at_values(env, row);
	}
	return code;
}

/* ---- lists of columns ------------------------------------------------- */

/* The field that a list item names: as it stands, else without spaces. */
static const char *
find_column(PmnArena *arena, const PmnSchema *schema, const char *item,
			size_t size, PmnCode *code)
{
	char *name = pmn_arena_string_n(arena, item, size);
	int32_t position;

	*code = name == NULL ? PMN_NO_MEMORY : PMN_OK;
	if (name == NULL)
		return NULL;
	position = pmn_schema_field_index(schema, name);
	if (position < 0)
	{
		while (size > 0 && is_space(name[size - 1]))
			name[--size] = '\0';
		while (is_space(*name))
			name++;
		position = pmn_schema_field_index(schema, name);
	}
	return position < 0 ? NULL : schema->fields[position].name;
}

static PmnCode
parse_columns(PmnArena *arena, PmnEnv *env, const PmnSchema *schema,
			  const char *option, const char ***names, uint32_t *count)
{
	const char *text = pmn_schema_option(schema, option);
	size_t room = 1;
	PmnCode code;

	*names = NULL;
	*count = 0;
	if (text == NULL || text[0] == '\0')
		return PMN_OK;
	for (const char *c = text; *c != '\0'; c++)
		room += *c == ',';
	*names = pmn_arena_alloc(arena, room * sizeof(**names));
	if (*names == NULL)
		return PMN_NO_MEMORY;
	for (;;)
	{
		size_t size = strcspn(text, ",");
		const char *name = find_column(arena, schema, text, size, &code);

		PMN_TRY(code);
		if (name == NULL)
			return pmn_fail(env, PMN_INVALID,
							"table option \"%s\" names column \"%.*s\", which "
							"the table does not have",
							option, size > 200 ? 200 : (int) size, text);
		(*names)[(*count)++] = name;
		if (text[size] == '\0')
			return PMN_OK;
		text += size + 1;
	}
}

static bool
is_among(const char *name, const char *const *names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Positions of the wanted names, leaving out those in but_not. */
static PmnCode
positions_of(PmnArena *arena, const PmnSchema *schema, const char *const *names,
			 uint32_t name_count, const char *const *but_not,
			 uint32_t but_not_count, uint32_t **positions, uint32_t *count)
{
	*count = 0;
	*positions = pmn_arena_alloc(arena, name_count * sizeof(**positions));
	if (*positions == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < name_count; i++)
	{
		int32_t position = pmn_schema_field_index(schema, names[i]);

		if (is_among(names[i], but_not, but_not_count))
			continue;
		if (position < 0)
			return pmn_fail(pmn_arena_env(arena), PMN_CORRUPT,
							"key column \"%s\" is not a column", names[i]);
		(*positions)[(*count)++] = (uint32_t) position;
	}
	return PMN_OK;
}

PmnCode
pmn_schema_trimmed_key(PmnArena *arena, const PmnSchema *schema,
					   uint32_t **positions, uint32_t *count)
{
	return positions_of(arena, schema, schema->primary_keys,
						schema->primary_key_count, schema->partition_keys,
						schema->partition_key_count, positions, count);
}

PmnCode
pmn_schema_partition(PmnArena *arena, const PmnSchema *schema,
					 uint32_t **positions, uint32_t *count)
{
	return positions_of(arena, schema, schema->partition_keys,
						schema->partition_key_count, NULL, 0, positions, count);
}

static PmnCode
default_bucket_keys(PmnArena *arena, const PmnSchema *schema,
					PmnTableOptions *out)
{
	uint32_t *positions;
	uint32_t count;

	PMN_TRY(pmn_schema_trimmed_key(arena, schema, &positions, &count));
	out->bucket_keys = pmn_arena_alloc(arena, count * sizeof(char *));
	if (out->bucket_keys == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		out->bucket_keys[i] = schema->fields[positions[i]].name;
	out->bucket_key_count = count;
	return PMN_OK;
}

/* ---- all of them ------------------------------------------------------ */

/* Option values that become part of paths. */
static PmnCode
check_names(PmnEnv *env, PmnTableOptions *options)
{
	const char *directory = options->data_file_path_directory;

	if (options->data_file_prefix[0] != '\0' &&
		!pmn_path_name_is_valid(pmn_bytes_string(options->data_file_prefix)))
		return pmn_fail(env, PMN_INVALID,
						"invalid value \"%s\" for table option "
						"\"data-file.prefix\"",
						options->data_file_prefix);
	if (directory == NULL || directory[0] == '\0')
	{
		options->data_file_path_directory = NULL;
		return PMN_OK;
	}
	for (const char *rest = directory;;)
	{
		size_t size = strcspn(rest, "/");

		if (!pmn_path_name_is_valid(pmn_bytes(rest, size)))
			return pmn_fail(env, PMN_INVALID,
							"invalid value \"%s\" for table option "
							"\"data-file.path-directory\"",
							directory);
		if (rest[size] == '\0')
			return PMN_OK;
		rest += size + 1;
	}
}

PmnCode
pmn_options_parse(PmnArena *arena, PmnEnv *env, const PmnSchema *schema,
				  PmnTableOptions *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(option_rows) / sizeof(*option_rows); i++)
		PMN_TRY(parse_row(arena, env, schema, &option_rows[i], out));
	if (out->bucket == 0)
		return pmn_fail(env, PMN_INVALID,
						"invalid value \"0\" for table option \"bucket\"");
	/* Defaults that depend on other options or on the schema. */
	if (out->target_file_size == 0)
		out->target_file_size = schema->primary_key_count > 0
									? INT64_C(128) << 20
									: INT64_C(256) << 20;
	if (out->num_levels == 0)
		out->num_levels = out->compaction_trigger == INT32_MAX
							  ? INT32_MAX
							  : out->compaction_trigger + 1;
	PMN_TRY(check_names(env, out));
	PMN_TRY(parse_columns(arena, env, schema, "sequence.field",
						  &out->sequence_fields, &out->sequence_field_count));
	PMN_TRY(parse_columns(arena, env, schema, "bucket-key", &out->bucket_keys,
						  &out->bucket_key_count));
	if (out->bucket_key_count == 0)
		return default_bucket_keys(arena, schema, out);
	return PMN_OK;
}

PmnCode
pmn_options_stats_mode(PmnEnv *env, const PmnSchema *schema,
					   const PmnTableOptions *options, uint32_t field,
					   PmnStatsMode *out)
{
	const char *name;
	size_t name_size;

	PMN_ASSERT(field < schema->field_count);
	name = schema->fields[field].name;
	name_size = strlen(name);
	/* "fields.<name>.stats-mode", compared in place: names may be long. */
	for (uint32_t i = 0; i < schema->option_count; i++)
	{
		const char *key = schema->options[i].key;

		if (strncmp(key, "fields.", 7) == 0 &&
			strncmp(key + 7, name, name_size) == 0 &&
			strcmp(key + 7 + name_size, ".stats-mode") == 0)
			return pmn_stats_mode_parse(env, schema->options[i].value, out);
	}
	/* Without _KEY_ columns the values carry the key's statistics. */
	if (options->thin_mode &&
		is_among(name, schema->primary_keys, schema->primary_key_count) &&
		!is_among(name, schema->partition_keys, schema->partition_key_count))
	{
		out->kind = PMN_STATS_TRUNCATE;
		out->length = 128;
		return PMN_OK;
	}
	*out = options->stats_mode;
	if (options->stats_keep_first_n >= 0 &&
		field >= (uint32_t) options->stats_keep_first_n)
	{
		out->kind = PMN_STATS_NONE;
		out->length = 0;
	}
	return PMN_OK;
}
