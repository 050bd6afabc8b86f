/*
 * format_parquet_legacy_test.c
 *
 * Files as other and older writers made them, put together here byte by byte:
 * lists of two levels, with odd names in the middle, and bare repeated
 * fields; points in time as INT96 of both conventions; unsigned integers. A
 * file has one row group, whose columns have one plain page each. Needs
 * PMN_ARROW_PATH.
 */
#include <string.h>

#include "../include/pmn.h"
#include "../testing/testing.h"
#include "format.h"

enum
{
	INT32 = 1,
	INT96 = 3,
	GROUP = -1,
	REQUIRED = 0,
	OPTIONAL = 1,
	REPEATED = 2,
	LIST = 3,
	UINT_32 = 13,
	PLAIN_TYPE = -1
};

/* A node of the schema, in the order of the footer. */
typedef struct Node
{
	const char *name;
	int repetition;
	int physical;
	int children;
	int converted;
} Node;

/* The only page of a column; a level is one byte. */
typedef struct Leaf
{
	const char *path[4];
	int physical;
	int max_rep;
	int max_def;
	int levels;
	const uint8_t *reps;
	const uint8_t *defs;
	const void *values;
	size_t size;
	size_t offset; /* filled when it is written */
	size_t stored;
} Leaf;

typedef struct Shape
{
	const Node *nodes;
	int node_count;
	Leaf *leaves;
	int leaf_count;
	int rows;
} Shape;

/* ---- Thrift's compact protocol, as much as footers take ------------------------ */

typedef struct Out
{
	uint8_t bytes[4096];
	size_t size;
} Out;

static void
put(Out *out, const void *bytes, size_t size)
{
	CHECK(size <= sizeof(out->bytes) - out->size);
	memcpy(out->bytes + out->size, bytes, size);
	out->size += size;
}

static void
put_byte(Out *out, unsigned byte)
{
	uint8_t one = (uint8_t) byte;

	put(out, &one, 1);
}

static void
put_varint(Out *out, uint64_t value)
{
	for (; value >= 128; value >>= 7)
		put_byte(out, (unsigned) (value & 127) | 128);
	put_byte(out, (unsigned) value);
}

/* step: how far the field's id is from the one before; kind 5 is i32, 6 i64. */
static void
put_int(Out *out, unsigned step, unsigned kind, uint64_t value)
{
	put_byte(out, step << 4 | kind);
	put_varint(out, value * 2);
}

static void
put_text(Out *out, const char *text)
{
	put_varint(out, strlen(text));
	put(out, text, strlen(text));
}

static void
put_list(Out *out, unsigned step, unsigned kind, int count)
{
	put_byte(out, step << 4 | 9);
	put_byte(out, (unsigned) count << 4 | kind);
}

/* ---- files ----------------------------------------------------------------------- */

/* Runs of one level each. */
static void
put_levels(Out *out, const uint8_t *levels, int count)
{
	uint32_t size = (uint32_t) count * 2;

	put(out, &size, 4);
	for (int i = 0; i < count; i++)
	{
		put_byte(out, 1 << 1);
		put_byte(out, levels[i]);
	}
}

static void
put_page(Out *out, Leaf *leaf)
{
	Out page = {.size = 0};

	if (leaf->max_rep > 0)
		put_levels(&page, leaf->reps, leaf->levels);
	if (leaf->max_def > 0)
		put_levels(&page, leaf->defs, leaf->levels);
	put(&page, leaf->values, leaf->size);
	leaf->offset = out->size;
	put_int(out, 1, 5, 0); /* a data page */
	put_int(out, 1, 5, page.size);
	put_int(out, 1, 5, page.size);
	put_byte(out, 2 << 4 | 12);
	put_int(out, 1, 5, (uint64_t) leaf->levels);
	put_int(out, 1, 5, 0); /* PLAIN */
	put_int(out, 1, 5, 3); /* levels: RLE */
	put_int(out, 1, 5, 3);
	put_byte(out, 0);
	put_byte(out, 0);
	put(out, page.bytes, page.size);
	leaf->stored = out->size - leaf->offset;
}

static void
put_node(Out *out, const Node *node)
{
	unsigned last = 0;

	if (node->physical != GROUP)
	{
		put_int(out, 1, 5, (uint64_t) node->physical);
		last = 1;
	}
	put_int(out, 3 - last, 5, (uint64_t) node->repetition);
	put_byte(out, 1 << 4 | 8);
	put_text(out, node->name);
	last = 4;
	if (node->physical == GROUP)
	{
		put_int(out, 1, 5, (uint64_t) node->children);
		last = 5;
	}
	if (node->converted != PLAIN_TYPE)
		put_int(out, 6 - last, 5, (uint64_t) node->converted);
	put_byte(out, 0);
}

static void
put_chunk(Out *out, const Leaf *leaf)
{
	int depth = 0;

	while (depth < 4 && leaf->path[depth] != NULL)
		depth++;
	put_int(out, 2, 6, leaf->offset);
	put_byte(out, 1 << 4 | 12);
	put_int(out, 1, 5, (uint64_t) leaf->physical);
	put_list(out, 1, 5, 1);
	put_varint(out, 0);
	put_list(out, 1, 8, depth);
	for (int i = 0; i < depth; i++)
		put_text(out, leaf->path[i]);
	put_int(out, 1, 5, 0); /* not compressed */
	put_int(out, 1, 6, (uint64_t) leaf->levels);
	put_int(out, 1, 6, leaf->stored);
	put_int(out, 1, 6, leaf->stored);
	put_int(out, 2, 6, leaf->offset);
	put_byte(out, 0);
	put_byte(out, 0);
}

static void
make_file(const Shape *shape, Out *out)
{
	Out footer = {.size = 0};
	uint32_t size;

	put(out, "PAR1", 4);
	for (int i = 0; i < shape->leaf_count; i++)
		put_page(out, &shape->leaves[i]);
	put_int(&footer, 1, 5, 1);
	put_list(&footer, 1, 12, shape->node_count);
	for (int i = 0; i < shape->node_count; i++)
		put_node(&footer, &shape->nodes[i]);
	put_int(&footer, 1, 6, (uint64_t) shape->rows);
	put_list(&footer, 1, 12, 1);
	put_list(&footer, 1, 12, shape->leaf_count);
	for (int i = 0; i < shape->leaf_count; i++)
		put_chunk(&footer, &shape->leaves[i]);
	put_int(&footer, 1, 6, out->size);
	put_int(&footer, 1, 6, (uint64_t) shape->rows);
	put_byte(&footer, 0);
	put_byte(&footer, 0);
	size = (uint32_t) footer.size;
	put(out, footer.bytes, footer.size);
	put(out, &size, 4);
	put(out, "PAR1", 4);
}

/* ---- reading ------------------------------------------------------------------------ */

/* A value as text: 5 null [1,2] (1,2). */
static size_t
spell(const PmnType *type, const PmnValue *value, char *dst)
{
	bool is_list = type->kind == PMN_TYPE_ARRAY;
	PmnNestedReader reader;
	PmnValue inner;
	uint32_t count = type->field_count;
	size_t at = 1;

	if (value->is_null)
		return (size_t) snprintf(dst, 32, "null");
	if (pmn_type_vector_kind(type) == PMN_VECTOR_TS96)
		return (size_t) snprintf(dst, 40, "%lld+%d",
								 (long long) value->as.ts96.millis,
								 (int) value->as.ts96.nano);
	if (!is_list && type->kind != PMN_TYPE_ROW)
		return (size_t) snprintf(dst, 32, "%lld", (long long) value->as.i64);
	reader = pmn_nested_reader(value->as.bytes);
	if (is_list)
		CHECK(pmn_nested_read_count(&reader, &count));
	dst[0] = is_list ? '[' : '(';
	for (uint32_t i = 0; i < count && at < 400; i++)
	{
		const PmnType *of = is_list ? type->element : &type->fields[i].type;

		if (i > 0)
			dst[at++] = ',';
		CHECK(pmn_nested_read_slot(&reader, pmn_type_vector_kind(of), &inner));
		at += spell(of, &inner, dst + at);
	}
	CHECK(reader.at == reader.end);
	dst[at++] = is_list ? ']' : ')';
	dst[at] = '\0';
	return at;
}

/* Read column "c" as type; its rows, a blank behind each. */
static void
check_rows(const Shape *shape, PmnType type, const char *expected)
{
	PmnFormatColumn column = {"c", 1, type};
	PmnFormatReadRequest request = {.columns = &column, .column_count = 1};
	PmnFormatReader *reader = NULL;
	PmnFileWriter *writer;
	PmnFileReader *file;
	PmnFileSystem *fs;
	PmnBatch *batch;
	PmnTestEnv env;
	Out bytes = {.size = 0};
	char text[1024] = "";
	uint64_t first;
	size_t at = 0;

	make_file(shape, &bytes);
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, pmn_fs_open_write(fs, "/t", &writer));
	CHECK_OK(&env, pmn_file_write(writer, pmn_bytes(bytes.bytes, bytes.size)));
	CHECK_OK(&env, pmn_file_finish(writer));
	pmn_file_writer_close(writer);
	CHECK_OK(&env, pmn_fs_open_read(fs, "/t", &file));
	CHECK_OK(&env, pmn_format_open_reader(&pmn_format_parquet, file, &request,
										  &reader));
	CHECK_OK(&env, pmn_format_next(reader, &batch, &first));
	CHECK(batch != NULL && batch->row_count == (uint32_t) shape->rows);
	for (uint32_t r = 0; r < batch->row_count && at < 500; r++)
	{
		PmnValue value = pmn_vector_value(&batch->columns[0], r);

		at += spell(&type, &value, text + at);
		text[at++] = ' ';
		text[at] = '\0';
	}
	if (strcmp(text, expected) != 0)
		fprintf(stderr, "found    %s\nexpected %s\n", text, expected);
	CHECK(strcmp(text, expected) == 0);
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

#define COUNT(array) ((int) (sizeof(array) / sizeof((array)[0])))

static const PmnType null_int = {.kind = PMN_TYPE_INT, .is_nullable = true};
static const PmnType ints = {
	.kind = PMN_TYPE_ARRAY, .element = &null_int, .is_nullable = true};
static const int32_t numbers[] = {1, 2, -3};

/* Rows [1,2] [] null [-3], as many levels as each needs. */
static const uint8_t list_reps[] = {0, 1, 0, 0, 0};

/* Goal: lists whose repeated field is the element itself. */
TEST(lists_of_two_levels)
{
	static const Node nodes[] = {
		{"schema", REQUIRED, GROUP, 1, PLAIN_TYPE},
		{"c", OPTIONAL, GROUP, 1, LIST},
		{"array", REPEATED, INT32, 0, PLAIN_TYPE},
	};
	static const uint8_t defs[] = {2, 2, 1, 0, 2};
	Leaf leaf = {.path = {"c", "array"},
				 .physical = INT32,
				 .max_rep = 1,
				 .max_def = 2,
				 .levels = 5,
				 .reps = list_reps,
				 .defs = defs,
				 .values = numbers,
				 .size = sizeof(numbers)};
	Shape shape = {nodes, COUNT(nodes), &leaf, 1, 4};

	check_rows(&shape, ints, "[1,2] [] null [-3] ");
}

/* Goal: a repeated field without a group around it: never null. */
TEST(bare_repeated_fields)
{
	static const Node nodes[] = {
		{"schema", REQUIRED, GROUP, 1, PLAIN_TYPE},
		{"c", REPEATED, INT32, 0, PLAIN_TYPE},
	};
	static const uint8_t defs[] = {1, 1, 0, 0, 1};
	Leaf leaf = {.path = {"c"},
				 .physical = INT32,
				 .max_rep = 1,
				 .max_def = 1,
				 .levels = 5,
				 .reps = list_reps,
				 .defs = defs,
				 .values = numbers,
				 .size = sizeof(numbers)};
	Shape shape = {nodes, COUNT(nodes), &leaf, 1, 4};

	check_rows(&shape, ints, "[1,2] [] [] [-3] ");
}

/* Goal: names in the middle that Hive, Spark and Arrow of old gave. */
TEST(odd_names_in_the_middle)
{
	static const char *const names[][2] = {
		{"bag", "array_element"}, {"list", "item"}, {"list", "array"},
		{"array", "element"},	  {"c_tuple", "x"}, {"key_value", "value"},
	};
	static const uint8_t defs[] = {3, 2, 1, 0, 3};
	static const int32_t two[] = {1, -3};

	for (int i = 0; i < COUNT(names); i++)
	{
		const Node nodes[] = {
			{"schema", REQUIRED, GROUP, 1, PLAIN_TYPE},
			{"c", OPTIONAL, GROUP, 1, LIST},
			{names[i][0], REPEATED, GROUP, 1, PLAIN_TYPE},
			{names[i][1], OPTIONAL, INT32, 0, PLAIN_TYPE},
		};
		Leaf leaf = {.path = {"c", names[i][0], names[i][1]},
					 .physical = INT32,
					 .max_rep = 1,
					 .max_def = 3,
					 .levels = 5,
					 .reps = list_reps,
					 .defs = defs,
					 .values = two,
					 .size = sizeof(two)};
		Shape shape = {nodes, COUNT(nodes), &leaf, 1, 4};

		check_rows(&shape, ints, "[1,null] [] null [-3] ");
	}
}

/* Goal: a repeated group of several fields, or of one that is no row, is the
 * row that is an element. */
TEST(rows_in_lists_of_two_levels)
{
	static const PmnField fields[] = {
		{1, "x", {.kind = PMN_TYPE_INT, .is_nullable = true}, NULL, NULL},
		{2, "y", {.kind = PMN_TYPE_INT, .is_nullable = true}, NULL, NULL}};
	static const Node nodes[] = {
		{"schema", REQUIRED, GROUP, 1, PLAIN_TYPE},
		{"c", OPTIONAL, GROUP, 1, LIST},
		{"array", REPEATED, GROUP, 2, PLAIN_TYPE},
		{"x", REQUIRED, INT32, 0, PLAIN_TYPE},
		{"y", OPTIONAL, INT32, 0, PLAIN_TYPE},
	};
	static const Node single[] = {
		{"schema", REQUIRED, GROUP, 1, PLAIN_TYPE},
		{"c", OPTIONAL, GROUP, 1, LIST},
		{"array", REPEATED, GROUP, 1, PLAIN_TYPE},
		{"x", REQUIRED, INT32, 0, PLAIN_TYPE},
	};
	static const uint8_t x_defs[] = {2, 2, 1, 0, 2};
	static const uint8_t y_defs[] = {3, 2, 1, 0, 3};
	static const int32_t two[] = {10, 30};
	Leaf leaves[] = {
		{.path = {"c", "array", "x"},
		 .physical = INT32,
		 .max_rep = 1,
		 .max_def = 2,
		 .levels = 5,
		 .reps = list_reps,
		 .defs = x_defs,
		 .values = numbers,
		 .size = sizeof(numbers)},
		{.path = {"c", "array", "y"},
		 .physical = INT32,
		 .max_rep = 1,
		 .max_def = 3,
		 .levels = 5,
		 .reps = list_reps,
		 .defs = y_defs,
		 .values = two,
		 .size = sizeof(two)},
	};
	Shape pairs = {nodes, COUNT(nodes), leaves, 2, 4};
	Shape singles = {single, COUNT(single), leaves, 1, 4};
	PmnType row = {.kind = PMN_TYPE_ROW, .fields = fields, .field_count = 2};
	PmnType type = {
		.kind = PMN_TYPE_ARRAY, .element = &row, .is_nullable = true};

	check_rows(&pairs, type, "[(1,10),(2,null)] [] null [(-3,30)] ");
	row.field_count = 1;
	check_rows(&singles, type, "[(1),(2)] [] null [(-3)] ");
}

/* Bytes of an INT96: nanoseconds of the day, Julian day. */
static void
put_int96(uint8_t *dst, int64_t nanos, int32_t day)
{
	memcpy(dst, &nanos, 8);
	memcpy(dst + 8, &day, 4);
}

/* Goal: instants before 1970 come out the same whether a writer counted the
 * day's nanoseconds backwards or from the day before; whole nanoseconds at
 * precision 9, rounded down below. */
TEST(int96_of_both_conventions)
{
	static const Node nodes[] = {
		{"schema", REQUIRED, GROUP, 1, PLAIN_TYPE},
		{"c", REQUIRED, INT96, 0, PLAIN_TYPE},
	};
	static const int64_t day = INT64_C(86400000000000);
	static const int64_t nanos[][2] = {
		{0, 2440588},			   /* 1970-01-01 */
		{-1, 2440588},			   /* one nanosecond earlier */
		{day - 1, 2440587},		   /* the same */
		{-1500000, 2440588},	   /* a millisecond and a half */
		{day - 1500000, 2440587},  /* the same */
		{-(day - 1), 2440500},	   /* nearly a day before day -88 */
		{1, 2440499},			   /* the same */
		{day / 2 + 1999, 2415021}, /* 1900-01-01 at noon */
		{0, 0},					   /* day 0 of the count */
	};
	static const int64_t millis[] = {0,
									 -1,
									 -1,
									 -2,
									 -2,
									 INT64_C(-89) * 86400000,
									 INT64_C(-89) * 86400000,
									 INT64_C(-25567) * 86400000 + 43200000,
									 INT64_C(-2440588) * 86400000};
	static const int32_t rest[] = {0, 999999, 999999, 500000, 500000,
								   1, 1,	  1999,	  0};
	uint8_t values[COUNT(nanos) * 12];
	Leaf leaf = {.path = {"c"},
				 .physical = INT96,
				 .levels = COUNT(nanos),
				 .values = values,
				 .size = sizeof(values)};
	Shape shape = {nodes, COUNT(nodes), &leaf, 1, COUNT(nanos)};
	PmnType type = {.kind = PMN_TYPE_TIMESTAMP, .precision = 6};
	char by_millis[512] = "";
	char by_micros[512] = "";
	char by_nanos[512] = "";

	for (int i = 0; i < COUNT(nanos); i++)
	{
		size_t at = strlen(by_millis);

		put_int96(values + 12 * i, nanos[i][0], (int32_t) nanos[i][1]);
		snprintf(by_millis + at, sizeof(by_millis) - at, "%lld ",
				 (long long) millis[i]);
		at = strlen(by_micros);
		snprintf(by_micros + at, sizeof(by_micros) - at, "%lld ",
				 (long long) (millis[i] * 1000 + rest[i] / 1000));
		at = strlen(by_nanos);
		snprintf(by_nanos + at, sizeof(by_nanos) - at, "%lld+%d ",
				 (long long) millis[i], (int) rest[i]);
	}
	check_rows(&shape, type, by_micros);
	type.precision = 3;
	check_rows(&shape, type, by_millis);
	type.precision = 9;
	check_rows(&shape, type, by_nanos);
}

/* Goal: unsigned 32-bit integers keep their values in a BIGINT; in an INT,
 * which has no room for them, their bits. */
TEST(unsigned_integers)
{
	static const Node nodes[] = {
		{"schema", REQUIRED, GROUP, 1, PLAIN_TYPE},
		{"c", OPTIONAL, INT32, 0, UINT_32},
	};
	static const Node plain[] = {
		{"schema", REQUIRED, GROUP, 1, PLAIN_TYPE},
		{"c", OPTIONAL, INT32, 0, PLAIN_TYPE},
	};
	static const uint8_t defs[] = {1, 0, 1, 1};
	static const uint32_t values[] = {7, 0xffffffff, 0x80000000};
	Leaf leaf = {.path = {"c"},
				 .physical = INT32,
				 .max_def = 1,
				 .levels = 4,
				 .defs = defs,
				 .values = values,
				 .size = sizeof(values)};
	Shape shape = {nodes, COUNT(nodes), &leaf, 1, 4};
	Shape with_sign = {plain, COUNT(plain), &leaf, 1, 4};
	PmnType type = {.kind = PMN_TYPE_BIGINT, .is_nullable = true};

	check_rows(&shape, type, "7 null 4294967295 2147483648 ");
	check_rows(&with_sign, type, "7 null -1 -2147483648 ");
	type.kind = PMN_TYPE_INT;
	check_rows(&shape, type, "7 null -1 -2147483648 ");
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH is not set\n");
		TEST_END();
	}
	RUN(lists_of_two_levels);
	RUN(bare_repeated_fields);
	RUN(odd_names_in_the_middle);
	RUN(rows_in_lists_of_two_levels);
	RUN(int96_of_both_conventions);
	RUN(unsigned_integers);
	TEST_END();
}
