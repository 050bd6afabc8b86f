/*
 * format_parquet_options.c
 *
 * How a Parquet file is to be written. Paimon hands every table option that
 * begins with "parquet." to parquet-java; we know those that users set:
 *
 *   parquet.compression                   overrides "file.compression"
 *   parquet.compression.codec.zstd.level  overrides its level
 *   parquet.block.size                    bytes of a row group
 *   parquet.page.size                     bytes of a data page
 *   parquet.dictionary.page.size          dictionaries beyond it are given up
 *   parquet.page.row.count.limit          rows of a data page
 *   parquet.enable.dictionary[#column]
 *   parquet.bloom.filter.enabled[#column]
 *   parquet.bloom.filter.expected.ndv, parquet.bloom.filter.fpp
 *   parquet.writer.version                PARQUET_1_0, PARQUET_2_0 (or v1, v2)
 *
 * Options of the reader and of parquet-java's size checks do not change what
 * a file means and are passed over. Anything else is refused by name: a file
 * written without it would not be what was asked for.
 */
#include <stdlib.h>
#include <strings.h>

#include "format_parquet.h"

#define PREFIX "parquet."
#define CREATED_BY "paimon_fdw version 1.0"
#define ROW_GROUP_BYTES (INT64_C(128) << 20)
#define PAGE_BYTES (INT64_C(1) << 20)
#define PAGE_ROWS 20000
/* A look-up by key unpacks a page of each column. */
#define KEYED_PAGE_ROWS 4000
#define BLOOM_NDV 1000000
#define BLOOM_FPP 0.01

typedef struct OptionReader
{
	PmnEnv *env;
	const PmnFormatColumn *columns;
	uint32_t count;
	bool *dictionary;
	bool *bloom_filter;
	PmnArrowWriteOptions *out;
	/* Options for all columns count before those for one. */
	bool is_column_round;
} OptionReader;

/* Prefixes of options that only readers or size checks look at. */
static const char *const passed_over[] = {
	"parquet.filter.",
	"parquet.read.",
	"parquet.page.size.row.check.",
	"parquet.page.size.check.estimate",
	"parquet.page.write-checksum.enabled",
	"parquet.page.verify-checksum.enabled",
	"parquet.memory.",
	"parquet.columnindex.truncate.length",
	"parquet.statistics.truncate.length",
	"parquet.bloom.filter.max.bytes",
	"parquet.bloom.filter.adaptive.",
	"parquet.bloom.filter.candidates.number",
	"parquet.writer.max-padding",
	"parquet.validation",
	"parquet.task.side.metadata",
	"parquet.split.files",
	"parquet.compression.codec.zstd.bufferPool.enabled",
	"parquet.compression.codec.zstd.workers",
};

static PmnCode
parse_number(OptionReader *reader, const PmnOption *option, int64_t min,
			 int64_t max, int64_t *out)
{
	const char *text = option->value;
	int64_t value = 0;
	bool ok = text[0] != '\0';

	for (; ok && *text != '\0'; text++)
	{
		ok = *text >= '0' && *text <= '9' && value < INT64_MAX / 10 - 10;
		value = value * 10 + (*text - '0');
	}
	if (!ok || value < min || value > max)
		return pmn_fail(reader->env, PMN_INVALID,
						"option \"%s\" is \"%s\", expected a number from "
						"%" PRId64 " to %" PRId64,
						option->key, option->value, min, max);
	*out = value;
	return PMN_OK;
}

static PmnCode
parse_bool(OptionReader *reader, const PmnOption *option, bool *out)
{
	if (strcasecmp(option->value, "true") == 0)
		*out = true;
	else if (strcasecmp(option->value, "false") == 0)
		*out = false;
	else
		return pmn_fail(reader->env, PMN_INVALID,
						"option \"%s\" is \"%s\", expected true or false",
						option->key, option->value);
	return PMN_OK;
}

static PmnCode
parse_fraction(OptionReader *reader, const PmnOption *option, double *out)
{
	char *end = NULL;
	double value = strtod(option->value, &end);

	if (end == option->value || *end != '\0' || !(value > 0 && value < 1))
		return pmn_fail(reader->env, PMN_INVALID,
						"option \"%s\" is \"%s\", expected a fraction",
						option->key, option->value);
	*out = value;
	return PMN_OK;
}

static PmnCode
parse_version(OptionReader *reader, const PmnOption *option)
{
	const char *value = option->value;

	if (strcasecmp(value, "PARQUET_1_0") == 0 || strcasecmp(value, "v1") == 0)
		reader->out->is_version_2 = false;
	else if (strcasecmp(value, "PARQUET_2_0") == 0 ||
			 strcasecmp(value, "v2") == 0)
		reader->out->is_version_2 = true;
	else
		return pmn_fail(reader->env, PMN_INVALID,
						"option \"%s\" is \"%s\", expected PARQUET_1_0 or "
						"PARQUET_2_0",
						option->key, value);
	return PMN_OK;
}

static PmnCode
parse_compression(PmnEnv *env, const char *name, PmnArrowCompression *out)
{
	static const struct
	{
		const char *name;
		PmnArrowCompression compression;
	} known[] = {
		{"none", PMN_ARROW_NONE},		{"uncompressed", PMN_ARROW_NONE},
		{"snappy", PMN_ARROW_SNAPPY},	{"gzip", PMN_ARROW_GZIP},
		{"zstd", PMN_ARROW_ZSTD},		{"lz4", PMN_ARROW_LZ4},
		{"lz4_raw", PMN_ARROW_LZ4_RAW},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(known[i].name, name) == 0)
		{
			*out = known[i].compression;
			return PMN_OK;
		}
	pmn_fail(env, PMN_UNSUPPORTED,
			 "compression \"%.64s\" is not supported for Parquet files", name);
	return pmn_hint(env, "use zstd, lz4, snappy, gzip or none");
}

/*
 * A switch for all columns ("key") or for one ("key#column"). *known tells
 * whether the option is this switch.
 */
static PmnCode
take_switch(OptionReader *reader, const PmnOption *option, const char *key,
			bool *columns, bool *known)
{
	size_t size = strlen(key);
	bool value;

	*known = strncmp(option->key, key, size) == 0 &&
			 (option->key[size] == '\0' || option->key[size] == '#');
	if (!*known)
		return PMN_OK;
	PMN_TRY(parse_bool(reader, option, &value));
	if ((option->key[size] == '#') != reader->is_column_round)
		return PMN_OK;
	for (uint32_t i = 0; i < reader->count; i++)
		if (option->key[size] == '\0' ||
			strcmp(option->key + size + 1, reader->columns[i].name) == 0)
			columns[i] = value;
	return PMN_OK;
}

static PmnCode
take_size(OptionReader *reader, const PmnOption *option, bool *known)
{
	PmnArrowWriteOptions *out = reader->out;
	const char *key = option->key + strlen(PREFIX);
	int64_t number;

	*known = true;
	if (strcmp(key, "block.size") == 0)
		return parse_number(reader, option, 1, INT64_C(1) << 40,
							&out->row_group_bytes);
	if (strcmp(key, "page.size") == 0)
		return parse_number(reader, option, 1, 1 << 30, &out->page_bytes);
	if (strcmp(key, "dictionary.page.size") == 0)
		return parse_number(reader, option, 1, 1 << 30,
							&out->dictionary_page_bytes);
	if (strcmp(key, "page.row.count.limit") == 0)
		return parse_number(reader, option, 1, INT32_MAX, &out->page_rows);
	if (strncmp(key, "bloom.filter.expected.ndv", 25) == 0)
		return parse_number(reader, option, 1, INT64_C(1) << 32,
							&out->bloom_ndv);
	if (strcmp(key, "compression.codec.zstd.level") == 0)
	{
		PMN_TRY(parse_number(reader, option, 1, 22, &number));
		if (out->compression == PMN_ARROW_ZSTD)
			out->compression_level = (int32_t) number;
		return PMN_OK;
	}
	*known = false;
	return PMN_OK;
}

static PmnCode
take_option(OptionReader *reader, const PmnOption *option)
{
	bool known = false;

	PMN_TRY(take_switch(reader, option, "parquet.enable.dictionary",
						reader->dictionary, &known));
	if (!known)
		PMN_TRY(take_switch(reader, option, "parquet.bloom.filter.enabled",
							reader->bloom_filter, &known));
	if (!known)
		PMN_TRY(take_size(reader, option, &known));
	if (known)
		return PMN_OK;
	if (strcmp(option->key, "parquet.compression") == 0)
		return PMN_OK; /* taken before */
	if (strcmp(option->key, "parquet.writer.version") == 0)
		return parse_version(reader, option);
	if (strncmp(option->key, "parquet.bloom.filter.fpp", 24) == 0)
		return parse_fraction(reader, option, &reader->out->bloom_fpp);
	for (size_t i = 0; i < sizeof(passed_over) / sizeof(passed_over[0]); i++)
		if (strncmp(option->key, passed_over[i], strlen(passed_over[i])) == 0)
			return PMN_OK;
	return pmn_fail(reader->env, PMN_UNSUPPORTED,
					"table option \"%s\" is not supported", option->key);
}

static PmnCode
take_options(OptionReader *reader, const PmnSchema *schema)
{
	for (int round = 0; schema != NULL && round < 2; round++)
	{
		reader->is_column_round = round == 1;
		for (uint32_t i = 0; i < schema->option_count; i++)
		{
			const PmnOption *option = &schema->options[i];

			if (strncmp(option->key, PREFIX, strlen(PREFIX)) == 0)
				PMN_TRY(take_option(reader, option));
		}
	}
	return PMN_OK;
}

PmnCode
parquet_write_options(PmnArena *arena, const PmnFormatColumn *columns,
					  uint32_t count, const PmnFormatWriteOptions *options,
					  PmnArrowWriteOptions *out)
{
	PmnEnv *env = pmn_arena_env(arena);
	const char *compression = options->compression;
	const char *override = NULL;
	bool is_keyed =
		options->schema != NULL && options->schema->primary_key_count > 0;
	PmnArrowColumn *arrow_columns;
	OptionReader reader = {env, columns, count, NULL, NULL, out, false};

	PMN_TRY(parquet_columns(arena, columns, count, &arrow_columns));
	reader.dictionary = pmn_arena_alloc(arena, count + 1);
	reader.bloom_filter = pmn_arena_alloc(arena, count + 1);
	if (reader.dictionary == NULL || reader.bloom_filter == NULL)
		return PMN_NO_MEMORY;
	memset(reader.dictionary, true, count);
	*out = (PmnArrowWriteOptions){
		.columns = arrow_columns,
		.column_count = count,
		.compression_level = options->compression_level,
		.row_group_bytes = options->row_group_bytes > 0
							   ? options->row_group_bytes
							   : ROW_GROUP_BYTES,
		.page_bytes = PAGE_BYTES,
		.dictionary_page_bytes = PAGE_BYTES,
		.page_rows = is_keyed ? KEYED_PAGE_ROWS : PAGE_ROWS,
		.dictionary = reader.dictionary,
		.bloom_filter = reader.bloom_filter,
		.bloom_fpp = BLOOM_FPP,
		.bloom_ndv = BLOOM_NDV,
		.created_by = CREATED_BY,
	};
	if (options->schema != NULL)
		override = pmn_schema_option(options->schema, "parquet.compression");
	if (override != NULL)
		compression = override;
	if (compression == NULL)
		compression = "zstd";
	PMN_TRY(parse_compression(env, compression, &out->compression));
	/* Levels are zstd's: Paimon has no option for those of others. */
	if (out->compression != PMN_ARROW_ZSTD)
		out->compression_level = 0;
	else if (out->compression_level == 0)
		out->compression_level = 1;
	return take_options(&reader, options->schema);
}
