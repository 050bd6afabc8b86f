/*
 * fdw_shape.c
 *
 * Rows as the lake will give them back.
 *
 * A row of the delta heap is read before and after it is moved to a file, and
 * must be the same row: spellings that the lake does not keep (a map's null
 * entries in jsonb, a time zone's offset) are lost at once, and what a type
 * of the lake can't hold is refused by the statement that writes it. So each
 * row is encoded for the lake and decoded again on its way into the heap.
 */
#include "fdw_writer.h"

#include "utils/memutils.h"

struct PfdwShaper
{
	MemoryContext row_context; /* what the last row points to */
	PfdwEncoder *encoder;
	PfdwDecoder *decoder;
	PfdwColumn *columns;
	int column_count;
	PmnBatch batch; /* columns of the encoder's that attributes have */
	TupleTableSlot *slot;
};

PfdwShaper *
pfdw_shaper_create(PfdwWriter *writer)
{
	PfdwShaper *shaper = palloc0(sizeof(*shaper));

	shaper->row_context = AllocSetContextCreate(
		writer->context, "paimon row shape", ALLOCSET_DEFAULT_SIZES);
	shaper->columns = writer->columns;
	shaper->column_count = writer->column_count;
	shaper->encoder = pfdw_encoder_create(
		writer->table->schema, writer->columns, writer->column_count);
	shaper->decoder =
		pfdw_decoder_create(writer->columns, writer->column_count);
	shaper->batch.columns =
		palloc0(sizeof(PmnVector) * (writer->column_count + 1));
	shaper->batch.column_count = (uint32) writer->column_count;
	shaper->slot = MakeSingleTupleTableSlot(writer->tupdesc, &TTSOpsVirtual);
	return shaper;
}

void
pfdw_shaper_free(PfdwShaper *shaper)
{
	if (shaper != NULL)
		ExecDropSingleTupleTableSlot(shaper->slot);
}

/* Decoding writes a header in front of each value. */
static void
make_room(PfdwShaper *shaper, PmnVector *vector)
{
	PmnBytes *from = vector->values;
	PmnBytes *to;
	uint8_t *data;

	if (vector->kind != PMN_VECTOR_BYTES)
		return;
	to = MemoryContextAllocZero(shaper->row_context, sizeof(*to));
	vector->values = to;
	if (vector->nulls != NULL && vector->nulls[0] != 0)
		return;
	data = MemoryContextAllocHuge(shaper->row_context,
								  (Size) from->size + PMN_BYTES_HEADROOM + 1);
	if (from->size > 0)
		memcpy(data + PMN_BYTES_HEADROOM, from->data, from->size);
	to->data = data + PMN_BYTES_HEADROOM;
	to->size = from->size;
}

TupleTableSlot *
pfdw_shape(PfdwShaper *shaper, TupleTableSlot *row, Size *bytes)
{
	TupleTableSlot *slot = shaper->slot;
	int natts = slot->tts_tupleDescriptor->natts;
	const PmnBatch *batch;
	const uint8_t *kinds;
	MemoryContext old;

	ExecClearTuple(slot);
	MemoryContextReset(shaper->row_context);
	pfdw_encoder_reset(shaper->encoder);
	old = MemoryContextSwitchTo(shaper->row_context);
	pfdw_encode_slot(shaper->encoder, row, PMN_INSERT);
	*bytes = pfdw_encoder_bytes(shaper->encoder);
	batch = pfdw_encoder_batch(shaper->encoder, &kinds);
	for (int i = 0; i < shaper->column_count; i++)
	{
		shaper->batch.columns[i] = batch->columns[shaper->columns[i].field];
		make_room(shaper, &shaper->batch.columns[i]);
	}
	shaper->batch.row_count = 1;
	shaper->batch.selected_count = 1;
	pfdw_decode_batch(shaper->decoder, &shaper->batch);
	MemoryContextSwitchTo(old);
	memset(slot->tts_values, 0, sizeof(Datum) * natts);
	memset(slot->tts_isnull, 1, sizeof(bool) * natts);
	for (int i = 0; i < shaper->column_count; i++)
	{
		int at = shaper->columns[i].attnum - 1;

		slot->tts_values[at] = shaper->decoder->values[i][0];
		slot->tts_isnull[at] = shaper->decoder->nulls[i][0];
	}
	return ExecStoreVirtualTuple(slot);
}
