/*
 * table_write_merge_test.c
 *
 * Tables whose merge engine computes rows, written as sessions write them:
 * random statements of random batches, read by their own transaction before
 * it commits, discarded at times, committed, compacted now and then. Whatever
 * files come of it, the rows must be those of a model that takes all rows that
 * count one by one. Options are such that it does not matter in which groups
 * rows of a key meet; what does is compared with Paimon itself elsewhere.
 */
#include "table_testing.h"

#define KEYS 37
#define ROWS_MAX 4000
#define FIELDS 6 /* k g a c d b */
#define TEXT_MAX 1024

static const TestColumn columns[] = {
	{"k", "INT NOT NULL"}, {"g", "INT"},	{"a", "BIGINT"}, {"c", "INT"},
	{"d", "INT"},		   {"b", "STRING"}, {NULL, NULL}};

typedef enum Rule
{
	RULE_LAST,
	RULE_LAST_NON_NULL,
	RULE_FIRST_NON_NULL,
	RULE_SUM,
	RULE_MAX,
	RULE_LIST
} Rule;

typedef struct Case
{
	TestTable table;
	bool has_group;	  /* g orders a, c and d */
	bool is_sequence; /* g orders the rows */
	Rule rules[FIELDS];
} Case;

#define TABLE(...)                                                             \
	{                                                                          \
		.columns = columns, .primary_keys = {"k"}, .options = { __VA_ARGS__ }  \
	}

static const Case cases[] = {
	{.table = TABLE({"bucket", "2"}, {"merge-engine", "partial-update"}),
	 .rules = {RULE_LAST, RULE_LAST_NON_NULL, RULE_LAST_NON_NULL,
			   RULE_LAST_NON_NULL, RULE_LAST_NON_NULL, RULE_LAST_NON_NULL}},
	{.table = TABLE({"bucket", "2"}, {"merge-engine", "partial-update"},
					{"fields.g.sequence-group", "a,c,d"},
					{"fields.a.aggregate-function", "sum"},
					{"fields.c.aggregate-function", "max"}),
	 .has_group = true,
	 .rules = {RULE_LAST, RULE_LAST, RULE_SUM, RULE_MAX, RULE_LAST,
			   RULE_LAST_NON_NULL}},
	{.table = TABLE({"merge-engine", "aggregation"},
					{"fields.a.aggregate-function", "sum"},
					{"fields.c.aggregate-function", "max"},
					{"fields.d.aggregate-function", "first_non_null_value"},
					{"fields.b.aggregate-function", "listagg"}),
	 .rules = {RULE_LAST, RULE_LAST_NON_NULL, RULE_SUM, RULE_MAX,
			   RULE_FIRST_NON_NULL, RULE_LIST}},
	{.table = TABLE({"bucket", "1"}, {"merge-engine", "aggregation"},
					{"sequence.field", "g"},
					{"fields.default-aggregate-function", "last_value"},
					{"fields.a.aggregate-function", "sum"},
					{"fields.c.aggregate-function", "max"}),
	 .is_sequence = true,
	 .rules = {RULE_LAST, RULE_LAST, RULE_SUM, RULE_MAX, RULE_LAST, RULE_LAST}},
};

/* One row, of a table or of the model. */
typedef struct Row
{
	int64_t numbers[FIELDS];
	uint8_t nulls[FIELDS];
	char text[TEXT_MAX]; /* b */
} Row;

typedef struct World
{
	PmnTestEnv env;
	char directory[64];
	PmnCatalog *catalog;
	PmnTable *table;
	const Case *c;
	Row *rows; /* all that count, in their order */
	uint32_t row_count;
	PmnMessage *messages[4]; /* of the transaction */
	uint32_t message_count;
	int64_t identifier;
} World;

/* ---- the model --------------------------------------------------------- */

static void
set_field(Row *to, uint32_t f, const Row *from)
{
	to->numbers[f] = from->numbers[f];
	to->nulls[f] = from->nulls[f];
	if (f == FIELDS - 1)
		memcpy(to->text, from->text, TEXT_MAX);
}

static void
fold_field(Rule rule, Row *to, uint32_t f, const Row *in)
{
	if (rule == RULE_LAST || (!in->nulls[f] && to->nulls[f]))
		set_field(to, f, in);
	else if (in->nulls[f])
		return;
	else if (rule == RULE_LAST_NON_NULL)
		set_field(to, f, in);
	else if (rule == RULE_SUM)
		to->numbers[f] += in->numbers[f];
	else if (rule == RULE_MAX && in->numbers[f] > to->numbers[f])
		to->numbers[f] = in->numbers[f];
	else if (rule == RULE_LIST)
	{
		size_t size = strlen(to->text);

		snprintf(to->text + size, TEXT_MAX - size, ",%.16s", in->text);
	}
}

static void
fold_row(const Case *c, Row *to, const Row *in)
{
	bool is_older = c->has_group && !in->nulls[1] && !to->nulls[1] &&
					in->numbers[1] < to->numbers[1];

	for (uint32_t i = FIELDS; i > 0; i--)
	{
		uint32_t f = i - 1;
		bool in_group = c->has_group && f >= 1 && f <= 4;

		if (in_group && in->nulls[1])
			continue;
		if (in_group && is_older && c->rules[f] == RULE_LAST)
			continue;
		fold_field(c->rules[f], to, f, in);
	}
}

/* The next row of a key in the order of merging; NULL at the end. */
static const Row *
next_row(const World *world, int32_t key, const Row *last)
{
	const Row *best = NULL;
	bool is_behind = last == NULL;

	for (uint32_t i = 0; i < world->row_count; i++)
	{
		const Row *row = &world->rows[i];
		int64_t order = row->nulls[1] ? -1 : row->numbers[1];
		int64_t last_order =
			last == NULL || last->nulls[1] ? -1 : last->numbers[1];

		if (row->numbers[0] != key)
			continue;
		if (!world->c->is_sequence)
		{
			if (is_behind)
				return row;
			is_behind = row == last;
			continue;
		}
		if (last != NULL &&
			(order < last_order || (order == last_order && row <= last)))
			continue;
		if (best == NULL || order < (best->nulls[1] ? -1 : best->numbers[1]))
			best = row;
	}
	return best;
}

static bool
model_row(const World *world, int32_t key, Row *out)
{
	const Row *row = next_row(world, key, NULL);
	const Row *second = row == NULL ? NULL : next_row(world, key, row);

	if (row == NULL)
		return false;
	*out = *row;
	if (second == NULL)
		return true;
	memset(out, 0, sizeof(*out));
	memset(out->nulls, 1, sizeof(out->nulls));
	for (; row != NULL; row = next_row(world, key, row))
		fold_row(world->c, out, row);
	return true;
}

/* ---- reading ----------------------------------------------------------- */

static void
get_row(const PmnBatch *batch, uint32_t at, Row *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t f = 0; f < FIELDS; f++)
	{
		const PmnVector *column = &batch->columns[f];

		out->nulls[f] = column->nulls != NULL && column->nulls[at];
		if (out->nulls[f])
			continue;
		if (column->kind == PMN_VECTOR_I32)
			out->numbers[f] = ((const int32_t *) column->values)[at];
		else if (column->kind == PMN_VECTOR_I64)
			out->numbers[f] = ((const int64_t *) column->values)[at];
		else
		{
			PmnBytes text = ((const PmnBytes *) column->values)[at];

			CHECK(text.size < TEXT_MAX);
			memcpy(out->text, text.data, text.size);
		}
	}
}

static bool
is_same(const Row *one, const Row *other)
{
	for (uint32_t f = 0; f < FIELDS; f++)
	{
		if (one->nulls[f] != other->nulls[f])
			return false;
		if (!one->nulls[f] && one->numbers[f] != other->numbers[f])
			return false;
	}
	return one->nulls[FIELDS - 1] || strcmp(one->text, other->text) == 0;
}

static void
read_batch(World *world, const PmnBatch *batch, bool *seen)
{
	uint32_t count =
		batch->selection == NULL ? batch->row_count : batch->selected_count;

	for (uint32_t i = 0; i < count; i++)
	{
		Row got;
		Row expected;
		int64_t key;

		get_row(batch, batch->selection == NULL ? i : batch->selection[i],
				&got);
		key = got.numbers[0];
		CHECK(key >= 0 && key < KEYS && !seen[key]);
		if (key < 0 || key >= KEYS)
			return;
		seen[key] = true;
		CHECK(model_row(world, (int32_t) key, &expected));
		CHECK(is_same(&got, &expected));
	}
}

/* The table, with what the transaction wrote, is what the model says. */
static void
check_rows(World *world)
{
	static const int32_t projection[FIELDS] = {0, 1, 2, 3, 4, 5};
	PmnScanRequest request = {
		.snapshot_id = test_latest(world->table),
		.pending = (const PmnMessage *const *) world->messages,
		.pending_count = world->message_count,
	};
	bool seen[KEYS] = {false};
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnBatch *batch = NULL;

	CHECK_OK(&world->env, pmn_scan_plan(world->table, &request, &scan));
	CHECK_OK(&world->env, pmn_read_open(scan, projection, FIELDS, &read));
	for (;;)
	{
		CHECK_OK(&world->env, pmn_read_next(read, &batch));
		if (batch == NULL)
			break;
		read_batch(world, batch, seen);
	}
	for (int32_t key = 0; key < KEYS; key++)
		CHECK(seen[key] == (next_row(world, key, NULL) != NULL));
	pmn_read_close(read);
	pmn_scan_close(scan);
}

/* ---- writing ----------------------------------------------------------- */

static void
random_row(World *world, Row *row)
{
	memset(row, 0, sizeof(*row));
	row->numbers[0] = pmn_test_below(&world->env, KEYS);
	for (uint32_t f = 1; f < FIELDS; f++)
	{
		row->nulls[f] = pmn_test_below(&world->env, 3) == 0;
		if (row->nulls[f] || f == FIELDS - 1)
			continue;
		row->numbers[f] = pmn_test_below(&world->env, f == 1 ? 8 : 1000);
	}
	if (!row->nulls[FIELDS - 1])
		snprintf(row->text, 16, "t%u", pmn_test_below(&world->env, 100));
}

#define BATCH_MAX 60

static void
write_batch(World *world, PmnWrite *write)
{
	uint32_t count = 1 + pmn_test_below(&world->env, BATCH_MAX);
	int32_t ints[FIELDS][BATCH_MAX];
	int64_t longs[BATCH_MAX];
	PmnBytes texts[BATCH_MAX];
	uint8_t nulls[FIELDS][BATCH_MAX];
	PmnVector vectors[FIELDS];
	PmnBatch batch = {count, FIELDS, vectors, NULL, count};

	for (uint32_t f = 0; f < FIELDS; f++)
		vectors[f] =
			(PmnVector){PMN_VECTOR_I32, f == 0 ? NULL : nulls[f], ints[f]};
	vectors[2] = (PmnVector){PMN_VECTOR_I64, nulls[2], longs};
	vectors[FIELDS - 1] =
		(PmnVector){PMN_VECTOR_BYTES, nulls[FIELDS - 1], texts};
	for (uint32_t i = 0; i < count; i++)
	{
		Row *row = &world->rows[world->row_count++];

		random_row(world, row);
		for (uint32_t f = 0; f < FIELDS; f++)
		{
			ints[f][i] = (int32_t) row->numbers[f];
			nulls[f][i] = row->nulls[f];
		}
		longs[i] = row->numbers[2];
		texts[i] = pmn_bytes_string(row->text);
	}
	CHECK_OK(&world->env, pmn_write_batch(write, &batch, NULL));
}

/* A statement: its rows go on from those of the transaction so far. */
static void
run_statement(World *world)
{
	PmnWriteRequest request = {
		.base_snapshot_id = test_latest(world->table),
		.pending = (const PmnMessage *const *) world->messages,
		.pending_count = world->message_count,
		.memory_limit_bytes = pmn_test_below(&world->env, 2) * 4096,
	};
	uint32_t before = world->row_count;
	uint32_t batches = 1 + pmn_test_below(&world->env, 4);
	PmnMessage *message = NULL;
	PmnWrite *write = NULL;

	CHECK_OK(&world->env, pmn_write_open(world->table, &request, &write));
	for (uint32_t i = 0; i < batches; i++)
		write_batch(world, write);
	CHECK_OK(&world->env, pmn_write_finish(write, &message));
	pmn_write_close(write);
	CHECK(message != NULL);
	if (pmn_test_below(&world->env, 4) > 0)
	{
		world->messages[world->message_count++] = message;
		return;
	}
	/* Back to the savepoint before it. */
	world->row_count = before;
	pmn_message_discard(world->table, message);
	pmn_message_close(message);
}

static void
commit(World *world)
{
	PmnCommitRequest request = {
		.commit_user = "user",
		.commit_identifier = ++world->identifier,
		.messages = (const PmnMessage *const *) world->messages,
		.message_count = world->message_count,
	};
	PmnCommitResult result;

	if (world->message_count == 0)
		return;
	CHECK_OK(&world->env, pmn_table_commit(world->table, &request, &result));
	while (world->message_count > 0)
		pmn_message_close(world->messages[--world->message_count]);
}

static void
compact(World *world, bool full)
{
	PmnMessage *message = NULL;
	PmnCommitResult result;
	int64_t latest = test_latest(world->table);

	if (latest <= 0)
		return;
	CHECK_OK(&world->env, pmn_table_compact(world->table, latest, full, NULL,
											1u << 20, &message));
	if (message == NULL)
		return;
	CHECK_OK(&world->env,
			 test_commit(world->table, message, "user", ++world->identifier,
						 latest, true, &result));
	pmn_message_close(message);
}

static bool
print_problem(void *context, const char *object, const char *problem)
{
	uint32_t *count = context;

	fprintf(stderr, "%s: %s\n", object, problem);
	(*count)++;
	return true;
}

static void
run_case(const Case *c, uint32_t transactions)
{
	World world = {.c = c};
	uint32_t problems = 0;

	pmn_test_env_init(&world.env);
	pmn_test_directory(world.directory);
	world.rows = calloc(ROWS_MAX + 4 * BATCH_MAX * 4, sizeof(Row));
	CHECK_OK(&world.env, pmn_catalog_open(&world.env.base, world.directory,
										  &world.catalog));
	CHECK_OK(&world.env, test_create_table(world.catalog, "t", &c->table));
	CHECK_OK(&world.env,
			 pmn_table_open(world.catalog, "db", "t", NULL, &world.table));
	for (uint32_t t = 0; t < transactions && world.row_count < ROWS_MAX &&
						 pmn_test_failures == 0;
		 t++)
	{
		uint32_t statements = 1 + pmn_test_below(&world.env, 3);

		for (uint32_t s = 0; s < statements; s++)
			run_statement(&world);
		check_rows(&world);
		commit(&world);
		check_rows(&world);
		if (pmn_test_below(&world.env, 2) == 0)
			continue;
		compact(&world, pmn_test_below(&world.env, 4) == 0);
		check_rows(&world);
	}
	CHECK_OK(&world.env, pmn_table_verify(world.table, test_latest(world.table),
										  print_problem, &problems));
	CHECK(problems == 0);
	pmn_table_close(world.table);
	pmn_catalog_close(world.catalog);
	pmn_test_remove_directory(world.directory);
	free(world.rows);
	CHECK(world.env.live_bytes == 0);
}

/* Goal: statements, transactions, savepoints and compactions make of rows
 * what the model makes of them. */
TEST(written_rows_merge_like_the_model)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		run_case(&cases[i], 16);
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("skip - table_write_merge: PMN_ARROW_PATH is not set\n");
		return 0;
	}
	RUN(written_rows_merge_like_the_model);
	TEST_END();
}
