/*
 * fdw_look_up.c
 *
 * One row by its key, as it is now or under a snapshot. Who has claimed a
 * key asks here whether what its statement read of it is still true.
 *
 * The table stays open between look-ups; the newest state is read anew when
 * somebody has committed or published since. It is that of the lake and of
 * files on their way there: what the delta heap has of a key, its claim has
 * told. Under a snapshot, the heap's rows are looked at too.
 */
#include "fdw_writer.h"

#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"

struct PfdwLookUp
{
	MemoryContext context;
	Relation relation;
	const AttrNumber *key_attnums;
	int key_count;
	Snapshot snapshot;	/* NULL: the newest state */
	PfdwReader *reader; /* NULL: to be opened */
};

PfdwLookUp *
pfdw_look_up_create(MemoryContext parent, Relation relation,
					const AttrNumber *key_attnums, int key_count,
					Snapshot snapshot)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "paimon look-up", ALLOCSET_SMALL_SIZES);
	PfdwLookUp *look_up = MemoryContextAllocZero(context, sizeof(*look_up));

	look_up->context = context;
	look_up->key_attnums = key_attnums;
	look_up->key_count = key_count;
	look_up->relation = relation;
	look_up->snapshot = snapshot;
	return look_up;
}

void
pfdw_look_up_free(PfdwLookUp *look_up)
{
	if (look_up == NULL)
		return;
	pfdw_reader_close(look_up->reader);
	MemoryContextDelete(look_up->context);
}

static void
open_reader(PfdwLookUp *look_up)
{
	PfdwReader *reader = look_up->reader;

	if (reader != NULL &&
		(look_up->snapshot != NULL || pfdw_view_is_current(&reader->view)))
	{
		pfdw_reader_unplan(reader);
		return;
	}
	pfdw_reader_close(reader);
	reader = pfdw_reader_create(look_up->context, look_up->relation);
	look_up->reader = reader;
	reader->ignores_as_of = true;
	reader->ignores_delta = look_up->snapshot == NULL;
	reader->snapshot = look_up->snapshot;
	reader->is_look_up = true;
	pfdw_reader_open(reader, false);
	pfdw_reader_project(reader, NULL, true);
}

/* "a = 1 AND b = 2", as far as storage can say it; in the current context. */
static const PmnPredicate *
make_predicate(const PfdwLookUp *look_up, TupleTableSlot *key)
{
	const PmnSchema *schema = look_up->reader->table->schema;
	TupleDesc tupdesc = RelationGetDescr(look_up->relation);
	int size = look_up->key_count;
	PmnPredicate *all = palloc0(sizeof(*all));
	PmnPredicate *leaves = palloc0(sizeof(*leaves) * size);
	const PmnPredicate **children = palloc0(sizeof(*children) * size);
	PmnValue *literals = pfdw_alloc_aligned(sizeof(*literals) * size);
	uint32 count = 0;

	for (int k = 0; k < size; k++)
	{
		AttrNumber attnum = look_up->key_attnums[k];
		int32 field = pmn_schema_field_index(schema, schema->primary_keys[k]);
		bool is_null;
		Datum value = slot_getattr(key, attnum, &is_null);

		if (is_null ||
			!pfdw_key_from_datum(&schema->fields[field].type,
								 TupleDescAttr(tupdesc, attnum - 1)->atttypid,
								 value, &literals[count]))
			continue;
		leaves[count].op = PMN_PREDICATE_EQ;
		leaves[count].field = field;
		leaves[count].literals = &literals[count];
		leaves[count].literal_count = 1;
		children[count] = &leaves[count];
		count++;
	}
	if (count <= 1)
		return count == 0 ? NULL : children[0];
	all->op = PMN_PREDICATE_AND;
	all->children = children;
	all->child_count = count;
	return all;
}

/* A row of the batch as one of the foreign table. */
static void
fetch_row(const PfdwReader *reader, uint32 row, TupleTableSlot *out)
{
	int natts = out->tts_tupleDescriptor->natts;

	ExecClearTuple(out);
	memset(out->tts_values, 0, sizeof(Datum) * natts);
	memset(out->tts_isnull, 1, sizeof(bool) * natts);
	for (int i = 0; i < reader->needed_count; i++)
	{
		int at = reader->needed[i].attnum - 1;

		out->tts_values[at] = reader->decoder->values[i][row];
		out->tts_isnull[at] = reader->decoder->nulls[i][row];
	}
	ExecStoreVirtualTuple(out);
}

bool
pfdw_look_up_find(PfdwLookUp *look_up, TupleTableSlot *key, TupleTableSlot *out)
{
	MemoryContext context = AllocSetContextCreate(
		look_up->context, "paimon look-up key", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PfdwKeySet *keys =
		pfdw_keyset_create(context, RelationGetDescr(look_up->relation),
						   look_up->key_attnums, look_up->key_count);
	PfdwReader *reader;
	bool found = false;

	(void) pfdw_keyset_add(keys, key);
	open_reader(look_up);
	reader = look_up->reader;
	pfdw_reader_plan_predicate(reader, make_predicate(look_up, key));
	while (!found && pfdw_reader_next_batch(reader))
	{
		for (uint32 n = 0; !found && n < reader->row_count; n++)
		{
			fetch_row(reader, pfdw_reader_row(reader, n), out);
			found = pfdw_keyset_has(keys, out);
		}
	}
	if (found)
		ExecMaterializeSlot(out);
	else
		ExecClearTuple(out);
	MemoryContextSwitchTo(old);
	pfdw_reader_unplan(reader);
	MemoryContextDelete(context);
	return found;
}

bool
pfdw_row_is_same(TupleTableSlot *left, TupleTableSlot *right)
{
	TupleDesc tupdesc = left->tts_tupleDescriptor;

	slot_getallattrs(left);
	slot_getallattrs(right);
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (attribute->attisdropped)
			continue;
		if (left->tts_isnull[i] != right->tts_isnull[i])
			return false;
		if (!left->tts_isnull[i] &&
			!datum_image_eq(left->tts_values[i], right->tts_values[i],
							attribute->attbyval, attribute->attlen))
			return false;
	}
	return true;
}
