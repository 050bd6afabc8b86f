/*
 * index_testing.h
 *
 * Tests only: a data file with its index, both made by Paimon, and the
 * comparison of what the index says with what the rows say.
 */
#ifndef INDEX_TESTING_H
#define INDEX_TESTING_H

#include <string.h>

#include "../format/format.h"
#include "../meta/meta_schema.h"
#include "../testing/testing.h"
#include "index.h"

#define INDEX_FIELDS_MAX 64

typedef struct IndexedFile
{
	PmnTestEnv env;
	PmnFileSystem *fs;
	PmnArena *arena;
	PmnArena *scratch; /* of one predicate */
	const PmnSchema *schema;
	const char *names[INDEX_FIELDS_MAX]; /* NULL: not to be asked for */
	int32_t field_columns[INDEX_FIELDS_MAX];
	PmnFormatReader *reader;
	PmnFileReader *file;
	PmnBatch *batch; /* all rows */
	PmnBuffer index;
	char path[512];
	uint32_t known;	 /* answers that said something */
	uint32_t exact;	 /* and not more than the rows */
	uint32_t missed; /* rows that match, but were left out */
} IndexedFile;

static inline bool
is_set(const PmnRows *rows, uint32_t row)
{
	return rows->kind == PMN_ROWS_UNKNOWN ||
		   (rows->kind == PMN_ROWS_SOME &&
			(rows->words[row / 64] >> (row % 64) & 1) != 0);
}

/* Ask both, and count. */
static inline void
compare_answers(IndexedFile *file, const PmnPredicate *predicate)
{
	PmnIndexColumns columns = {file->schema, file->names};
	uint32_t count = file->batch->row_count;
	uint32_t *selected;
	uint32_t selected_count = 0;
	uint32_t more = 0;
	uint32_t at = 0;
	PmnRows rows;

	pmn_arena_reset(file->scratch);
	selected = pmn_arena_alloc(file->scratch, count * sizeof(*selected));
	CHECK_OK(&file->env,
			 pmn_index_evaluate(&file->env.base, file->scratch,
								pmn_bytes(file->index.data, file->index.size),
								file->path, &columns, predicate, count, &rows));
	CHECK_OK(&file->env,
			 pmn_predicate_select(&file->env.base, predicate, file->schema,
								  file->field_columns, file->batch, NULL, count,
								  selected, &selected_count));
	for (uint32_t row = 0; row < count; row++)
	{
		bool matches = at < selected_count && selected[at] == row;

		if (matches)
			at++;
		if (matches && !is_set(&rows, row))
			file->missed++;
		if (!matches && is_set(&rows, row))
			more++;
	}
	if (rows.kind == PMN_ROWS_UNKNOWN)
		return;
	file->known++;
	if (more == 0)
		file->exact++;
}

/* Every operator with a literal, and IN with some others. */
static inline void
try_literal(IndexedFile *file, int32_t field, const PmnValue *literals,
			uint32_t count)
{
	static const PmnPredicateOp ops[] = {
		PMN_PREDICATE_EQ, PMN_PREDICATE_NE,		 PMN_PREDICATE_LT,
		PMN_PREDICATE_LE, PMN_PREDICATE_GT,		 PMN_PREDICATE_GE,
		PMN_PREDICATE_IN, PMN_PREDICATE_IS_NULL, PMN_PREDICATE_NOT_NULL};

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
	{
		bool has_literal =
			ops[i] != PMN_PREDICATE_IS_NULL && ops[i] != PMN_PREDICATE_NOT_NULL;
		PmnPredicate leaf = {
			.op = ops[i],
			.field = field,
			.literals = has_literal ? literals : NULL,
			.literal_count = !has_literal				  ? 0
							 : ops[i] == PMN_PREDICATE_IN ? count
														  : 1,
		};

		compare_answers(file, &leaf);
	}
}

/* A value that is near the given one, and hardly in the file. */
static inline PmnValue
neighbour(PmnTestEnv *env, PmnArena *arena, const PmnType *type, PmnValue value)
{
	uint8_t *bytes;

	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
			value.as.i64 = !value.as.i64;
			break;
		case PMN_VECTOR_I32:
			if (value.as.i64 > -100000000 && value.as.i64 < 100000000 &&
				(type->kind == PMN_TYPE_INT || type->kind == PMN_TYPE_DATE))
				value.as.i64 += (int64_t) pmn_test_below(env, 41) - 20;
			break;
		case PMN_VECTOR_I64:
			if (value.as.i64 > -1000000000 && value.as.i64 < 1000000000)
				value.as.i64 += (int64_t) pmn_test_below(env, 2001) - 1000;
			break;
		case PMN_VECTOR_F32:
		case PMN_VECTOR_F64:
			value.as.f64 = (float) (value.as.f64 * 0.5);
			break;
		case PMN_VECTOR_BYTES:
			bytes = pmn_arena_alloc(arena, value.as.bytes.size + 1);
			if (value.as.bytes.size > 0)
				memcpy(bytes, value.as.bytes.data, value.as.bytes.size);
			bytes[value.as.bytes.size] = 'a';
			value.as.bytes = pmn_bytes(bytes, value.as.bytes.size + 1u);
			break;
		case PMN_VECTOR_DEC128:
		case PMN_VECTOR_TS96:
		case PMN_VECTOR_NONE:
			break;
	}
	return value;
}

#endif /* INDEX_TESTING_H */
