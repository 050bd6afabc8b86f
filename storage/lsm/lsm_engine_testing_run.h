/*
 * lsm_engine_testing_run.h
 *
 * A part of lsm_engine_testing.h: rows between text and batches, runs over
 * them, and the merge. Included from there only.
 */
#ifndef LSM_ENGINE_TESTING_RUN_H
#define LSM_ENGINE_TESTING_RUN_H

typedef struct EngineRun
{
	PmnRun base;
	PmnBatch all;
	PmnBatch batch;
	PmnVector *columns;
	uint32_t at;
	uint32_t step;
} EngineRun;

static inline PmnCode
engine_next(PmnRun *base, PmnBatch **out)
{
	EngineRun *run = (EngineRun *) base;
	uint32_t left = run->all.row_count - run->at;

	if (left == 0)
		return PMN_OK;
	pmn_batch_slice(&run->all, run->at, left < run->step ? left : run->step,
					run->columns, &run->batch);
	run->at += run->batch.row_count;
	*out = &run->batch;
	return PMN_OK;
}

static inline void
engine_close(PmnRun *base)
{
	(void) base;
}

static inline void
engine_store(PmnVector *vector, uint32_t row, const PmnValue *value)
{
	uint8_t *at =
		(uint8_t *) vector->values + pmn_vector_width(vector->kind) * row;

	vector->nulls[row] = value->is_null;
	if (value->is_null)
		return;
	if (vector->kind == PMN_VECTOR_BOOL)
		*at = (uint8_t) value->as.i64;
	else if (vector->kind == PMN_VECTOR_I32)
		*(int32_t *) (void *) at = (int32_t) value->as.i64;
	else if (vector->kind == PMN_VECTOR_I64)
		*(int64_t *) (void *) at = value->as.i64;
	else if (vector->kind == PMN_VECTOR_F32)
		*(float *) (void *) at = (float) value->as.f64;
	else if (vector->kind == PMN_VECTOR_F64)
		*(double *) (void *) at = value->as.f64;
	else
		memcpy(at, &value->as, pmn_vector_width(vector->kind));
}

/* One row, "+I 7: 1,x". */
static inline PmnCode
engine_row(EngineTable *t, EngineRun *run, const PmnKvLayout *layout,
		   const char *text, uint32_t row)
{
	static const char kinds[] = "+I-U+U-D";
	const char *kind = strstr(kinds, (const char[]){text[0], text[1], '\0'});
	PmnValue values[ENGINE_COLUMNS];
	PmnValue value = {0};

	value.as.i64 = strtol(text + 3, (char **) &text, 10);
	engine_store(&run->all.columns[PMN_KV_SEQUENCE], row, &value);
	value.as.i64 = (kind - kinds) / 2;
	engine_store(&run->all.columns[PMN_KV_KIND], row, &value);
	text++;
	for (uint32_t i = 0; i < t->schema.field_count; i++)
		PMN_TRY(engine_parse(t, &t->fields[i].type,
							 engine_word(t->arena, &text, ","), &values[i]));
	for (uint32_t i = 0; i < layout->field_count; i++)
		engine_store(&run->all.columns[PMN_KV_FIELDS + i], row,
					 &values[layout->fields[i]]);
	return PMN_OK;
}

static inline PmnCode
engine_open_run(EngineTable *t, const PmnKvLayout *layout, const char *text,
				PmnRun **out)
{
	uint32_t columns = PMN_KV_FIELDS + layout->field_count;
	uint32_t room = 1;
	EngineRun *run = pmn_arena_alloc(t->arena, sizeof(*run));
	PmnVectorKind *kinds = NULL;

	for (const char *c = text; *c != '\0'; c++)
		room += *c == '|';
	PMN_TRY(pmn_kv_kinds(&t->lsm, t->arena, layout, &kinds));
	if (run == NULL)
		return PMN_NO_MEMORY;
	run->columns = pmn_arena_alloc(t->arena, columns * sizeof(PmnVector));
	run->all.columns = pmn_arena_alloc(t->arena, columns * sizeof(PmnVector));
	if (run->columns == NULL || run->all.columns == NULL)
		return PMN_NO_MEMORY;
	run->base.has_unique_keys = *text != '~';
	text += *text == '~';
	if (*text == 'L')
		run->base.level = text[1] - '0';
	text += *text == 'L' ? 3 : 0;
	for (uint32_t i = 0; i < columns; i++)
	{
		PmnVector *column = &run->all.columns[i];

		column->kind = kinds[i];
		column->nulls = pmn_arena_alloc(t->arena, room);
		column->values =
			pmn_arena_alloc(t->arena, room * pmn_vector_width(kinds[i]));
		if (column->nulls == NULL || column->values == NULL)
			return PMN_NO_MEMORY;
	}
	run->all.column_count = columns;
	while (*text != '\0')
	{
		char *row = engine_word(t->arena, &text, "|");

		if (row == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(engine_row(t, run, layout, row, run->all.row_count));
		run->all.row_count++;
	}
	run->all.selected_count = run->all.row_count;
	run->step = t->batch_rows == 0 ? room : t->batch_rows;
	run->base.next = engine_next;
	run->base.close = engine_close;
	run->base.env = t->lsm.env;
	*out = &run->base;
	return PMN_OK;
}

/* ---- the merge --------------------------------------------------------- */

static inline void
engine_print_batch(EngineTable *t, const PmnBatch *batch,
				   const PmnKvLayout *layout, uint32_t shown, PmnBuffer *out)
{
	static const char *const kinds[] = {"+I", "-U", "+U", "-D"};

	for (uint32_t i = 0; i < batch->selected_count; i++)
	{
		uint32_t row = batch->selection == NULL ? i : batch->selection[i];
		PmnValue value = pmn_vector_value(&batch->columns[0], row);
		int64_t sequence = value.as.i64;

		value = pmn_vector_value(&batch->columns[1], row);
		CHECK(pmn_buffer_format(out, "%s%s %lld: ", out->size > 0 ? "|" : "",
								kinds[value.as.i64 & 3],
								(long long) sequence) == PMN_OK);
		for (uint32_t c = 0; c < shown; c++)
		{
			const PmnVector *column = &batch->columns[PMN_KV_FIELDS + c];

			value = pmn_vector_value(column, row);
			CHECK(c == 0 || pmn_buffer_byte(out, ',') == PMN_OK);
			engine_print(out, &t->fields[layout->fields[c]].type, &value);
		}
	}
}

static inline PmnCode
engine_read(EngineTable *t, PmnMergeReader *reader, const PmnKvLayout *layout,
			uint32_t shown, char text[ENGINE_TEXT])
{
	PmnTestEnv env;
	PmnBuffer out;
	PmnBatch *batch = NULL;
	PmnCode code;

	/* What fails is the merge, not its printing. */
	pmn_test_env_init(&env);
	pmn_buffer_init(&out, &env.base);
	do
	{
		code = pmn_merge_reader_next(reader, &batch);
		if (code == PMN_OK && batch != NULL)
			engine_print_batch(t, batch, layout, shown, &out);
	} while (code == PMN_OK && batch != NULL);
	CHECK(out.size < ENGINE_TEXT);
	if (out.size > 0)
		memcpy(text, out.data, out.size);
	text[out.size] = '\0';
	pmn_buffer_free(&out);
	return code;
}

static inline PmnCode
engine_merge(EngineTable *t, const char *const *runs, uint32_t run_count,
			 const char *fields, bool drop_deletes, char text[ENGINE_TEXT])
{
	PmnMergeReadOptions options = {drop_deletes, t->output_rows};
	uint32_t wanted[ENGINE_COLUMNS];
	uint32_t count = 0;
	PmnKvLayout *layout = NULL;
	PmnRun *opened[32];
	PmnMergeReader *reader = NULL;
	PmnCode code;

	text[0] = '\0';
	for (uint32_t i = 0; i < t->schema.field_count; i++)
	{
		if (fields == NULL || strstr(fields, t->fields[i].name) != NULL)
			wanted[count++] = i;
	}
	PMN_TRY(
		pmn_kv_layout_make(&t->lsm, t->merge_arena, wanted, count, &layout));
	for (uint32_t i = 0; i < run_count; i++)
		CHECK(engine_open_run(t, layout, runs[i], &opened[i]) == PMN_OK);
	code = pmn_merge_reader_open(&t->lsm, layout, opened, run_count, &options,
								 &reader);
	if (code == PMN_OK)
		code = engine_read(t, reader, layout, count, text);
	pmn_merge_reader_close(reader);
	return code;
}

#endif /* LSM_ENGINE_TESTING_RUN_H */
