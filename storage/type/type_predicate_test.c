/*
 * type_predicate_test.c
 *
 * Random predicates on random batches against an evaluator that looks at one
 * row at a time, and pruning that must never lose a row.
 */
#include "type_compare.h"
#include "type_predicate.h"
#include "type_random.h"

#define ROWS 60
#define COLUMNS 5

typedef struct Fixture
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnField fields[COLUMNS];
	PmnSchema schema;
	PmnVector vectors[COLUMNS];
	PmnBatch batch;
	int32_t field_columns[COLUMNS];
	PmnColumnStats stats[COLUMNS];
	bool has_stats[COLUMNS];
} Fixture;

static bool
starts_with(PmnBytes value, PmnBytes prefix)
{
	return value.size >= prefix.size &&
		   (prefix.size == 0 ||
			memcmp(value.data, prefix.data, prefix.size) == 0);
}

static bool
leaf_matches(const PmnType *type, const PmnPredicate *predicate,
			 const PmnValue *value)
{
	const PmnValue *literals = predicate->literals;
	int order = 0;

	if (predicate->op == PMN_PREDICATE_IS_NULL)
		return value->is_null;
	if (predicate->op == PMN_PREDICATE_NOT_NULL)
		return !value->is_null;
	if (value->is_null)
		return false;
	if (predicate->op == PMN_PREDICATE_STARTS_WITH)
		return starts_with(value->as.bytes, literals[0].as.bytes);
	if (predicate->op == PMN_PREDICATE_IN)
	{
		for (uint32_t i = 0; i < predicate->literal_count; i++)
			if (pmn_value_compare(type, value, &literals[i]) == 0)
				return true;
		return false;
	}
	order = pmn_value_compare(type, value, &literals[0]);
	return predicate->op == PMN_PREDICATE_EQ   ? order == 0
		   : predicate->op == PMN_PREDICATE_NE ? order != 0
		   : predicate->op == PMN_PREDICATE_LT ? order < 0
		   : predicate->op == PMN_PREDICATE_LE ? order <= 0
		   : predicate->op == PMN_PREDICATE_GT ? order > 0
											   : order >= 0;
}

static bool
row_matches(const Fixture *fixture, const PmnPredicate *predicate, uint32_t row)
{
	bool is_and = predicate->op == PMN_PREDICATE_AND;
	PmnValue value;

	if (is_and || predicate->op == PMN_PREDICATE_OR)
	{
		for (uint32_t i = 0; i < predicate->child_count; i++)
			if (row_matches(fixture, predicate->children[i], row) != is_and)
				return !is_and;
		return is_and;
	}
	value = pmn_vector_value(
		&fixture->vectors[fixture->field_columns[predicate->field]], row);
	return leaf_matches(&fixture->schema.fields[predicate->field].type,
						predicate, &value);
}

/* A literal that is often one of the column's own values. */
static PmnValue
random_literal(Fixture *fixture, int32_t field)
{
	const PmnVector *vector = &fixture->vectors[fixture->field_columns[field]];
	PmnValue value =
		pmn_vector_value(vector, pmn_test_below(&fixture->env, ROWS));

	if (value.is_null || pmn_test_below(&fixture->env, 3) == 0)
		value = random_value(&fixture->env, fixture->arena,
							 &fixture->fields[field].type);
	return value;
}

static const PmnPredicate *
random_predicate(Fixture *fixture, int depth)
{
	PmnTestEnv *env = &fixture->env;
	PmnPredicate *predicate =
		pmn_arena_alloc(fixture->arena, sizeof(*predicate));
	const PmnPredicate **children =
		pmn_arena_alloc(fixture->arena, 4 * sizeof(*children));
	PmnValue *literals =
		pmn_arena_alloc(fixture->arena, 12 * sizeof(*literals));
	uint32_t pick = pmn_test_below(env, depth == 0 ? 10 : 16);
	bool is_bytes;

	predicate->children = children;
	predicate->literals = literals;
	if (pick >= 10)
	{
		predicate->op = pick < 13 ? PMN_PREDICATE_AND : PMN_PREDICATE_OR;
		predicate->child_count = pmn_test_below(env, 5);
		for (uint32_t i = 0; i < predicate->child_count; i++)
			children[i] = random_predicate(fixture, depth - 1);
		return predicate;
	}
	predicate->op = (PmnPredicateOp) (PMN_PREDICATE_EQ + pick);
	predicate->field = (int32_t) pmn_test_below(env, COLUMNS);
	is_bytes = pmn_type_vector_kind(&fixture->fields[predicate->field].type) ==
			   PMN_VECTOR_BYTES;
	if (predicate->op == PMN_PREDICATE_STARTS_WITH && !is_bytes)
		predicate->op = PMN_PREDICATE_EQ;
	predicate->literal_count = 1;
	if (predicate->op == PMN_PREDICATE_IN)
		predicate->literal_count = 1 + pmn_test_below(env, 12);
	if (predicate->op == PMN_PREDICATE_IS_NULL ||
		predicate->op == PMN_PREDICATE_NOT_NULL)
		predicate->literal_count = 0;
	for (uint32_t i = 0; i < predicate->literal_count; i++)
		literals[i] = random_literal(fixture, predicate->field);
	if (predicate->op == PMN_PREDICATE_STARTS_WITH)
		literals[0].as.bytes.size /= 1 + pmn_test_below(env, 3);
	return predicate;
}

/* A fresh schema, batch and truncated statistics of it. */
static void
fixture_fill(Fixture *fixture)
{
	PmnTestEnv *env = &fixture->env;

	pmn_arena_reset(fixture->arena);
	fixture->schema.fields = fixture->fields;
	fixture->schema.field_count = COLUMNS;
	fixture->batch.row_count = ROWS;
	fixture->batch.column_count = COLUMNS;
	fixture->batch.columns = fixture->vectors;
	for (int32_t i = 0; i < COLUMNS; i++)
	{
		PmnField *field = &fixture->fields[i];
		uint32_t column = (uint32_t) (COLUMNS - 1 - i);
		/* All null, some null, a single value: what statistics love. */
		uint32_t null_every = pmn_test_below(env, 4);
		PmnStatsCollector collector;
		PmnStatsMode mode = {PMN_STATS_TRUNCATE, 2};

		field->name = "f";
		field->type = random_types[pmn_test_below(env, RANDOM_TYPE_COUNT)];
		fixture->field_columns[i] = (int32_t) column;
		fixture->vectors[column] =
			random_vector(env, fixture->arena, &field->type, ROWS, null_every);
		if (pmn_test_below(env, 4) == 0)
			for (uint32_t row = 1; row < ROWS; row++)
			{
				PmnValue value = pmn_vector_value(&fixture->vectors[column], 0);

				set_element(&fixture->vectors[column], row, &value);
			}
		pmn_stats_collector_init(&collector, &env->base, &field->type);
		CHECK_OK(env, pmn_stats_collect(&collector, &fixture->vectors[column],
										NULL, ROWS));
		CHECK_OK(env, pmn_stats_convert(fixture->arena, &field->type, mode,
										&collector.stats, &fixture->stats[i]));
		fixture->has_stats[i] = pmn_test_below(env, 8) != 0;
		pmn_stats_collector_free(&collector);
	}
}

static bool
field_stats(void *context, int32_t field, PmnColumnStats *stats)
{
	const Fixture *fixture = context;

	*stats = fixture->stats[field];
	return fixture->has_stats[field];
}

static uint32_t
check_select(Fixture *fixture, const PmnPredicate *predicate, bool use_list)
{
	uint32_t in[ROWS];
	uint32_t out[ROWS];
	uint32_t in_count = 0;
	uint32_t out_count = 0;
	uint32_t expected = 0;
	bool is_same = true;

	for (uint32_t row = 0; row < ROWS; row++)
		if (!use_list || pmn_test_below(&fixture->env, 3) > 0)
			in[in_count++] = row;
	CHECK_OK(&fixture->env,
			 pmn_predicate_select(&fixture->env.base, predicate,
								  &fixture->schema, fixture->field_columns,
								  &fixture->batch, use_list ? in : NULL,
								  in_count, out, &out_count));
	for (uint32_t i = 0; i < in_count; i++)
	{
		if (!row_matches(fixture, predicate, in[i]))
			continue;
		is_same = is_same && expected < out_count && out[expected] == in[i];
		expected++;
	}
	CHECK(is_same && expected == out_count);
	return expected;
}

static void
check_only(Fixture *fixture, const PmnPredicate *predicate)
{
	bool allowed[COLUMNS];
	bool used[COLUMNS] = {false};
	const PmnPredicate *part;

	for (uint32_t i = 0; i < COLUMNS; i++)
		allowed[i] = pmn_test_below(&fixture->env, 2) == 0;
	CHECK_OK(&fixture->env,
			 pmn_predicate_only(fixture->arena, predicate, allowed, &part));
	if (part == NULL)
		return;
	pmn_predicate_fields(part, used);
	for (uint32_t i = 0; i < COLUMNS; i++)
		CHECK(!used[i] || allowed[i]);
	for (uint32_t row = 0; row < ROWS; row++)
		CHECK(!row_matches(fixture, predicate, row) ||
			  row_matches(fixture, part, row));
}

/* Goal: selection is exact, pruning safe, parts implied by the whole. */
TEST(random_predicates)
{
	Fixture fixture = {0};
	uint32_t pruned = 0;
	uint32_t found = 0;

	pmn_test_env_init(&fixture.env);
	CHECK_OK(&fixture.env,
			 pmn_arena_create(&fixture.env.base, 0, &fixture.arena));
	for (int round = 0; round < 3000; round++)
	{
		const PmnPredicate *predicate;
		uint32_t count;
		bool may_match;

		if (round % 5 == 0)
			fixture_fill(&fixture);
		predicate = random_predicate(&fixture, 3);
		count = check_select(&fixture, predicate, false);
		check_select(&fixture, predicate, true);
		may_match = pmn_predicate_may_match(predicate, &fixture.schema,
											field_stats, &fixture, ROWS);
		CHECK(may_match || count == 0);
		pruned += !may_match;
		found += count > 0;
		check_only(&fixture, predicate);
	}
	/* The test is worth something only if both happen often. */
	CHECK(pruned > 300 && found > 300);
	pmn_arena_destroy(fixture.arena);
	CHECK(fixture.env.live_bytes == 0);
}

typedef struct OneField
{
	PmnColumnStats stats;
	PmnTypeKind kind;
} OneField;

static bool
one_field_stats(void *context, int32_t field, PmnColumnStats *stats)
{
	*stats = ((const OneField *) context)->stats;
	return field == 0;
}

static bool
may_match(OneField *one, PmnPredicateOp op, PmnValue literal)
{
	PmnField field = {.type = {.kind = one->kind, .length = PMN_LENGTH_MAX}};
	PmnSchema schema = {.fields = &field, .field_count = 1};
	PmnPredicate predicate = {.op = op, .literals = &literal};

	predicate.literal_count =
		op == PMN_PREDICATE_IS_NULL || op == PMN_PREDICATE_NOT_NULL ? 0 : 1;
	return pmn_predicate_may_match(&predicate, &schema, one_field_stats, one,
								   10);
}

/* Goal: nulls and counts prune what they should and no more. */
TEST(pruning_by_counts)
{
	OneField one = {.kind = PMN_TYPE_INT};
	PmnValue five = {.as.i64 = 5};

	one.stats.min.as.i64 = one.stats.max.as.i64 = 5;
	CHECK(!may_match(&one, PMN_PREDICATE_IS_NULL, five));
	CHECK(may_match(&one, PMN_PREDICATE_NOT_NULL, five));
	CHECK(!may_match(&one, PMN_PREDICATE_NE, five));
	CHECK(!may_match(&one, PMN_PREDICATE_LT, five));
	CHECK(may_match(&one, PMN_PREDICATE_LE, five));
	one.stats.null_count = -1;
	CHECK(may_match(&one, PMN_PREDICATE_IS_NULL, five));
	CHECK(may_match(&one, PMN_PREDICATE_NOT_NULL, five));
	one.stats.min.is_null = one.stats.max.is_null = true;
	CHECK(may_match(&one, PMN_PREDICATE_EQ, five));
	one.stats.null_count = 10;
	CHECK(!may_match(&one, PMN_PREDICATE_EQ, five));
	CHECK(!may_match(&one, PMN_PREDICATE_NE, five));
	CHECK(!may_match(&one, PMN_PREDICATE_NOT_NULL, five));
	CHECK(may_match(&one, PMN_PREDICATE_IS_NULL, five));
	one.stats.null_count = 9;
	CHECK(may_match(&one, PMN_PREDICATE_EQ, five));
}

/* Goal: bounds of bytes may be cut, those of floats may miss NaN. */
TEST(pruning_in_doubt)
{
	OneField one = {.kind = PMN_TYPE_VARCHAR};
	PmnValue literal = {.as.bytes = pmn_bytes_string("ab")};

	one.stats.min.as.bytes = one.stats.max.as.bytes = pmn_bytes_string("ab");
	CHECK(may_match(&one, PMN_PREDICATE_NE, literal));
	one.stats.max.as.bytes = pmn_bytes_string("ac");
	literal.as.bytes = pmn_bytes_string("abzz");
	CHECK(may_match(&one, PMN_PREDICATE_EQ, literal));
	CHECK(may_match(&one, PMN_PREDICATE_STARTS_WITH, literal));
	literal.as.bytes = pmn_bytes_string("ad");
	CHECK(!may_match(&one, PMN_PREDICATE_STARTS_WITH, literal));
	literal.as.bytes = pmn_bytes_string("aa");
	CHECK(!may_match(&one, PMN_PREDICATE_STARTS_WITH, literal));
	literal.as.bytes = pmn_bytes_string("a");
	CHECK(may_match(&one, PMN_PREDICATE_STARTS_WITH, literal));
	one.kind = PMN_TYPE_DOUBLE;
	one.stats.min.as.f64 = 1;
	one.stats.max.as.f64 = 2;
	literal.as.f64 = 3;
	CHECK(may_match(&one, PMN_PREDICATE_GT, literal));
	CHECK(!may_match(&one, PMN_PREDICATE_EQ, literal));
	literal.as.f64 = NAN;
	CHECK(may_match(&one, PMN_PREDICATE_EQ, literal));
	literal.as.f64 = 1;
	CHECK(!may_match(&one, PMN_PREDICATE_LT, literal));
	one.stats.min.as.f64 = one.stats.max.as.f64 = NAN;
	CHECK(may_match(&one, PMN_PREDICATE_LT, literal));
}

/* Goal: an OR or IN whose memory fails says so and leaks nothing. */
TEST(allocation_failures)
{
	int32_t values[4] = {1, 2, 3, 4};
	PmnVector vector = {PMN_VECTOR_I32, NULL, values};
	PmnBatch batch = {.row_count = 4, .column_count = 1, .columns = &vector};
	PmnField field = {.type = {.kind = PMN_TYPE_INT}};
	PmnSchema schema = {.fields = &field, .field_count = 1};
	PmnValue literals[2] = {{.as.i64 = 4}, {.as.i64 = 2}};
	PmnPredicate in = {
		.op = PMN_PREDICATE_IN, .literals = literals, .literal_count = 2};
	const PmnPredicate *children[2] = {&in, &in};
	PmnPredicate either = {
		.op = PMN_PREDICATE_OR, .children = children, .child_count = 2};
	int32_t columns[1] = {0};
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY && step < 20; step++)
	{
		PmnTestEnv env;
		uint32_t out[4];
		uint32_t count;

		pmn_test_env_fail_at(&env, step);
		code = pmn_predicate_select(&env.base, &either, &schema, columns,
									&batch, NULL, 0, out, &count);
		CHECK(env.live_bytes == 0);
		CHECK(code != PMN_OK || (count == 2 && out[0] == 1 && out[1] == 3));
	}
	CHECK(code == PMN_OK);
}

int
main(void)
{
	RUN(random_predicates);
	RUN(pruning_by_counts);
	RUN(pruning_in_doubt);
	RUN(allocation_failures);
	TEST_END();
}
