/*
 * lsm.c
 *
 * The parts every LSM file needs: schemas of older data files, buckets from
 * manifest entries, and the layout of key-value batches.
 *
 * Old schemas are read once per table handle and kept in the table's arena:
 * files of one schema come in thousands, schemas in dozens.
 */
#include "lsm.h"

#include "../meta/meta_schema.h"

PmnCode
pmn_lsm_schema(PmnLsm *lsm, int64_t id, const PmnSchema **out)
{
	PmnSchema *schema = NULL;

	*out = NULL;
	if (id == lsm->schema->id)
	{
		*out = lsm->stored_schema == NULL ? lsm->schema : lsm->stored_schema;
		return PMN_OK;
	}
	for (size_t i = 0; i < lsm->schemas.count; i++)
	{
		if (lsm->schemas.items[i]->id == id)
		{
			*out = lsm->schemas.items[i];
			return PMN_OK;
		}
	}
	PMN_TRY(pmn_array_reserve(lsm->env, &lsm->schemas, 1));
	PMN_TRY(pmn_schema_read(lsm->fs, lsm->arena, &lsm->path, id, &schema));
	lsm->schemas.items[lsm->schemas.count++] = schema;
	*out = schema;
	return PMN_OK;
}

static PmnCode
bucket_directory(PmnLsm *lsm, PmnArena *arena, const PmnValue *values,
				 int32_t bucket, const char **out)
{
	PmnBuffer partition;
	PmnCode code;

	*out = NULL;
	pmn_buffer_init(&partition, lsm->env);
	code = pmn_path_partition(&partition, &lsm->partition_naming, values);
	if (code == PMN_OK)
		code = pmn_buffer_byte(&partition, 0);
	if (code == PMN_OK)
	{
		*out = pmn_path_bucket(arena, &lsm->path, (const char *) partition.data,
							   bucket);
		code = *out == NULL ? PMN_NO_MEMORY : PMN_OK;
	}
	pmn_buffer_free(&partition);
	return code;
}

PmnCode
pmn_bucket_make(PmnLsm *lsm, PmnArena *arena, PmnBytes partition_row,
				int32_t bucket, int32_t total_buckets, PmnBucket **out)
{
	PmnBucket *made;
	PmnValue *values;
	uint8_t *row;

	*out = NULL;
	made = pmn_arena_alloc(arena, sizeof(*made));
	values = pmn_arena_alloc(arena, lsm->partition_count * sizeof(*values));
	row = pmn_arena_copy(arena, partition_row.data, partition_row.size);
	if (made == NULL || values == NULL || row == NULL)
		return PMN_NO_MEMORY;
	made->partition_row = pmn_bytes(row, partition_row.size);
	made->partition_values = values;
	made->bucket = bucket;
	made->total_buckets = total_buckets;
	/* An unpartitioned table's row may be spelled in several ways. */
	if (lsm->partition_count > 0)
		PMN_TRY(pmn_row_parse(lsm->env, made->partition_row,
							  lsm->partition_types, lsm->partition_count,
							  values));
	PMN_TRY(bucket_directory(lsm, arena, values, bucket, &made->directory));
	*out = made;
	return PMN_OK;
}

/* Batch column of a schema field, added to fields when it is missing. */
static uint32_t
layout_column(uint32_t *fields, uint32_t *count, uint32_t field)
{
	for (uint32_t i = 0; i < *count; i++)
	{
		if (fields[i] == field)
			return PMN_KV_FIELDS + i;
	}
	fields[*count] = field;
	(*count)++;
	return PMN_KV_FIELDS + *count - 1;
}

static bool
group_is_needed(const PmnMergeOptions *merge, uint32_t group,
				const uint32_t *fields, uint32_t field_count)
{
	if (merge->groups[group].removes_record)
		return true;
	for (uint32_t i = 0; i < field_count; i++)
	{
		if (merge->columns[fields[i]].group == (int32_t) group)
			return true;
	}
	return false;
}

/* Ordering columns of the sequence groups, added where they are needed. */
static PmnCode
layout_groups(PmnArena *arena, uint32_t *fields, PmnKvLayout *layout)
{
	const PmnMergeOptions *merge = layout->merge;
	PmnKeyColumns *groups =
		pmn_arena_alloc(arena, merge->group_count * sizeof(*groups));

	if (groups == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t g = 0; g < merge->group_count; g++)
	{
		const PmnSequenceGroup *group = &merge->groups[g];
		uint32_t *columns;

		if (!group_is_needed(merge, g, fields, layout->field_count))
			continue;
		columns =
			pmn_arena_alloc(arena, group->ordering_count * sizeof(*columns));
		if (columns == NULL)
			return PMN_NO_MEMORY;
		for (uint32_t i = 0; i < group->ordering_count; i++)
			columns[i] =
				layout_column(fields, &layout->field_count, group->ordering[i]);
		groups[g].types = group->types;
		groups[g].columns = columns;
		groups[g].count = group->ordering_count;
	}
	layout->groups = groups;
	return PMN_OK;
}

PmnCode
pmn_kv_layout_make(PmnLsm *lsm, PmnArena *arena, const uint32_t *fields,
				   uint32_t field_count, PmnKvLayout **out)
{
	size_t room = (size_t) field_count + lsm->key_count + lsm->sequence_count;
	PmnKvLayout *layout = pmn_arena_alloc(arena, sizeof(*layout));
	uint32_t *key = pmn_arena_alloc(arena, lsm->key_count * sizeof(*key));
	uint32_t *sequence =
		pmn_arena_alloc(arena, lsm->sequence_count * sizeof(*sequence));
	PmnMergeOptions *merge;
	uint32_t *all;

	*out = NULL;
	PMN_TRY(pmn_merge_options_parse(arena, lsm->env, lsm->schema, lsm->options,
									&merge));
	for (uint32_t i = 0; i < merge->group_count; i++)
		room += merge->groups[i].ordering_count;
	all = pmn_arena_alloc(arena, room * sizeof(*all));
	if (layout == NULL || all == NULL || key == NULL || sequence == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < field_count; i++)
	{
		PMN_ASSERT(fields[i] < lsm->schema->field_count);
		all[i] = fields[i];
	}
	layout->merge = merge;
	layout->fields = all;
	layout->field_count = field_count;
	for (uint32_t i = 0; i < lsm->key_count; i++)
		key[i] = layout_column(all, &layout->field_count, lsm->key_fields[i]);
	for (uint32_t i = 0; i < lsm->sequence_count; i++)
		sequence[i] =
			layout_column(all, &layout->field_count, lsm->sequence_fields[i]);
	PMN_TRY(layout_groups(arena, all, layout));
	layout->key.types = lsm->key_types;
	layout->key.columns = key;
	layout->key.count = lsm->key_count;
	layout->sequence.types = lsm->sequence_types;
	layout->sequence.columns = sequence;
	layout->sequence.count = lsm->sequence_count;
	*out = layout;
	return PMN_OK;
}

/* Nulls are the oldest whatever the direction; only values turn round. */
static int
compare_user_sequence(const PmnLsm *lsm, const PmnKeyColumns *sequence,
					  const PmnBatch *a, uint32_t a_row, const PmnBatch *b,
					  uint32_t b_row)
{
	if (!lsm->options->sequence_descending)
		return pmn_rows_compare(sequence, a, a_row, sequence, b, b_row);
	for (uint32_t i = 0; i < sequence->count; i++)
	{
		uint32_t column = sequence->columns[i];
		PmnValue x = pmn_vector_value(&a->columns[column], a_row);
		PmnValue y = pmn_vector_value(&b->columns[column], b_row);
		int order = pmn_value_compare_nulls(sequence->types[i], &x, &y);

		if (order == 0)
			continue;
		return x.is_null || y.is_null ? order : -order;
	}
	return 0;
}

static bool
is_add(const PmnBatch *batch, uint32_t row)
{
	const int32_t *kinds = batch->columns[PMN_KV_KIND].values;

	return kinds[row] == PMN_INSERT || kinds[row] == PMN_UPDATE_AFTER;
}

int
pmn_kv_compare_order(const PmnLsm *lsm, const PmnKvLayout *layout,
					 const PmnBatch *a, uint32_t a_row, const PmnBatch *b,
					 uint32_t b_row)
{
	const int64_t *x = a->columns[PMN_KV_SEQUENCE].values;
	const int64_t *y = b->columns[PMN_KV_SEQUENCE].values;

	if (layout->sequence.count > 0)
	{
		int order =
			compare_user_sequence(lsm, &layout->sequence, a, a_row, b, b_row);

		if (order != 0)
			return order;
	}
	if (x[a_row] != y[b_row])
		return x[a_row] < y[b_row] ? -1 : 1;
	return (int) is_add(a, a_row) - (int) is_add(b, b_row);
}
