/*
 * fdw_overlay_keys.c
 *
 * The keys of a delta heap as a set that batches of the lake are tested
 * against. It holds them in the lake's form, because that is how Paimon tells
 * keys apart, and because batches can then be tested before they are decoded.
 *
 * A batch is hashed a column at a time, one loop for each. A row whose hash is
 * not in the table, as nearly all are, is done; the others are compared value
 * by value. Keys are kept as bytes: eight for what fits into them, else the
 * length and the bytes.
 */
#include "fdw_overlay.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

typedef struct LakeKey
{
	uint64 hash;
	uint32 size;
	const char *data; /* NULL: the place is free */
} LakeKey;

struct PfdwLakeKeys
{
	MemoryContext context;
	MemoryContext scratch; /* of one key that is added */
	const PfdwColumn *columns;
	int count;
	LakeKey *places; /* a power of two of them, half full at most */
	uint32 capacity;
	uint32 used;
	uint64 *hashes; /* of a batch's selected rows */
	uint32 hash_capacity;
	StringInfoData key; /* the one that is compared */
};

#define FIRST_CAPACITY 256

PfdwLakeKeys *
pfdw_lake_keys_create(MemoryContext parent, const PfdwColumn *columns,
					  int count)
{
	MemoryContext context = AllocSetContextCreate(parent, "paimon delta keys",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PfdwLakeKeys *keys = palloc0(sizeof(*keys));

	keys->context = context;
	keys->scratch = AllocSetContextCreate(context, "paimon delta key",
										  ALLOCSET_DEFAULT_SIZES);
	keys->columns = columns;
	keys->count = count;
	keys->capacity = FIRST_CAPACITY;
	keys->places = palloc0(sizeof(LakeKey) * keys->capacity);
	initStringInfo(&keys->key);
	MemoryContextSwitchTo(old);
	return keys;
}

void
pfdw_lake_keys_free(PfdwLakeKeys *keys)
{
	if (keys != NULL)
		MemoryContextDelete(keys->context);
}

Size
pfdw_lake_keys_memory(const PfdwLakeKeys *keys)
{
	return MemoryContextMemAllocated(keys->context, true);
}

/* ---- hashes and bytes --------------------------------------------------- */

static inline uint64
mix(uint64 hash, uint64 value)
{
	hash = (hash ^ value) * UINT64CONST(0x9E3779B97F4A7C15);
	return hash ^ (hash >> 32);
}

static inline uint64
mix_bytes(uint64 hash, PmnBytes bytes)
{
	return mix(hash, hash_bytes_extended(bytes.data, (int) bytes.size, 0));
}

static inline uint64
float_bits(double value)
{
	uint64 bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* Each row of the batch that is selected is x, its hash h. */
#define HASH_EACH(type, expression)                                            \
	do                                                                         \
	{                                                                          \
		const type *values = vector->values;                                   \
		for (uint32 n = 0; n < batch->selected_count; n++)                     \
		{                                                                      \
			type x = values[rows == NULL ? n : rows[n]];                       \
			uint64 h = hashes[n];                                              \
			hashes[n] = (expression);                                          \
		}                                                                      \
	} while (0)

static void
hash_column(const PmnBatch *batch, const PmnVector *vector, uint64 *hashes)
{
	const uint32 *rows = batch->selection;

	switch (vector->kind)
	{
		case PMN_VECTOR_BOOL:
			HASH_EACH(uint8, mix(h, x));
			break;
		case PMN_VECTOR_I32:
			HASH_EACH(int32, mix(h, (uint64) (int64) x));
			break;
		case PMN_VECTOR_I64:
			HASH_EACH(int64, mix(h, (uint64) x));
			break;
		case PMN_VECTOR_F32:
			HASH_EACH(float, mix(h, float_bits((double) x)));
			break;
		case PMN_VECTOR_F64:
			HASH_EACH(double, mix(h, float_bits(x)));
			break;
		case PMN_VECTOR_DEC128:
			HASH_EACH(PmnInt128,
					  mix(mix(h, (uint64) x), (uint64) ((PmnUint128) x >> 64)));
			break;
		case PMN_VECTOR_TS96:
			HASH_EACH(PmnTimestamp,
					  mix(mix(h, (uint64) x.millis), (uint64) x.nano));
			break;
		case PMN_VECTOR_BYTES:
			HASH_EACH(PmnBytes, mix_bytes(h, x));
			break;
		case PMN_VECTOR_NONE:
			Assert(false);
	}
}

static uint64
hash_value(uint64 hash, PmnVectorKind kind, const PmnValue *value)
{
	switch (kind)
	{
		case PMN_VECTOR_BOOL:
		case PMN_VECTOR_I32:
		case PMN_VECTOR_I64:
			return mix(hash, (uint64) value->as.i64);
		case PMN_VECTOR_F32:
		case PMN_VECTOR_F64:
			return mix(hash, float_bits(value->as.f64));
		case PMN_VECTOR_DEC128:
			return mix(mix(hash, (uint64) value->as.dec128),
					   (uint64) ((PmnUint128) value->as.dec128 >> 64));
		case PMN_VECTOR_TS96:
			return mix(mix(hash, (uint64) value->as.ts96.millis),
					   (uint64) value->as.ts96.nano);
		case PMN_VECTOR_BYTES:
			return mix_bytes(hash, value->as.bytes);
		case PMN_VECTOR_NONE:
			break;
	}
	Assert(false);
	return hash;
}

static void
append_value(StringInfo key, PmnVectorKind kind, const PmnValue *value)
{
	uint64 word;

	switch (kind)
	{
		case PMN_VECTOR_BOOL:
		case PMN_VECTOR_I32:
		case PMN_VECTOR_I64:
			appendBinaryStringInfo(key, (const char *) &value->as.i64,
								   sizeof(int64));
			return;
		case PMN_VECTOR_F32:
		case PMN_VECTOR_F64:
			word = float_bits(value->as.f64);
			appendBinaryStringInfo(key, (const char *) &word, sizeof(word));
			return;
		case PMN_VECTOR_DEC128:
			appendBinaryStringInfo(key, (const char *) &value->as.dec128,
								   sizeof(PmnInt128));
			return;
		case PMN_VECTOR_TS96:
			appendBinaryStringInfo(key, (const char *) &value->as.ts96.millis,
								   sizeof(int64));
			appendBinaryStringInfo(key, (const char *) &value->as.ts96.nano,
								   sizeof(int32));
			return;
		case PMN_VECTOR_BYTES:
			appendBinaryStringInfo(key, (const char *) &value->as.bytes.size,
								   sizeof(uint32));
			if (value->as.bytes.size > 0)
				appendBinaryStringInfo(key, (const char *) value->as.bytes.data,
									   (int) value->as.bytes.size);
			return;
		case PMN_VECTOR_NONE:
			Assert(false);
	}
}

static void
get_value(const PmnVector *vector, uint32 row, PmnValue *value)
{
	switch (vector->kind)
	{
		case PMN_VECTOR_BOOL:
			value->as.i64 = ((const uint8 *) vector->values)[row];
			return;
		case PMN_VECTOR_I32:
			value->as.i64 = ((const int32 *) vector->values)[row];
			return;
		case PMN_VECTOR_I64:
			value->as.i64 = ((const int64 *) vector->values)[row];
			return;
		case PMN_VECTOR_F32:
			value->as.f64 = (double) ((const float *) vector->values)[row];
			return;
		case PMN_VECTOR_F64:
			value->as.f64 = ((const double *) vector->values)[row];
			return;
		case PMN_VECTOR_DEC128:
			value->as.dec128 = ((const PmnInt128 *) vector->values)[row];
			return;
		case PMN_VECTOR_TS96:
			value->as.ts96 = ((const PmnTimestamp *) vector->values)[row];
			return;
		case PMN_VECTOR_BYTES:
			value->as.bytes = ((const PmnBytes *) vector->values)[row];
			return;
		case PMN_VECTOR_NONE:
			Assert(false);
	}
}

/* ---- the table ---------------------------------------------------------- */

static uint32
free_place(const LakeKey *places, uint32 capacity, uint64 hash)
{
	uint32 at = (uint32) hash & (capacity - 1);

	while (places[at].data != NULL)
		at = (at + 1) & (capacity - 1);
	return at;
}

static void
grow(PfdwLakeKeys *keys)
{
	uint32 capacity = keys->capacity * 2;
	LakeKey *places = MemoryContextAllocExtended(
		keys->context, sizeof(LakeKey) * (Size) capacity,
		MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (uint32 i = 0; i < keys->capacity; i++)
	{
		if (keys->places[i].data != NULL)
			places[free_place(places, capacity, keys->places[i].hash)] =
				keys->places[i];
	}
	pfree(keys->places);
	keys->places = places;
	keys->capacity = capacity;
}

/* A key that the lake's types cannot hold is in no row of the lake. */
void
pfdw_lake_keys_add(PfdwLakeKeys *keys, const Datum *values)
{
	MemoryContext old;
	uint64 hash = 0;
	bool fits = true;
	LakeKey *place;
	char *data;

	MemoryContextReset(keys->scratch);
	old = MemoryContextSwitchTo(keys->scratch);
	resetStringInfo(&keys->key);
	for (int i = 0; fits && i < keys->count; i++)
	{
		const PfdwColumn *column = &keys->columns[i];
		PmnVectorKind kind = pmn_type_vector_kind(column->type);
		PmnValue value;

		fits =
			pfdw_key_from_datum(column->type, column->typid, values[i], &value);
		if (!fits)
			continue;
		hash = hash_value(hash, kind, &value);
		append_value(&keys->key, kind, &value);
	}
	MemoryContextSwitchTo(old);
	if (!fits)
		return;
	if (keys->used >= keys->capacity / 2)
		grow(keys);
	data = MemoryContextAlloc(keys->context, Max(keys->key.len, 1));
	memcpy(data, keys->key.data, keys->key.len);
	place = &keys->places[free_place(keys->places, keys->capacity, hash)];
	place->hash = hash;
	place->size = (uint32) keys->key.len;
	place->data = data;
	keys->used++;
}

static bool
is_equal(PfdwLakeKeys *keys, const LakeKey *place, const PmnBatch *batch,
		 const int *positions, uint32 row)
{
	resetStringInfo(&keys->key);
	for (int i = 0; i < keys->count; i++)
	{
		const PmnVector *vector = &batch->columns[positions[i]];
		PmnValue value;

		if (vector->nulls != NULL && vector->nulls[row])
			return false;
		get_value(vector, row, &value);
		append_value(&keys->key, vector->kind, &value);
	}
	return place->size == (uint32) keys->key.len &&
		   memcmp(place->data, keys->key.data, place->size) == 0;
}

uint32
pfdw_lake_keys_exclude(PfdwLakeKeys *keys, const PmnBatch *batch,
					   const int *positions, uint32 *out)
{
	uint32 mask = keys->capacity - 1;
	uint32 kept = 0;

	if (keys->hash_capacity < batch->selected_count)
	{
		keys->hash_capacity = Max(batch->selected_count, PMN_BATCH_ROWS);
		keys->hashes = MemoryContextAlloc(keys->context,
										  sizeof(uint64) * keys->hash_capacity);
	}
	memset(keys->hashes, 0, sizeof(uint64) * batch->selected_count);
	for (int i = 0; i < keys->count; i++)
		hash_column(batch, &batch->columns[positions[i]], keys->hashes);
	for (uint32 n = 0; n < batch->selected_count; n++)
	{
		uint64 hash = keys->hashes[n];
		uint32 row = batch->selection == NULL ? n : batch->selection[n];
		uint32 at = (uint32) hash & mask;

		while (keys->places[at].data != NULL &&
			   (keys->places[at].hash != hash ||
				!is_equal(keys, &keys->places[at], batch, positions, row)))
			at = (at + 1) & mask;
		if (keys->places[at].data == NULL)
			out[kept++] = row;
	}
	return kept;
}
