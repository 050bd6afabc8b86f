/*
 * index.c
 *
 * A predicate against the indexes of one data file. A leaf is asked of every
 * index of its column, and the answers are intersected; AND intersects what
 * is known, OR is unknown as soon as one side is. Sets are always too large
 * or right, never too small, and are never complemented here: a leaf like NE
 * is answered by its index, which is exact.
 *
 * The literals that an index is asked for must mean the same to it as to us:
 * null never does, zero and NaN of floats may not (index_key.c).
 */
#include "index_internal.h"

#define DEPTH_MAX 64

typedef struct IndexKind
{
	const char *name;
	PmnCode (*evaluate)(const PmnIndexProbe *probe, PmnRows *out);
	bool needs_keys; /* stores values in the forms of index_key.c */
} IndexKind;

static const IndexKind kinds[] = {
	{"bloom-filter", pmn_index_bloom, false},
	{"bitmap", pmn_index_bitmap, true},
	{"bsi", pmn_index_bsi, true},
	{"range-bitmap", pmn_index_range_bitmap, true},
};

typedef struct Evaluation
{
	PmnEnv *env;
	PmnArena *arena;
	PmnBytes bytes;
	const char *name;
	const PmnIndexColumns *columns;
	uint32_t row_count;
} Evaluation;

PmnCode
pmn_index_corrupt(const PmnIndexProbe *probe, const char *what)
{
	return pmn_fail(probe->env, PMN_CORRUPT,
					"file index \"%s\" is damaged: it has %s", probe->name,
					what);
}

static const IndexKind *
find_kind(PmnBytes name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
	{
		if (pmn_bytes_equal(name, pmn_bytes_string(kinds[i].name)))
			return &kinds[i];
	}
	return NULL;
}

/* Narrow rows by what other says as well. */
static void
intersect(PmnRows *rows, const PmnRows *other)
{
	if (other->kind == PMN_ROWS_UNKNOWN || rows->kind == PMN_ROWS_NONE)
		return;
	if (rows->kind == PMN_ROWS_UNKNOWN || other->kind == PMN_ROWS_NONE)
	{
		*rows = *other;
		return;
	}
	pmn_rows_and(rows, other);
	pmn_rows_settle(rows);
}

static void
unite(PmnRows *rows, const PmnRows *other)
{
	if (other->kind == PMN_ROWS_NONE || rows->kind == PMN_ROWS_UNKNOWN)
		return;
	if (rows->kind == PMN_ROWS_NONE || other->kind == PMN_ROWS_UNKNOWN)
		*rows = *other;
	else
		pmn_rows_or(rows, other);
}

static PmnCode
evaluate_leaf(const Evaluation *evaluation, const PmnPredicate *leaf,
			  PmnRows *out)
{
	const char *column = evaluation->columns->names[leaf->field];
	PmnIndexProbe probe = {
		.env = evaluation->env,
		.arena = evaluation->arena,
		.name = evaluation->name,
		.type = &evaluation->columns->schema->fields[leaf->field].type,
		.leaf = leaf,
		.row_count = evaluation->row_count,
	};
	PmnIndexEntry *entries = NULL;
	uint32_t count = 0;

	if (column == NULL || !pmn_index_literals_are_plain(&probe))
		return PMN_OK;
	PMN_TRY(pmn_index_find(evaluation->env, evaluation->arena,
						   evaluation->bytes, evaluation->name, column,
						   &entries, &count));
	for (uint32_t i = 0; i < count; i++)
	{
		const IndexKind *kind = find_kind(entries[i].type);
		PmnRows rows = {PMN_ROWS_UNKNOWN, evaluation->row_count, NULL};

		if (kind == NULL || (kind->needs_keys &&
							 (!pmn_index_key_is_known(probe.type) ||
							  leaf->literal_count > PMN_INDEX_LITERALS_MAX)))
			continue;
		probe.body = entries[i].body;
		PMN_TRY(kind->evaluate(&probe, &rows));
		pmn_rows_settle(&rows);
		intersect(out, &rows);
	}
	return PMN_OK;
}

static PmnCode
evaluate(const Evaluation *evaluation, const PmnPredicate *predicate, int depth,
		 PmnRows *out)
{
	bool is_and = predicate->op == PMN_PREDICATE_AND;

	out->kind = PMN_ROWS_UNKNOWN;
	out->row_count = evaluation->row_count;
	out->words = NULL;
	if (!is_and && predicate->op != PMN_PREDICATE_OR)
		return evaluate_leaf(evaluation, predicate, out);
	if (depth >= DEPTH_MAX)
		return PMN_OK;
	if (!is_and)
		out->kind = PMN_ROWS_NONE;
	for (uint32_t i = 0; i < predicate->child_count; i++)
	{
		PmnRows rows;

		/* Decided: nothing can change it. */
		if (out->kind == (is_and ? PMN_ROWS_NONE : PMN_ROWS_UNKNOWN) && i > 0)
			break;
		PMN_TRY(evaluate(evaluation, predicate->children[i], depth + 1, &rows));
		if (is_and)
			intersect(out, &rows);
		else
			unite(out, &rows);
	}
	return PMN_OK;
}

PmnCode
pmn_index_evaluate(PmnEnv *env, PmnArena *arena, PmnBytes bytes,
				   const char *name, const PmnIndexColumns *columns,
				   const PmnPredicate *predicate, int64_t row_count,
				   PmnRows *out)
{
	Evaluation evaluation = {.env = env,
							 .arena = arena,
							 .bytes = bytes,
							 .name = name,
							 .columns = columns};

	memset(out, 0, sizeof(*out));
	if (row_count < 0 || row_count > PMN_INDEX_ROWS_MAX)
		return PMN_OK;
	evaluation.row_count = (uint32_t) row_count;
	PMN_TRY(evaluate(&evaluation, predicate, 0, out));
	pmn_rows_settle(out);
	return PMN_OK;
}
