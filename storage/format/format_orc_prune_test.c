/*
 * format_orc_prune_test.c
 *
 * Pruning of ORC files that Paimon's Java writer made: for every column and
 * for values taken from the file, what is read with a filter must hold all
 * rows that match it, each at its place and with all its values. Copies with
 * damaged indexes must fail or read as well. Needs PMN_FIXTURES.
 */
#include "../type/type_predicate.h"
#include "format_orc_message.h"
#include "format_testing.h"

#define PICKS 4
#define PADDING 300000

/* All rows of a file, as text, and what one filter did to it. */
typedef struct Ground
{
	Fixture *fixture;
	PmnFileSystem *fs;
	PmnFileReader *file;
	PmnSchema schema;
	PmnField fields[FIELDS];
	int32_t positions[FIELDS];
	uint64_t row_count;
	uint64_t *hashes; /* of each row */
	uint8_t *seen;
	uint8_t *wanted;
	uint64_t rows_read;
	uint64_t pruned; /* filters that skipped rows */
	uint64_t filters;
} Ground;

static uint64_t
hash_bytes(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

static uint64_t
hash_row(const PmnBatch *batch, uint32_t row)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (uint32_t c = 0; c < batch->column_count; c++)
	{
		const PmnVector *vector = &batch->columns[c];
		size_t width = pmn_vector_width(vector->kind);
		uint8_t is_null = vector->nulls != NULL && vector->nulls[row] != 0;

		hash = hash_bytes(hash, &is_null, 1);
		if (is_null)
			continue;
		if (vector->kind == PMN_VECTOR_BYTES)
		{
			PmnBytes value = ((PmnBytes *) vector->values)[row];

			hash = hash_bytes(hash, &value.size, sizeof(value.size));
			hash = hash_bytes(hash, value.data, value.size);
		}
		else if (vector->kind == PMN_VECTOR_TS96)
		{
			PmnTimestamp value = ((PmnTimestamp *) vector->values)[row];

			hash = hash_bytes(hash, &value.millis, sizeof(value.millis));
			hash = hash_bytes(hash, &value.nano, sizeof(value.nano));
		}
		else
			hash = hash_bytes(
				hash, (const uint8_t *) vector->values + row * width, width);
	}
	return hash;
}

static PmnCode
open_reader(Ground *ground, const PmnPredicate *filter, size_t memory,
			PmnFormatReader **out)
{
	PmnFormatReadRequest request = {.columns = ground->fixture->columns,
									.column_count =
										ground->fixture->column_count,
									.filter = filter,
									.filter_schema = &ground->schema,
									.filter_columns = ground->positions,
									.memory_limit_bytes = memory};

	return pmn_format_open_reader(&pmn_format_orc, ground->file, &request, out);
}

/* Mark the rows of the batch that match. */
static void
mark_matches(Ground *ground, const PmnPredicate *filter, const PmnBatch *batch,
			 uint64_t first)
{
	uint32_t rows[PMN_BATCH_ROWS];
	uint32_t count = 0;

	CHECK_OK(&ground->fixture->env,
			 pmn_predicate_select(&ground->fixture->env.base, filter,
								  &ground->schema, ground->positions, batch,
								  NULL, 0, rows, &count));
	for (uint32_t i = 0; i < count; i++)
		ground->wanted[first + rows[i]] = 1;
}

/* Read all and remember each row; with a filter, the ones that match. */
static void
read_whole(Ground *ground, const PmnPredicate *filter)
{
	PmnFormatReader *reader;
	PmnBatch *batch;
	uint64_t first;

	CHECK_OK(&ground->fixture->env, open_reader(ground, NULL, 0, &reader));
	ground->row_count = reader->row_count;
	CHECK(ground->row_count <= IDS);
	memset(ground->wanted, 0, IDS);
	for (;;)
	{
		CHECK_OK(&ground->fixture->env,
				 pmn_format_next(reader, &batch, &first));
		if (batch == NULL)
			break;
		for (uint32_t r = 0; r < batch->row_count; r++)
			ground->hashes[first + r] = hash_row(batch, r);
		if (filter != NULL)
			mark_matches(ground, filter, batch, first);
	}
	pmn_format_reader_close(reader);
}

/* Read with the filter: rows at their places, or the code. */
static PmnCode
read_filtered(Ground *ground, const PmnPredicate *filter, size_t memory,
			  uint64_t *wrong)
{
	PmnFormatReader *reader = NULL;
	PmnBatch *batch;
	uint64_t first;
	uint64_t next = 0;
	PmnCode code = open_reader(ground, filter, memory, &reader);

	memset(ground->seen, 0, IDS);
	ground->rows_read = 0;
	while (code == PMN_OK)
	{
		code = pmn_format_next(reader, &batch, &first);
		if (code != PMN_OK || batch == NULL)
			break;
		*wrong += first < next || first + batch->row_count > ground->row_count;
		if (*wrong > 0)
			break;
		for (uint32_t r = 0; r < batch->row_count; r++)
			*wrong += ground->hashes[first + r] != hash_row(batch, r);
		memset(ground->seen + first, 1, batch->row_count);
		next = first + batch->row_count;
		ground->rows_read += batch->row_count;
	}
	pmn_format_reader_close(reader);
	return code;
}

static void
check_filter(Ground *ground, const PmnPredicate *filter)
{
	/* Requests for all streams, and windows that move. */
	size_t memory = ground->filters % 2 == 0 ? 0 : 1 << 16;
	uint64_t wrong = 0;
	uint64_t lost = 0;

	read_whole(ground, filter);
	CHECK_OK(&ground->fixture->env,
			 read_filtered(ground, filter, memory, &wrong));
	for (uint64_t r = 0; r < ground->row_count; r++)
		lost += ground->wanted[r] != 0 && ground->seen[r] == 0;
	if (wrong > 0 || lost > 0)
		printf("# %s field %d op %d: %d wrong, %d lost\n",
			   ground->fixture->directory, filter->field, (int) filter->op,
			   (int) wrong, (int) lost);
	CHECK(wrong == 0 && lost == 0);
	ground->filters++;
	ground->pruned += ground->rows_read < ground->row_count;
}

/* A value of the file, in the arena; null when there is none at that row. */
static PmnValue
pick_value(Ground *ground, uint32_t column, uint64_t row)
{
	PmnValue value = {.is_null = true};
	PmnFormatReader *reader;
	PmnBatch *batch;
	uint64_t first;

	CHECK_OK(&ground->fixture->env, open_reader(ground, NULL, 0, &reader));
	for (;;)
	{
		CHECK_OK(&ground->fixture->env,
				 pmn_format_next(reader, &batch, &first));
		if (batch == NULL)
			break;
		if (row < first || row >= first + batch->row_count)
			continue;
		value =
			pmn_vector_value(&batch->columns[column], (uint32_t) (row - first));
		if (!value.is_null && batch->columns[column].kind == PMN_VECTOR_BYTES)
			value.as.bytes.data =
				pmn_arena_copy(ground->fixture->arena, value.as.bytes.data,
							   value.as.bytes.size);
		break;
	}
	pmn_format_reader_close(reader);
	return value;
}

static void
check_column(Ground *ground, uint32_t column)
{
	static const PmnPredicateOp ops[] = {PMN_PREDICATE_EQ, PMN_PREDICATE_NE,
										 PMN_PREDICATE_LT, PMN_PREDICATE_LE,
										 PMN_PREDICATE_GT, PMN_PREDICATE_GE};
	PmnPredicate filter = {.field = (int32_t) column};

	filter.op = PMN_PREDICATE_IS_NULL;
	check_filter(ground, &filter);
	filter.op = PMN_PREDICATE_NOT_NULL;
	check_filter(ground, &filter);
	if (!pmn_type_is_comparable(&ground->fields[column].type))
		return;
	for (uint32_t p = 0; p < PICKS; p++)
	{
		uint64_t row = ground->row_count * p / PICKS + p;
		PmnValue value = pick_value(ground, column, row);

		filter.literals = &value;
		filter.literal_count = 1;
		for (size_t o = 0; o < sizeof(ops) / sizeof(ops[0]); o++)
		{
			filter.op = ops[o];
			if (!value.is_null)
				check_filter(ground, &filter);
		}
	}
}

/* Of metadata, footer and postscript. */
static uint32_t
tail_size(PmnBytes file)
{
	uint32_t size = file.data[file.size - 1];
	OrcMessage message =
		orc_message_open(pmn_bytes(file.data + file.size - 1 - size, size));
	OrcMessageField field;
	uint64_t tail = size + 1;

	while (orc_message_next(&message, &field))
		tail += field.number == 1 || field.number == 5 ? field.value : 0;
	CHECK(tail < file.size);
	return (uint32_t) tail;
}

/*
 * Java's file in memory. Small files are one request; padding in front of the
 * footer makes streams come from the file.
 */
static PmnBytes
pad_file(Fixture *fixture, const char *path)
{
	PmnBytes bytes = load_file(fixture, path);
	uint8_t *copy = pmn_arena_alloc(fixture->arena, bytes.size + PADDING);
	uint32_t tail = tail_size(bytes);

	memcpy(copy, bytes.data, bytes.size - tail);
	memcpy(copy + bytes.size - tail + PADDING, bytes.data + bytes.size - tail,
		   tail);
	return pmn_bytes(copy, bytes.size + PADDING);
}
static void
open_ground(Ground *ground, Fixture *fixture)
{
	memset(ground, 0, sizeof(*ground));
	ground->fixture = fixture;
	for (uint32_t c = 0; c < fixture->column_count; c++)
	{
		ground->fields[c].name = fixture->columns[c].name;
		ground->fields[c].type = fixture->columns[c].type;
		ground->positions[c] = (int32_t) c;
	}
	ground->schema.fields = ground->fields;
	ground->schema.field_count = fixture->column_count;
	ground->hashes = pmn_arena_alloc(fixture->arena, IDS * sizeof(uint64_t));
	ground->seen = pmn_arena_alloc(fixture->arena, IDS);
	ground->wanted = pmn_arena_alloc(fixture->arena, IDS);
	CHECK_OK(&fixture->env,
			 pmn_fs_memory_open(&fixture->env.base, &ground->fs));
}

static void
close_ground(Ground *ground)
{
	pmn_file_reader_close(ground->file);
	pmn_fs_close(ground->fs);
}

static void
open_bytes(Ground *ground, PmnBytes bytes)
{
	CHECK_OK(&ground->fixture->env,
			 pmn_fs_put(ground->fs, "/x.orc", PMN_PUT_OVERWRITE, bytes));
	CHECK_OK(&ground->fixture->env,
			 pmn_fs_open_read(ground->fs, "/x.orc", &ground->file));
}

static void
check_filters(Fixture *fixture, const char *path)
{
	Ground ground;

	open_ground(&ground, fixture);
	open_bytes(&ground, pad_file(fixture, path));
	read_whole(&ground, NULL);
	for (uint32_t c = 0; c < fixture->column_count; c++)
		check_column(&ground, c);
	fixture->checked += (uint32_t) ground.filters;
	fixture->wrong += (uint32_t) ground.pruned;
	close_ground(&ground);
}

/* Goal: filters skip stripes and row groups of Java's files, and no row that
 * matches. */
TEST(filters_lose_no_row)
{
	static const char *const names[] = {
		"orc_row_groups", "orc_stripes",	   "types_append_orc",
		"decimals_orc",	  "nested_append_orc", "timestamps_orc_ancient"};
	static const uint32_t least[] = {150, 10, 5, 5, 1, 1};
	static Fixture fixture;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		open_fixture(&fixture, &pmn_format_orc, names[i]);
		for_each_file(&fixture, check_filters);
		printf("# %s: %u filters, %u skipped rows\n", names[i], fixture.checked,
			   fixture.wrong);
		CHECK(fixture.wrong >= least[i]);
		close_fixture(&fixture);
	}
}

/* ---- what exactly is skipped ------------------------------------------------ */

/* Rows read with column op literal, and how many groups that makes. */
static uint64_t
rows_of(Ground *ground, const char *name, PmnPredicateOp op, PmnValue literal)
{
	PmnPredicate filter = {.op = op, .literals = &literal, .literal_count = 1};
	uint64_t wrong = 0;

	while (strcmp(ground->fields[filter.field].name, name) != 0)
		filter.field++;
	CHECK_OK(&ground->fixture->env, read_filtered(ground, &filter, 0, &wrong));
	CHECK(wrong == 0);
	return ground->rows_read;
}

static PmnValue
text_value(const char *text)
{
	return (PmnValue){.as.bytes = pmn_bytes_string(text)};
}

static void
check_skips(Fixture *fixture, const char *path)
{
	PmnCounters *counters = &fixture->env.base.counters;
	PmnValue id = {.as.i64 = 1500};
	PmnValue late = {.as.i64 = 2000};
	PmnValue none = {.as.i64 = 99999};
	PmnValue wide = {.as.f64 = 1595.5};
	Ground ground;

	open_ground(&ground, fixture);
	open_bytes(&ground, pad_file(fixture, path));
	read_whole(&ground, NULL);
	counters->row_groups_read = 0;
	CHECK(rows_of(&ground, "id", PMN_PREDICATE_EQ, id) == 1000);
	CHECK(ground.seen[1000] == 1 && ground.seen[1999] == 1);
	CHECK(counters->row_groups_read == 1 && counters->row_groups_skipped == 0);
	CHECK(rows_of(&ground, "id", PMN_PREDICATE_EQ, none) == 0);
	CHECK(counters->row_groups_read == 1 && counters->row_groups_skipped == 1);
	CHECK(rows_of(&ground, "id", PMN_PREDICATE_GE, late) == 400);
	CHECK(rows_of(&ground, "id", PMN_PREDICATE_LT, id) == 2000);
	CHECK(rows_of(&ground, "id", PMN_PREDICATE_GE, id) == 1400);
	CHECK(rows_of(&ground, "c_dict", PMN_PREDICATE_EQ,
				  text_value("k04-w003")) == 400);
	CHECK(rows_of(&ground, "c_text", PMN_PREDICATE_STARTS_WITH,
				  text_value("00017")) == 1000);
	/* The second group has NaNs, whose statistics say nothing. */
	CHECK(rows_of(&ground, "c_double", PMN_PREDICATE_EQ, wide) == 1400);
	close_ground(&ground);
}

/* Goal: the row groups that the statistics leave are read, no others, and
 * stripes are counted as read or skipped. */
TEST(skips_row_groups)
{
	static Fixture fixture;

	open_fixture(&fixture, &pmn_format_orc, "orc_row_groups");
	for_each_file(&fixture, check_skips);
	close_fixture(&fixture);
}

/* ---- damage ------------------------------------------------------------------- */

#define MUTANTS 1500

static void
damage_file(Fixture *fixture, const char *path)
{
	PmnBytes bytes = load_file(fixture, path);
	uint8_t *copy = pmn_arena_copy(fixture->arena, bytes.data, bytes.size);
	PmnValue id = {.as.i64 = 1500};
	PmnPredicate filter = {
		.op = PMN_PREDICATE_EQ, .literals = &id, .literal_count = 1};
	uint32_t codes[PMN_IO + 1] = {0};
	uint32_t wrong_files = 0;
	Ground ground;

	open_ground(&ground, fixture);
	open_bytes(&ground, bytes);
	read_whole(&ground, NULL);
	for (uint32_t i = 0; i < MUTANTS; i++)
	{
		/* Indexes are at the beginning, statistics at the end. */
		uint32_t at = pmn_test_below(&fixture->env, 2500);
		uint8_t flip = (uint8_t) (1u << pmn_test_below(&fixture->env, 8));
		uint64_t wrong = 0;

		at = i % 2 == 0 ? 3 + at : bytes.size - 1 - at;
		copy[at] ^= flip;
		pmn_file_reader_close(ground.file);
		ground.file = NULL;
		open_bytes(&ground, pmn_bytes(copy, bytes.size));
		codes[read_filtered(&ground, &filter, 1 << 17, &wrong)]++;
		wrong_files += wrong > 0;
		copy[at] ^= flip;
	}
	printf("# mutants: %u read (%u wrong), %u corrupt, %u unsupported\n",
		   codes[PMN_OK], wrong_files, codes[PMN_CORRUPT],
		   codes[PMN_UNSUPPORTED]);
	CHECK(codes[PMN_OK] + codes[PMN_CORRUPT] + codes[PMN_UNSUPPORTED] ==
		  MUTANTS);
	close_ground(&ground);
}

/* Goal: damaged indexes and statistics fail or are not used; nothing crashes
 * or leaks. */
TEST(damaged_indexes)
{
	static Fixture fixture;

	open_fixture(&fixture, &pmn_format_orc, "orc_row_groups");
	for_each_file(&fixture, damage_file);
	close_fixture(&fixture);
}

static void
fail_allocations(Fixture *fixture, const char *path)
{
	PmnBytes bytes = load_file(fixture, path);
	PmnValue id = {.as.i64 = 1500};
	PmnPredicate filter = {
		.op = PMN_PREDICATE_EQ, .literals = &id, .literal_count = 1};
	Ground ground;
	uint64_t step = 0;
	PmnCode code;

	open_ground(&ground, fixture);
	open_bytes(&ground, bytes);
	read_whole(&ground, NULL);
	do
	{
		uint64_t wrong = 0;

		fixture->env.fail_step = fixture->env.step + step++;
		code = read_filtered(&ground, &filter, 0, &wrong);
		fixture->env.fail_step = UINT64_MAX;
		CHECK(wrong == 0 && (code == PMN_OK || code == PMN_NO_MEMORY));
	} while (code == PMN_NO_MEMORY);
	printf("# %d allocations failed\n", (int) step - 1);
	close_ground(&ground);
}

/* Goal: each allocation may fail, and nothing stays behind. */
TEST(survives_every_allocation_failure)
{
	static Fixture fixture;

	open_fixture(&fixture, &pmn_format_orc, "orc_row_groups");
	for_each_file(&fixture, fail_allocations);
	close_fixture(&fixture);
}

int
main(void)
{
	if (getenv("PMN_FIXTURES") == NULL)
	{
		printf("# skipped: PMN_FIXTURES is not set\n");
		TEST_END();
	}
	RUN(skips_row_groups);
	RUN(filters_lose_no_row);
	RUN(damaged_indexes);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
