/*
 * table_inspect_indexes.c
 *
 * System table "table_indexes": the index files of a snapshot, which its index
 * manifest lists in full. Where deletion vectors lie in a file is shown as
 * an array of objects with the names of the manifest's own fields; what a
 * global index covers, by rows and by columns of today.
 */
#include "table_inspect.h"

#include <string.h>

#include "../codec/codec_json.h"
#include "../meta/meta_index_manifest.h"

static PmnCode
copy_bytes(PmnInspector *inspector, PmnBytes bytes, const char **out)
{
	*out = pmn_arena_string_n(inspector->row, (const char *) bytes.data,
							  bytes.size);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

static PmnCode
print_ranges(PmnInspector *inspector, const PmnIndexEntry *entry,
			 const char **out)
{
	const PmnDeletionRange *ranges = entry->ranges.items;
	PmnJsonWriter writer;

	*out = NULL;
	if (!entry->has_ranges)
		return PMN_OK;
	pmn_buffer_reset(&inspector->text);
	pmn_json_writer_init(&writer, &inspector->text, 0);
	pmn_json_begin_array(&writer, NULL);
	for (uint32_t i = 0; i < entry->ranges.count; i++)
	{
		const char *file = NULL;

		PMN_TRY(copy_bytes(inspector, ranges[i].data_file, &file));
		pmn_json_begin_object(&writer, NULL);
		pmn_json_put_string(&writer, "f0", file);
		pmn_json_put_int64(&writer, "f1", ranges[i].offset);
		pmn_json_put_int64(&writer, "f2", ranges[i].length);
		if (ranges[i].has_cardinality)
			pmn_json_put_int64(&writer, "_CARDINALITY", ranges[i].cardinality);
		else
			pmn_json_put_string(&writer, "_CARDINALITY", NULL);
		pmn_json_end(&writer);
	}
	pmn_json_end(&writer);
	PMN_TRY(pmn_json_writer_finish(&writer));
	return pmn_inspect_take(inspector, out);
}

/* Name of a field by id; NULL when the schema has it no more. */
static const char *
field_name(const PmnSchema *schema, int32_t id)
{
	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		if (schema->fields[i].id == id)
			return schema->fields[i].name;
	}
	return NULL;
}

/* "a,b"; null when one of the columns is gone. */
static PmnCode
print_fields(PmnInspector *inspector, const PmnGlobalIndex *global,
			 const char **out)
{
	const PmnSchema *schema = inspector->table->lsm.schema;
	const int32_t *extra = global->extra_field_ids.items;
	const char *name = field_name(schema, global->field_id);

	*out = NULL;
	pmn_buffer_reset(&inspector->text);
	if (name == NULL)
		return PMN_OK;
	PMN_TRY(pmn_buffer_string(&inspector->text, name));
	for (uint32_t i = 0; i < global->extra_field_ids.count; i++)
	{
		name = field_name(schema, extra[i]);
		if (name == NULL)
			return PMN_OK;
		PMN_TRY(pmn_buffer_format(&inspector->text, ",%s", name));
	}
	return pmn_inspect_take(inspector, out);
}

static PmnCode
put_index(PmnInspector *inspector, const PmnIndexEntry *entry)
{
	const PmnLsm *lsm = &inspector->table->lsm;
	const char *partition = NULL;
	const char *type = NULL;
	const char *name = NULL;
	const char *ranges = NULL;
	const char *fields = NULL;

	PMN_TRY(pmn_inspect_row(inspector, entry->partition, lsm->partition_types,
							lsm->partition_count, '{', '}', &partition));
	PMN_TRY(copy_bytes(inspector, entry->index_type, &type));
	PMN_TRY(copy_bytes(inspector, entry->file_name, &name));
	PMN_TRY(print_ranges(inspector, entry, &ranges));
	if (entry->has_global)
		PMN_TRY(print_fields(inspector, &entry->global, &fields));
	pmn_inspect_text(inspector, partition);
	pmn_inspect_number(inspector, entry->bucket, true);
	pmn_inspect_text(inspector, type);
	pmn_inspect_text(inspector, name);
	pmn_inspect_number(inspector, entry->file_size, true);
	pmn_inspect_number(inspector, entry->row_count, true);
	pmn_inspect_text(inspector, ranges);
	pmn_inspect_number(inspector, entry->global.row_range_start,
					   entry->has_global);
	pmn_inspect_number(inspector, entry->global.row_range_end,
					   entry->has_global);
	pmn_inspect_number(inspector, entry->global.field_id, entry->has_global);
	pmn_inspect_text(inspector, fields);
	return pmn_inspect_emit(inspector);
}

PmnCode
pmn_inspect_table_indexes(PmnInspector *inspector)
{
	PmnTable *table = inspector->table;
	PmnIndexEntryList entries = {NULL, 0, 0};
	PmnCode code;

	if (inspector->snapshot->index_manifest == NULL)
		return PMN_OK;
	code = pmn_index_manifest_read(
		table->fs, inspector->arena, &table->lsm.path,
		inspector->snapshot->index_manifest, NULL, &entries);
	for (size_t i = 0;
		 code == PMN_OK && i < entries.count && !inspector->is_stopped; i++)
		code = put_index(inspector, &entries.items[i]);
	pmn_array_free(inspector->env, &entries);
	return code;
}
