/*
 * fdw_strict.c
 *
 * insert_mode 'strict': an INSERT whose key is in the table already raises
 * 23505, as a primary key would. Duplicates inside the statement are met when
 * a row comes; those against the table at the end of the statement, by one
 * read of the key columns. Few keys narrow that read to an IN list on the
 * first key column. Meanwhile other sessions of this database are kept out by
 * a lock on the table or, where rows go to a delta heap, by the claims on
 * their keys; what the heap has of them the claims have met already.
 */
#include "fdw_writer.h"

#include "access/table.h"
#include "utils/memutils.h"
#include "utils/rel.h"

void
pfdw_strict_fail(PfdwWriter *writer, PfdwKeySet *set, const Datum *values,
				 const bool *nulls)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("duplicate key value violates the primary key of foreign "
					"table \"%s\"",
					pfdw_name_from_lake(writer->options->ref.table)),
			 errdetail("Key %s already exists.",
					   pfdw_keyset_describe(set, values, nulls))));
}

/* Position in reader->needed of each key column. */
static int *
key_positions(PfdwWriter *writer, PfdwReader *reader)
{
	int *positions = palloc(sizeof(int) * writer->key_count);

	for (int k = 0; k < writer->key_count; k++)
	{
		positions[k] = -1;
		for (int i = 0; i < reader->needed_count; i++)
		{
			if (reader->needed[i].attnum == writer->key_attnums[k])
				positions[k] = i;
		}
		Assert(positions[k] >= 0);
	}
	return positions;
}

static void
check_batch(PfdwWriter *writer, PfdwReader *reader, PfdwKeySet *keys,
			const int *positions)
{
	Datum *values = palloc(sizeof(Datum) * writer->key_count);
	bool *nulls = palloc(sizeof(bool) * writer->key_count);

	for (uint32 n = 0; n < reader->row_count; n++)
	{
		uint32 row = pfdw_reader_row(reader, n);

		for (int k = 0; k < writer->key_count; k++)
		{
			values[k] = reader->decoder->values[positions[k]][row];
			nulls[k] = reader->decoder->nulls[positions[k]][row];
		}
		if (!pfdw_keyset_contains(keys, values, nulls))
			continue;
		/* A row that this statement moved away or deleted is no duplicate. */
		if (writer->modified == NULL ||
			!pfdw_keyset_contains(writer->modified, values, nulls))
			pfdw_strict_fail(writer, keys, values, nulls);
	}
	pfree(values);
	pfree(nulls);
}

void
pfdw_strict_check(PfdwWriter *writer, Relation relation, PfdwKeySet *keys,
				  bool in_delta)
{
	const PmnSchema *schema = writer->table->schema;
	PfdwReader *reader;
	Bitmapset *attnums = NULL;
	MemoryContext old;
	int *positions;

	if (pfdw_keyset_count(keys) == 0)
		return;
	old = MemoryContextSwitchTo(writer->context);
	for (int k = 0; k < writer->key_count; k++)
		attnums = bms_add_member(attnums, writer->key_attnums[k]);
	reader = pfdw_reader_create(writer->context, relation);
	reader->ignores_as_of = true;
	reader->ignores_delta = !in_delta;
	pfdw_reader_open(reader, !writer->takes_rows);
	pfdw_reader_project(reader, attnums, false);
	pfdw_reader_plan_predicate(
		reader,
		pfdw_keyset_predicate(
			keys, pmn_schema_field_index(schema, schema->primary_keys[0]),
			schema));
	positions = key_positions(writer, reader);
	while (pfdw_reader_next_batch(reader))
		check_batch(writer, reader, keys, positions);
	pfdw_reader_close(reader);
	MemoryContextSwitchTo(old);
}
