/*
 * table_scan_exact.c
 *
 * What a planned scan knows for certain without opening a data file: how many
 * rows it would return, and a column's least and greatest value. Aggregates
 * are answered from it, so a doubt is always "unknown" here.
 *
 * Deleted positions are counted where the manifest says how many they are; a
 * file's bounds are unknown as soon as it has one.
 *
 * The count is exact when every split is read raw and no filter is left to
 * evaluate: then each row of each file is a row of the result. A section that
 * is merged, or a file that may hold delete rows, makes it unknown.
 *
 * Files that hold columns of the same rows count once; their bounds are
 * unknown.
 *
 * Bounds are exact under the same conditions where statistics cannot be cut
 * or bent: bytes may be truncated, floating point leaves out NaN and mixes
 * zeroes, and ORC rounds timestamps. Partition columns need no statistics:
 * every row of a file has the partition's value.
 */
#include "table_scan.h"

#include "../meta/meta_deletion_vector.h"
#include "../type/type_compare.h"

/* Whether each row of the split's files is a row of the result. */
static bool
split_is_final(const PmnSplit *split)
{
	if (split->section != NULL)
		return false;
	if (split->join != NULL)
		return split->join->deletion == NULL ||
			   split->join->deletion->has_cardinality;
	for (uint32_t i = 0; i < split->file_count; i++)
	{
		const PmnDataFile *file = split->files[i];

		if (file->has_delete_row_count && file->delete_row_count != 0)
			return false;
		if (file->deletion != NULL && !file->deletion->has_cardinality)
			return false;
	}
	return true;
}

static bool
scan_is_final(const PmnScan *scan)
{
	if (scan->has_changes || scan->keep_retractions || scan->row_filter != NULL)
		return false;
	for (size_t s = 0; s < scan->splits.count; s++)
	{
		if (!split_is_final(&scan->splits.items[s]))
			return false;
	}
	return true;
}

static uint64_t
live_joined(const PmnJoin *join)
{
	return join->row_count - (join->deletion == NULL
								  ? 0
								  : (uint64_t) join->deletion->cardinality);
}

/* Rows of a file that count, of a split that is final. */
static uint64_t
live_rows(const PmnDataFile *file)
{
	/* Planning has checked that no more are deleted than there are. */
	return (uint64_t) file->row_count -
		   (file->deletion == NULL ? 0
								   : (uint64_t) file->deletion->cardinality);
}

bool
pmn_scan_exact_count(const PmnScan *scan, uint64_t *count)
{
	if (!scan_is_final(scan))
		return false;
	*count = 0;
	/* Planning has checked that the sum does not wrap. */
	for (size_t s = 0; s < scan->splits.count; s++)
	{
		const PmnSplit *split = &scan->splits.items[s];

		for (uint32_t i = 0; i < split->file_count; i++)
			*count += live_rows(split->files[i]);
		if (split->join != NULL)
			*count += live_joined(split->join);
	}
	return true;
}

/* ---- minimum and maximum ---------------------------------------------- */

static bool
name_ends_with(PmnBytes name, const char *end)
{
	PmnBytes tail = pmn_bytes_string(end);

	return name.size >= tail.size &&
		   pmn_bytes_equal(
			   pmn_bytes(name.data + name.size - tail.size, tail.size), tail);
}

/* Whether statistics of the type, when there are any, are exact. */
static bool
bounds_are_exact(const PmnType *type, const PmnDataFile *file)
{
	switch (type->kind)
	{
		case PMN_TYPE_BOOLEAN:
		case PMN_TYPE_TINYINT:
		case PMN_TYPE_SMALLINT:
		case PMN_TYPE_INT:
		case PMN_TYPE_BIGINT:
		case PMN_TYPE_DECIMAL:
		case PMN_TYPE_DATE:
		case PMN_TYPE_TIME:
			return true;
		case PMN_TYPE_TIMESTAMP:
		case PMN_TYPE_TIMESTAMP_LTZ:
			return type->precision <= 6 &&
				   !name_ends_with(file->file_name, ".orc");
		case PMN_TYPE_FLOAT:
		case PMN_TYPE_DOUBLE:
		case PMN_TYPE_CHAR:
		case PMN_TYPE_VARCHAR:
		case PMN_TYPE_BINARY:
		case PMN_TYPE_VARBINARY:
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_MULTISET:
		case PMN_TYPE_MAP:
		case PMN_TYPE_ROW:
		case PMN_TYPE_VARIANT:
		case PMN_TYPE_BLOB:
		case PMN_TYPE_VECTOR:
		case PMN_TYPE_GEOMETRY:
		case PMN_TYPE_GEOGRAPHY:
			break;
	}
	return false;
}

/* What finding the bounds of one column needs. */
typedef struct ExactBounds
{
	const PmnScan *scan;
	PmnFileStats *stats;
	const PmnType *type;
	int32_t field;
	int32_t partition; /* position among the partition columns, or -1 */
	PmnValue min;	   /* null: no value yet */
	PmnValue max;
} ExactBounds;

/* Of one file; *known false: its statistics do not say. */
static PmnCode
file_bounds(ExactBounds *bounds, const PmnSplit *split, const PmnDataFile *file,
			PmnColumnStats *out, bool *known)
{
	int64_t null_count;

	if (bounds->partition >= 0)
	{
		out->min = split->bucket->partition_values[bounds->partition];
		out->max = out->min;
		*known = true;
		return PMN_OK;
	}
	*known = false;
	if (file->deletion != NULL && file->deletion->cardinality > 0)
		return PMN_OK;
	PMN_TRY(pmn_file_stats_values(bounds->stats, file));
	*known = pmn_file_stats_field(bounds->stats, bounds->field, out);
	if (!*known)
		return PMN_OK;
	null_count = out->null_count;
	if (null_count == file->row_count)
	{
		out->min.is_null = true;
		out->max.is_null = true;
		return PMN_OK;
	}
	*known = !out->min.is_null && !out->max.is_null &&
			 bounds_are_exact(bounds->type, file);
	return PMN_OK;
}

static PmnCode
fold_bounds(ExactBounds *bounds, const PmnSplit *split, bool *known)
{
	/* Which file's statistics count differs by column. */
	if (split->join != NULL)
	{
		*known = false;
		return PMN_OK;
	}
	for (uint32_t i = 0; i < split->file_count; i++)
	{
		PmnColumnStats column;

		if (live_rows(split->files[i]) == 0)
			continue;
		PMN_TRY(file_bounds(bounds, split, split->files[i], &column, known));
		if (!*known)
			return PMN_OK;
		if (column.min.is_null)
			continue;
		if (bounds->min.is_null ||
			pmn_value_compare(bounds->type, &column.min, &bounds->min) < 0)
			bounds->min = column.min;
		if (bounds->max.is_null ||
			pmn_value_compare(bounds->type, &column.max, &bounds->max) > 0)
			bounds->max = column.max;
	}
	return PMN_OK;
}

static PmnCode
find_bounds(ExactBounds *bounds, bool *known)
{
	const PmnScan *scan = bounds->scan;

	*known = true;
	for (size_t s = 0; *known && s < scan->splits.count; s++)
	{
		PMN_TRY(pmn_poll(scan->env));
		PMN_TRY(fold_bounds(bounds, &scan->splits.items[s], known));
	}
	return PMN_OK;
}

bool
pmn_scan_exact_min_max(const PmnScan *scan, int32_t field, PmnValue *min,
					   PmnValue *max)
{
	const PmnLsm *lsm = &scan->table->lsm;
	ExactBounds bounds = {.scan = scan, .field = field, .partition = -1};
	PmnFileStats stats;
	bool known = false;
	PmnCode code;

	if (field < 0 || (uint32_t) field >= lsm->schema->field_count ||
		!scan_is_final(scan))
		return false;
	bounds.type = &lsm->schema->fields[field].type;
	bounds.min.is_null = true;
	bounds.max.is_null = true;
	for (uint32_t i = 0; i < lsm->partition_count; i++)
	{
		if (lsm->partition_fields[i] == (uint32_t) field)
			bounds.partition = (int32_t) i;
	}
	if (!pmn_type_is_comparable(bounds.type))
		return false;
	if (pmn_file_stats_init(&stats, scan->table, scan->arena) != PMN_OK)
		return false;
	bounds.stats = &stats;
	code = find_bounds(&bounds, &known);
	pmn_file_stats_free(&stats);
	if (code != PMN_OK || !known)
		return false;
	*min = bounds.min;
	*max = bounds.max;
	return true;
}
