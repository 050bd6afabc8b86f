/*
 * codec_avro_test.c
 *
 * Goal: what we write is what Paimon writes (schema text included) and reads
 * back equal under every codec; files of older, newer and foreign writers are
 * resolved by name.
 */
#include "../testing/testing.h"

#include <stddef.h>
#include <string.h>

#include "codec_avro_internal.h"

typedef struct Stats
{
	PmnBytes min_values;
	PmnBytes max_values;
	PmnAvroArray null_counts;
	bool has_null_counts;
} Stats;

typedef struct Range
{
	PmnBytes f0;
	int32_t f1;
	int64_t cardinality;
	bool has_cardinality;
} Range;

typedef struct Row
{
	int32_t version;
	PmnBytes name;
	Stats stats;
	PmnAvroArray extra_files;
	int64_t creation_time;
	bool has_creation_time;
	PmnAvroArray ranges;
	bool has_ranges;
	double ratio;
	float small_ratio;
	bool flag;
	Range inner;
	bool has_inner;
} Row;

static const PmnAvroField stats_fields[] = {
	{"_MIN_VALUES", PMN_AVRO_BYTES, offsetof(Stats, min_values),
	 PMN_AVRO_REQUIRED, NULL, 0, false, NULL},
	{"_MAX_VALUES", PMN_AVRO_BYTES, offsetof(Stats, max_values),
	 PMN_AVRO_REQUIRED, NULL, 0, false, NULL},
	{"_NULL_COUNTS", PMN_AVRO_ARRAY, offsetof(Stats, null_counts),
	 offsetof(Stats, has_null_counts), NULL, PMN_AVRO_LONG, true, NULL},
};
static const PmnAvroRecord stats_record = {stats_fields, 3, sizeof(Stats)};

static const PmnAvroField range_fields[] = {
	{"f0", PMN_AVRO_STRING, offsetof(Range, f0), PMN_AVRO_REQUIRED, NULL, 0,
	 false, NULL},
	{"f1", PMN_AVRO_INT, offsetof(Range, f1), PMN_AVRO_REQUIRED, NULL, 0, false,
	 NULL},
	{"_CARDINALITY", PMN_AVRO_LONG, offsetof(Range, cardinality),
	 offsetof(Range, has_cardinality), NULL, 0, false, NULL},
};
static const PmnAvroRecord range_record = {range_fields, 3, sizeof(Range)};

static const PmnAvroField row_fields[] = {
	{"_VERSION", PMN_AVRO_INT, offsetof(Row, version), PMN_AVRO_REQUIRED, NULL,
	 0, false, NULL},
	{"_FILE_NAME", PMN_AVRO_STRING, offsetof(Row, name), PMN_AVRO_REQUIRED,
	 NULL, 0, false, NULL},
	{"_STATS", PMN_AVRO_RECORD, offsetof(Row, stats), PMN_AVRO_REQUIRED,
	 &stats_record, 0, false, NULL},
	{"_EXTRA_FILES", PMN_AVRO_ARRAY, offsetof(Row, extra_files),
	 PMN_AVRO_REQUIRED, NULL, PMN_AVRO_STRING, false, NULL},
	{"_CREATION_TIME", PMN_AVRO_LONG, offsetof(Row, creation_time),
	 offsetof(Row, has_creation_time), NULL, 0, false, "timestamp-millis"},
	{"_RANGES", PMN_AVRO_ARRAY, offsetof(Row, ranges),
	 offsetof(Row, has_ranges), &range_record, PMN_AVRO_RECORD, true, NULL},
	{"ratio", PMN_AVRO_DOUBLE, offsetof(Row, ratio), PMN_AVRO_REQUIRED, NULL, 0,
	 false, NULL},
	{"small_ratio", PMN_AVRO_FLOAT, offsetof(Row, small_ratio),
	 PMN_AVRO_REQUIRED, NULL, 0, false, NULL},
	{"flag", PMN_AVRO_BOOLEAN, offsetof(Row, flag), PMN_AVRO_REQUIRED, NULL, 0,
	 false, NULL},
	{"inner", PMN_AVRO_RECORD, offsetof(Row, inner), offsetof(Row, has_inner),
	 &range_record, 0, false, NULL},
};
static const PmnAvroRecord row_record = {row_fields, 10, sizeof(Row)};

static const char row_schema[] =
	"{\"type\":\"record\",\"name\":\"record\",\"namespace\":"
	"\"org.apache.paimon.avro.generated\",\"fields\":[{\"name\":\"_VERSION\","
	"\"type\":\"int\"},{\"name\":\"_FILE_NAME\",\"type\":\"string\"},{"
	"\"name\":\"_STATS\",\"type\":{\"type\":\"record\",\"name\":"
	"\"record__STATS\",\"fields\":[{\"name\":\"_MIN_VALUES\",\"type\":"
	"\"bytes\"},{\"name\":\"_MAX_VALUES\",\"type\":\"bytes\"},{\"name\":"
	"\"_NULL_COUNTS\",\"type\":[\"null\",{\"type\":\"array\",\"items\":["
	"\"null\",\"long\"]}],\"default\":null}]}},{\"name\":\"_EXTRA_FILES\","
	"\"type\":{\"type\":\"array\",\"items\":\"string\"}},{\"name\":"
	"\"_CREATION_TIME\",\"type\":[\"null\",{\"type\":\"long\","
	"\"logicalType\":\"timestamp-millis\"}],\"default\":null},{\"name\":"
	"\"_RANGES\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\","
	"{\"type\":\"record\",\"name\":\"record__RANGES\",\"fields\":[{\"name\":"
	"\"f0\",\"type\":\"string\"},{\"name\":\"f1\",\"type\":\"int\"},{"
	"\"name\":\"_CARDINALITY\",\"type\":[\"null\",\"long\"],\"default\":null}"
	"]}]}],\"default\":null},{\"name\":\"ratio\",\"type\":\"double\"},{"
	"\"name\":\"small_ratio\",\"type\":\"float\"},{\"name\":\"flag\","
	"\"type\":\"boolean\"},{\"name\":\"inner\",\"type\":[\"null\",{\"type\":"
	"\"record\",\"name\":\"record_inner\",\"fields\":[{\"name\":\"f0\","
	"\"type\":\"string\"},{\"name\":\"f1\",\"type\":\"int\"},{\"name\":"
	"\"_CARDINALITY\",\"type\":[\"null\",\"long\"],\"default\":null}]}],"
	"\"default\":null}]}";

static const int64_t counts[4] = {0, PMN_AVRO_NULL_LONG, INT64_MAX, -7};
static PmnBytes names[2] = {{(const uint8_t *) "a", 1},
							{(const uint8_t *) "\xc3\xa9x", 3}};
static Range ranges[2] = {{{(const uint8_t *) "data-1", 6}, 5, 9, true},
						  {{(const uint8_t *) "", 0}, INT32_MIN, 0, false}};

static void
make_row(Row *row, uint32_t i)
{
	memset(row, 0, sizeof(*row));
	row->version = i % 2 == 0 ? (int32_t) i : -(int32_t) i;
	row->name = pmn_bytes_string("data-file-name.parquet");
	row->stats.min_values = pmn_bytes("\0\1\2\3\0", i % 6);
	row->stats.max_values = pmn_bytes_string("max");
	row->stats.has_null_counts = i % 3 != 0;
	if (row->stats.has_null_counts)
		row->stats.null_counts =
			(PmnAvroArray){(void *) (uintptr_t) counts, i % 5};
	row->extra_files = (PmnAvroArray){names, i % 3};
	row->has_creation_time = i % 4 != 1;
	row->creation_time = row->has_creation_time ? INT64_MAX - i : 0;
	row->has_ranges = i % 2 == 0;
	if (row->has_ranges)
		row->ranges = (PmnAvroArray){ranges, i % 3};
	row->ratio = i * 0.25;
	row->small_ratio = (float) i;
	row->flag = i % 2 == 1;
	row->has_inner = i % 5 == 0;
	if (row->has_inner)
		row->inner = ranges[0];
}

static bool
same_range(const Range *a, const Range *b)
{
	return pmn_bytes_equal(a->f0, b->f0) && a->f1 == b->f1 &&
		   a->cardinality == b->cardinality &&
		   a->has_cardinality == b->has_cardinality;
}

static bool
same_row(const Row *a, const Row *b)
{
	bool same = a->version == b->version && pmn_bytes_equal(a->name, b->name);

	same = same && pmn_bytes_equal(a->stats.min_values, b->stats.min_values);
	same = same && pmn_bytes_equal(a->stats.max_values, b->stats.max_values);
	same = same && a->stats.has_null_counts == b->stats.has_null_counts;
	same = same && a->stats.null_counts.count == b->stats.null_counts.count;
	same = same && a->extra_files.count == b->extra_files.count;
	same = same && a->has_creation_time == b->has_creation_time;
	same = same && a->creation_time == b->creation_time;
	same = same && a->has_ranges == b->has_ranges;
	same = same && a->ranges.count == b->ranges.count;
	same = same && a->ratio == b->ratio && a->small_ratio == b->small_ratio;
	same = same && a->flag == b->flag && a->has_inner == b->has_inner;
	same = same && same_range(&a->inner, &b->inner);
	for (uint32_t i = 0; same && i < a->stats.null_counts.count; i++)
		same = ((int64_t *) a->stats.null_counts.items)[i] ==
			   ((int64_t *) b->stats.null_counts.items)[i];
	for (uint32_t i = 0; same && i < a->extra_files.count; i++)
		same = pmn_bytes_equal(((PmnBytes *) a->extra_files.items)[i],
							   ((PmnBytes *) b->extra_files.items)[i]);
	for (uint32_t i = 0; same && i < a->ranges.count; i++)
		same = same_range(&((Range *) a->ranges.items)[i],
						  &((Range *) b->ranges.items)[i]);
	return same;
}

static PmnCode
write_rows(PmnEnv *env, PmnCodec codec, uint32_t count, PmnAvroWriter **out,
		   PmnBytes *file)
{
	PmnCode code = pmn_avro_create(env, &row_record, codec, 0, out);

	for (uint32_t i = 0; i < count && code == PMN_OK; i++)
	{
		Row row;

		make_row(&row, i);
		code = pmn_avro_append(*out, &row);
	}
	return code == PMN_OK ? pmn_avro_finish(*out, file) : code;
}

/* Read all rows; *count of those equal to what make_row makes. */
static PmnCode
read_rows(PmnEnv *env, PmnBytes file, uint32_t *count)
{
	PmnAvroReader *reader = NULL;
	PmnArena *arena = NULL;
	bool found = true;
	PmnCode code = pmn_avro_open(env, file, "m", &row_record, &reader);

	*count = 0;
	if (code == PMN_OK)
		code = pmn_arena_create(env, 0, &arena);
	while (code == PMN_OK && found)
	{
		Row expected;
		Row row;

		make_row(&expected, *count);
		code = pmn_avro_next(reader, arena, &row, &found);
		if (code == PMN_OK && found)
		{
			CHECK(same_row(&row, &expected));
			++*count;
		}
		if (arena != NULL && *count % 100 == 0)
			pmn_arena_reset(arena);
	}
	pmn_arena_destroy(arena);
	pmn_avro_close(reader);
	return code;
}

TEST(all_codecs_round_trip)
{
	static const PmnCodec codecs[] = {PMN_CODEC_NONE, PMN_CODEC_ZSTD,
									  PMN_CODEC_SNAPPY, PMN_CODEC_DEFLATE};
	static const uint32_t counts_of_rows[] = {0, 1, 7, 5000};
	PmnTestEnv env;

	pmn_test_env_init(&env);
	for (int c = 0; c < 4; c++)
		for (int n = 0; n < 4; n++)
		{
			PmnAvroWriter *writer;
			PmnBytes file;
			uint32_t count;

			CHECK_OK(&env, write_rows(&env.base, codecs[c], counts_of_rows[n],
									  &writer, &file));
			CHECK(pmn_avro_size(writer) >= file.size);
			CHECK_OK(&env, read_rows(&env.base, file, &count));
			CHECK(count == counts_of_rows[n]);
			pmn_avro_destroy(writer);
		}
	CHECK(env.live_bytes == 0);
}

TEST(schema_is_paimons)
{
	PmnTestEnv env;
	PmnAvroWriter *writer;
	PmnBytes file;

	pmn_test_env_init(&env);
	CHECK_OK(&env, write_rows(&env.base, PMN_CODEC_ZSTD, 1, &writer, &file));
	CHECK(memcmp(file.data,
				 "Obj\x01\x04\x16"
				 "avro.schema",
				 17) == 0);
	CHECK(memmem(file.data, file.size, row_schema, strlen(row_schema)) != NULL);
	CHECK(memmem(file.data, file.size,
				 "}\x14"
				 "avro.codec\x12zstandard\0",
				 23) != NULL);
	pmn_avro_destroy(writer);
	CHECK(pmn_avro_create(&env.base, &row_record, PMN_CODEC_LZ4, 0, &writer) ==
		  PMN_UNSUPPORTED);
	CHECK(env.live_bytes == 0);
}

static PmnCode
scenario(PmnEnv *env)
{
	PmnAvroWriter *writer = NULL;
	PmnBytes file;
	uint32_t count;
	PmnCode code = write_rows(env, PMN_CODEC_DEFLATE, 20, &writer, &file);

	if (code == PMN_OK)
		code = read_rows(env, file, &count);
	pmn_avro_destroy(writer);
	return code;
}

TEST(survives_every_allocation_failure)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv env;

		pmn_test_env_fail_at(&env, step);
		code = scenario(&env.base);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

/* ---- files of other writers, built by hand ---------------------------- */

typedef struct Wide
{
	int64_t l;
	double d;
	double df;
	float f;
	PmnBytes s;
	PmnBytes b;
	int64_t missing;
	bool has_missing;
	bool has_s;
	PmnAvroArray longs;
} Wide;

static const PmnAvroField wide_fields[] = {
	{"l", PMN_AVRO_LONG, offsetof(Wide, l), PMN_AVRO_REQUIRED, NULL, 0, false,
	 NULL},
	{"d", PMN_AVRO_DOUBLE, offsetof(Wide, d), PMN_AVRO_REQUIRED, NULL, 0, false,
	 NULL},
	{"df", PMN_AVRO_DOUBLE, offsetof(Wide, df), PMN_AVRO_REQUIRED, NULL, 0,
	 false, NULL},
	{"f", PMN_AVRO_FLOAT, offsetof(Wide, f), PMN_AVRO_REQUIRED, NULL, 0, false,
	 NULL},
	{"s", PMN_AVRO_STRING, offsetof(Wide, s), offsetof(Wide, has_s), NULL, 0,
	 false, NULL},
	{"b", PMN_AVRO_BYTES, offsetof(Wide, b), PMN_AVRO_REQUIRED, NULL, 0, false,
	 NULL},
	{"missing", PMN_AVRO_LONG, offsetof(Wide, missing),
	 offsetof(Wide, has_missing), NULL, 0, false, NULL},
	{"longs", PMN_AVRO_ARRAY, offsetof(Wide, longs), PMN_AVRO_REQUIRED, NULL,
	 PMN_AVRO_LONG, false, NULL},
};
static const PmnAvroRecord wide_record = {wide_fields, 8, sizeof(Wide)};

#define WIDE_SCHEMA                                                            \
	"{\"type\":\"record\",\"name\":\"R\",\"fields\":["                         \
	"{\"name\":\"x1\",\"type\":{\"type\":\"map\",\"values\":\"long\"}},"       \
	"{\"name\":\"longs\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"    \
	"{\"name\":\"b\",\"type\":\"string\"},"                                    \
	"{\"name\":\"x2\",\"type\":{\"type\":\"record\",\"name\":\"S\","           \
	"\"namespace\":\"q\",\"fields\":[{\"name\":\"y\",\"type\":\"boolean\"},"   \
	"{\"name\":\"z\",\"type\":[\"null\",\"double\"]}]}},"                      \
	"{\"name\":\"x3\",\"type\":\"q.S\"},"                                      \
	"{\"name\":\"s\",\"type\":[\"int\",\"null\",\"bytes\"]},"                  \
	"{\"name\":\"x4\",\"type\":{\"type\":\"fixed\",\"name\":\"F\","            \
	"\"size\":3}},"                                                            \
	"{\"name\":\"x5\",\"type\":{\"type\":\"enum\",\"name\":\"E\","             \
	"\"symbols\":[\"A\"]}},"                                                   \
	"{\"name\":\"f\",\"type\":\"long\"},"                                      \
	"{\"name\":\"df\",\"type\":\"float\"},"                                    \
	"{\"name\":\"d\",\"type\":\"int\"},"                                       \
	"{\"name\":\"l\",\"type\":[\"int\",\"null\"]},"                            \
	"{\"name\":\"x6\",\"type\":[\"null\",{\"type\":\"array\","                 \
	"\"items\":\"q.S\"}]}]}"

static const uint8_t wide_row[] = {
	2,	 2,	   'k',	 4,	   1,	 6,	   2,
	'j', 6,	   0,						  /* x1: one block, one sized block */
	4,	 2,	   4,	 1,	   2,	 6,	   0, /* longs: 1 2, then 3 */
	4,	 'h',  'i',						  /* b */
	1,	 2,	   0,	 0,	   0,	 0,	   0,
	0,	 0,	   0x40,				   /* x2 */
	0,	 0,							   /* x3 */
	4,	 4,	   'o',	 'k',			   /* s, third branch */
	9,	 9,	   9,					   /* x4 */
	0,								   /* x5 */
	10,								   /* f 5 */
	0,	 0,	   0xc0, 0x3f,			   /* df 1.5 */
	13,								   /* d -7 */
	0,	 0xfe, 0xff, 0xff, 0xff, 0x0f, /* l INT32_MAX */
	2,	 1,	   4,	 0,	   0,	 0,	   /* x6: sized block of one item */
};

/* A container of one uncompressed block. */
static void
build(PmnBuffer *out, const char *schema, const char *codec,
	  const uint8_t *rows, size_t size, uint8_t count)
{
	uint8_t varint[2] = {(uint8_t) ((strlen(schema) * 2) | 0x80),
						 (uint8_t) (strlen(schema) * 2 >> 7)};
	PmnCode code = pmn_buffer_append(out,
									 "Obj\x01\x04\x14"
									 "avro.codec",
									 16);

	CHECK(strlen(schema) >= 64 && strlen(schema) < 8192);
	code |= pmn_buffer_byte(out, (uint8_t) (strlen(codec) * 2));
	code |= pmn_buffer_string(out, codec);
	code |= pmn_buffer_string(out, "\x16"
								   "avro.schema");
	code |= pmn_buffer_append(out, varint, 2);
	code |= pmn_buffer_string(out, schema);
	code |= pmn_buffer_append(out, "\0SYNCSYNCSYNCSYNC", 17);
	code |= pmn_buffer_byte(out, (uint8_t) (count * 2));
	CHECK(size < 64 || size < 8192);
	varint[0] = (uint8_t) ((size * 2) | 0x80);
	varint[1] = (uint8_t) (size * 2 >> 7);
	code |= pmn_buffer_append(out, varint, 2);
	code |= pmn_buffer_append(out, rows, size);
	code |= pmn_buffer_string(out, "SYNCSYNCSYNCSYNC");
	CHECK(code == PMN_OK);
}

TEST(foreign_schema_is_resolved_by_name)
{
	PmnTestEnv env;
	PmnBuffer file;
	PmnAvroReader *reader;
	PmnArena *arena;
	Wide row;
	bool found;

	pmn_test_env_init(&env);
	pmn_buffer_init(&file, &env.base);
	build(&file, WIDE_SCHEMA, "null", wide_row, sizeof(wide_row), 1);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_avro_open(&env.base, pmn_bytes(file.data, file.size),
								 "w", &wide_record, &reader));
	memset(&row, 0xee, sizeof(row));
	CHECK_OK(&env, pmn_avro_next(reader, arena, &row, &found));
	CHECK(found && row.l == INT32_MAX && row.d == -7 && row.df == 1.5 &&
		  row.f == 5);
	CHECK(row.has_s && pmn_bytes_equal(row.s, pmn_bytes_string("ok")));
	CHECK(pmn_bytes_equal(row.b, pmn_bytes_string("hi")));
	CHECK(!row.has_missing && row.missing == 0);
	CHECK(row.longs.count == 3);
	for (int i = 0; i < 3 && row.longs.count == 3; i++)
		CHECK(((int64_t *) row.longs.items)[i] == i + 1);
	CHECK_OK(&env, pmn_avro_next(reader, arena, &row, &found));
	CHECK(!found);
	pmn_avro_close(reader);
	pmn_arena_destroy(arena);
	pmn_buffer_free(&file);
	CHECK(env.live_bytes == 0);
}

/* Open and read all of a file that must fail; the code. */
static PmnCode
outcome(PmnTestEnv *env, PmnBytes file, const PmnAvroRecord *record)
{
	PmnAvroReader *reader = NULL;
	PmnArena *arena = NULL;
	uint64_t space[64];
	bool found = true;
	PmnCode code = pmn_avro_open(&env->base, file, "bad", record, &reader);

	CHECK(record->size <= sizeof(space));
	CHECK_OK(env, pmn_arena_create(&env->base, 0, &arena));
	while (code == PMN_OK && found)
		code = pmn_avro_next(reader, arena, space, &found);
	pmn_arena_destroy(arena);
	pmn_avro_close(reader);
	return code;
}

TEST(cut_and_changed_files_are_refused)
{
	PmnTestEnv env;
	PmnBuffer file;

	pmn_test_env_init(&env);
	pmn_buffer_init(&file, &env.base);
	build(&file, WIDE_SCHEMA, "null", wide_row, sizeof(wide_row), 1);
	CHECK(outcome(&env, pmn_bytes(file.data, file.size), &wide_record) ==
		  PMN_OK);
	for (size_t size = 0; size < file.size; size++)
	{
		uint8_t *copy = malloc(size + 1);
		/* A file may end after its header: no block at all. */
		bool whole = size == file.size - sizeof(wide_row) - 19;

		memcpy(copy, file.data, size);
		CHECK(outcome(&env, pmn_bytes(copy, size), &wide_record) ==
			  (whole ? PMN_OK : PMN_CORRUPT));
		free(copy);
	}
	for (int round = 0; round < 20000; round++)
	{
		size_t at = pmn_test_below(&env, (uint32_t) file.size);
		uint8_t old = file.data[at];
		PmnCode code;

		file.data[at] ^= (uint8_t) (1 + pmn_test_below(&env, 255));
		code = outcome(&env, pmn_bytes(file.data, file.size), &wide_record);
		CHECK(code == PMN_OK || code == PMN_CORRUPT || code == PMN_UNSUPPORTED);
		file.data[at] = old;
	}
	pmn_buffer_free(&file);
	CHECK(env.live_bytes == 0);
}

static PmnCode
outcome_of(const char *schema, const char *codec, const char *rows, size_t size,
		   uint8_t count, const PmnAvroRecord *record, const char *word)
{
	PmnTestEnv env;
	PmnBuffer file;
	PmnCode code;

	pmn_test_env_init(&env);
	pmn_buffer_init(&file, &env.base);
	build(&file, schema, codec, (const uint8_t *) rows, size, count);
	code = outcome(&env, pmn_bytes(file.data, file.size), record);
	if (word != NULL && strstr(env.base.error.message, word) == NULL)
	{
		fprintf(stderr, "no \"%s\" in: %s\n", word, env.base.error.message);
		CHECK(!"message");
	}
	pmn_buffer_free(&file);
	CHECK(env.live_bytes == 0);
	return code;
}

typedef struct One
{
	int64_t a;
	bool has_a;
} One;

static const PmnAvroField one_fields[] = {{"a", PMN_AVRO_LONG, offsetof(One, a),
										   PMN_AVRO_REQUIRED, NULL, 0, false,
										   NULL}};
static const PmnAvroRecord one_record = {one_fields, 1, sizeof(One)};
static const PmnAvroField maybe_fields[] = {
	{"a", PMN_AVRO_LONG, offsetof(One, a), offsetof(One, has_a), NULL, 0, false,
	 NULL}};
static const PmnAvroRecord maybe_record = {maybe_fields, 1, sizeof(One)};

#define ONE(type)                                                              \
	"{\"type\":\"record\",\"name\":\"R_long_enough_name\",\"fields\":["        \
	"{\"name\":\"a\",\"type\":" type "}]}"

TEST(what_cannot_be_read_is_named)
{
	CHECK(outcome_of(ONE("\"long\""), "bzip2", "", 0, 0, &one_record,
					 "bzip2") == PMN_UNSUPPORTED);
	CHECK(outcome_of(ONE("\"long\""), "xz", "", 0, 0, &one_record, "xz") ==
		  PMN_UNSUPPORTED);
	CHECK(outcome_of(ONE("\"string\""), "null", "", 0, 0, &one_record,
					 "\"a\"") == PMN_CORRUPT);
	CHECK(outcome_of(ONE("[\"null\",\"long\"]"), "null", "\0", 1, 1,
					 &one_record, NULL) == PMN_CORRUPT);
	CHECK(outcome_of(ONE("[\"null\",\"long\"]"), "null", "\0", 1, 1,
					 &maybe_record, NULL) == PMN_OK);
	CHECK(outcome_of(ONE("[\"long\",\"string\"]"), "null", "\2\0", 2, 1,
					 &maybe_record, NULL) == PMN_CORRUPT);
	CHECK(outcome_of(ONE("[\"long\",\"string\"]"), "null", "\0\2", 2, 1,
					 &maybe_record, NULL) == PMN_OK);
	CHECK(outcome_of(ONE("\"int\""), "null", "\x80\x80\x80\x80\x20", 5, 1,
					 &one_record, NULL) == PMN_CORRUPT);
	CHECK(outcome_of(ONE("\"long\""), "null",
					 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, 1,
					 &one_record, NULL) == PMN_CORRUPT);
	CHECK(outcome_of(ONE("\"unknown\""), "null", "", 0, 0, &one_record,
					 "unknown") == PMN_CORRUPT);
	CHECK(outcome_of(ONE("\"R_long_enough_name\""), "null", "", 0, 0,
					 &one_record, "recursive") == PMN_UNSUPPORTED);
	CHECK(outcome_of("{\"type\":\"record\",\"name\":\"R_long_enough_name\","
					 "\"fields\":[]}                                 ",
					 "null", "", 0, 0, &one_record, "\"a\"") == PMN_CORRUPT);
}

TEST(values_without_bytes_are_bounded)
{
	/* An array of nulls that claims 2^40 items, read over and read. */
	CHECK(outcome_of(ONE("{\"type\":\"array\",\"items\":\"null\"}"), "null",
					 "\x80\x80\x80\x80\x80\x80\x01\0", 8, 1, &one_record,
					 "\"a\"") == PMN_CORRUPT);
	CHECK(outcome_of("{\"type\":\"record\",\"name\":\"R_long_enough_name\","
					 "\"fields\":[{\"name\":\"b\",\"type\":{\"type\":"
					 "\"array\",\"items\":\"null\"}}]}",
					 "null", "\x80\x80\x80\x80\x80\x80\x01\0", 8, 1,
					 &maybe_record, NULL) == PMN_CORRUPT);
	CHECK(outcome_of("{\"type\":\"record\",\"name\":\"R_long_enough_name\","
					 "\"fields\":[{\"name\":\"b\",\"type\":\"null\"}]}",
					 "null", "", 0, 30, &maybe_record, NULL) == PMN_OK);
	/* A list longer than its block. */
	CHECK(outcome_of("{\"type\":\"record\",\"name\":\"R_long_enough_name\","
					 "\"fields\":[{\"name\":\"b\",\"type\":{\"type\":"
					 "\"array\",\"items\":\"long\"}}]}",
					 "null", "\x80\x80\x80\x01\0", 5, 1, &maybe_record,
					 NULL) == PMN_CORRUPT);
}

/* Types T0 .. Tn, each made of two of the one before. */
TEST(schemas_that_explode_are_refused)
{
	PmnTestEnv env;
	PmnBuffer schema;

	pmn_test_env_init(&env);
	pmn_buffer_init(&schema, &env.base);
	CHECK_OK(&env,
			 pmn_buffer_string(&schema, "{\"type\":\"record\",\"name\":\"R\","
										"\"fields\":[{\"name\":\"t\",\"type\":{"
										"\"type\":\"fixed\",\"name\":\"T0\","
										"\"size\":1}}"));
	for (int i = 1; i < 30; i++)
		CHECK_OK(&env,
				 pmn_buffer_format(
					 &schema,
					 ",{\"name\":\"t%d\",\"type\":{\"type\":\"record\","
					 "\"name\":\"T%d\",\"fields\":[{\"name\":\"a\",\"type\":"
					 "\"T%d\"},{\"name\":\"b\",\"type\":\"T%d\"}]}}",
					 i, i, i - 1, i - 1));
	CHECK_OK(&env, pmn_buffer_append(&schema, "]}", 3));
	CHECK(outcome_of((char *) schema.data, "null", "", 0, 0, &maybe_record,
					 "too large") == PMN_CORRUPT);
	pmn_buffer_free(&schema);
}

TEST(other_containers_are_named)
{
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK(outcome(&env, pmn_bytes_string("ORC\x11rest"), &one_record) ==
		  PMN_UNSUPPORTED);
	CHECK(strstr(env.base.error.message, "ORC") != NULL);
	CHECK(outcome(&env, pmn_bytes_string("PAR1rest"), &one_record) ==
		  PMN_UNSUPPORTED);
	CHECK(strstr(env.base.error.message, "Parquet") != NULL);
	CHECK(outcome(&env, pmn_bytes_string("junk"), &one_record) == PMN_CORRUPT);
	CHECK(outcome(&env, pmn_bytes(NULL, 0), &one_record) == PMN_CORRUPT);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	RUN(all_codecs_round_trip);
	RUN(schema_is_paimons);
	RUN(survives_every_allocation_failure);
	RUN(foreign_schema_is_resolved_by_name);
	RUN(cut_and_changed_files_are_refused);
	RUN(what_cannot_be_read_is_named);
	RUN(values_without_bytes_are_bounded);
	RUN(schemas_that_explode_are_refused);
	RUN(other_containers_are_named);
	TEST_END();
}
