/*
 * table_split_join.c
 *
 * Data evolution: which files of a bucket are together. Rows have ids, and a
 * file holds those from its first one on; files whose ranges overlap, be it
 * over others, hold columns of the same rows (format/metadata.md 8.7.1). A
 * file that shares its rows with no other is read like any other file.
 */
#include <stdlib.h>

#include "table_scan.h"

static int
compare_row_ids(const void *a, const void *b)
{
	const PmnDataFile *x = *(const PmnDataFile *const *) a;
	const PmnDataFile *y = *(const PmnDataFile *const *) b;

	if (x->first_row_id != y->first_row_id)
		return x->first_row_id < y->first_row_id ? -1 : 1;
	return pmn_bytes_compare(x->file_name, y->file_name);
}

static PmnCode
check_file(PmnScan *scan, const PmnDataFile *file)
{
	if (!file->has_first_row_id)
		return pmn_fail(scan->env, PMN_UNSUPPORTED,
						"file \"%.*s\" of table \"%s\" has no row ids, as "
						"data evolution needs them",
						(int) file->file_name.size,
						(const char *) file->file_name.data, scan->table->name);
	return PMN_OK;
}

/* Decoding has checked this for files; messages are our own. */
static int64_t
range_end(const PmnDataFile *file)
{
	return file->first_row_id + (file->row_count > 0 ? file->row_count : 0);
}

PmnCode
pmn_split_joins(PmnScan *scan, const PmnDataFile **files, uint32_t count,
				uint32_t *alone_count, PmnJoin **joins, uint32_t *join_count)
{
	uint32_t begin = 0;

	for (uint32_t i = 0; i < count; i++)
		PMN_TRY(check_file(scan, files[i]));
	qsort(files, count, sizeof(*files), compare_row_ids);
	while (begin < count)
	{
		int64_t end_id = range_end(files[begin]);
		uint32_t end = begin + 1;

		PMN_TRY(pmn_poll(scan->env));
		while (end < count && files[end]->first_row_id < end_id)
		{
			if (range_end(files[end]) > end_id)
				end_id = range_end(files[end]);
			end++;
		}
		if (end - begin == 1 && !pmn_data_file_is_blob(files[begin]))
			files[(*alone_count)++] = files[begin];
		else
			PMN_TRY(pmn_join_make(&scan->table->lsm, scan->arena, &files[begin],
								  end - begin, &joins[(*join_count)++]));
		begin = end;
	}
	return PMN_OK;
}
