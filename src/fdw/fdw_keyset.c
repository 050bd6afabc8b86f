/*
 * fdw_keyset.c
 *
 * A set of primary keys. Paimon compares keys by their bytes, and so does the
 * set: each key is flattened into one byte string (a null flag, then eight
 * bytes or a length and the bytes, for each column), and strings are kept in
 * a hash table. Numerics lose trailing zeros first, as 1.0 and 1.00 are one
 * decimal.
 */
#include "fdw_writer.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

typedef struct KeyEntry
{
	const char *data; /* its size in four bytes, then the flattened key */
	uint32 hash;
	char status;
} KeyEntry;

static inline uint32
key_size(const char *key)
{
	uint32 size;

	memcpy(&size, key, sizeof(size));
	return size;
}

static inline uint32
key_hash(const char *key)
{
	return hash_bytes((const unsigned char *) key + sizeof(uint32),
					  (int) key_size(key));
}

static inline bool
key_equal(const char *left, const char *right)
{
	uint32 size = key_size(left);

	return size == key_size(right) &&
		   memcmp(left + sizeof(uint32), right + sizeof(uint32), size) == 0;
}

#define SH_PREFIX keytable
#define SH_ELEMENT_TYPE KeyEntry
#define SH_KEY_TYPE const char *
#define SH_KEY data
#define SH_HASH_KEY(table, key) key_hash(key)
#define SH_EQUAL(table, left, right) key_equal(left, right)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PfdwKeySet
{
	MemoryContext context;
	MemoryContext scratch;
	keytable_hash *table;
	TupleDesc tupdesc;
	const AttrNumber *attnums;
	int count;
	Datum *values;
	bool *nulls;
	Datum *first_values; /* of the first key column, while there are few */
	int first_count;
};

/* Up to so many keys, a search for them is worth an IN list. */
#define FIRST_VALUES_MAX 1000

PfdwKeySet *
pfdw_keyset_create(MemoryContext parent, TupleDesc tupdesc,
				   const AttrNumber *attnums, int count)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "paimon keys", ALLOCSET_DEFAULT_SIZES);
	PfdwKeySet *set = MemoryContextAllocZero(context, sizeof(*set));

	Assert(count > 0);
	set->context = context;
	set->scratch = AllocSetContextCreate(context, "paimon key scratch",
										 ALLOCSET_DEFAULT_SIZES);
	set->table = keytable_create(context, 64, NULL);
	set->tupdesc = tupdesc;
	set->attnums = attnums;
	set->count = count;
	set->values = MemoryContextAlloc(context, sizeof(Datum) * count);
	set->nulls = MemoryContextAlloc(context, sizeof(bool) * count);
	set->first_values =
		MemoryContextAlloc(context, sizeof(Datum) * FIRST_VALUES_MAX);
	return set;
}

void
pfdw_keyset_free(PfdwKeySet *set)
{
	if (set != NULL)
		MemoryContextDelete(set->context);
}

static void
append_value(StringInfo key, Form_pg_attribute attribute, Datum value)
{
	if (attribute->atttypid == NUMERICOID)
		value = DirectFunctionCall1(numeric_trim_scale, value);
	if (attribute->attbyval)
		appendBinaryStringInfo(key, (char *) &value, sizeof(value));
	else if (attribute->attlen == -1)
	{
		struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);
		uint32 size = VARSIZE_ANY_EXHDR(bytes);

		appendBinaryStringInfo(key, (char *) &size, sizeof(size));
		appendBinaryStringInfo(key, VARDATA_ANY(bytes), size);
	}
	else if (attribute->attlen > 0)
		appendBinaryStringInfo(key, DatumGetPointer(value), attribute->attlen);
	else
		appendStringInfoString(key, DatumGetCString(value));
}

/* In the scratch context, until its next reset. */
static char *
flatten(PfdwKeySet *set, const Datum *values, const bool *nulls, uint32 *size)
{
	MemoryContext old;
	StringInfoData key;
	uint32 body;

	MemoryContextReset(set->scratch);
	old = MemoryContextSwitchTo(set->scratch);
	initStringInfo(&key);
	appendStringInfoSpaces(&key, sizeof(uint32));
	for (int i = 0; i < set->count; i++)
	{
		appendStringInfoChar(&key, nulls[i] ? 1 : 0);
		if (!nulls[i])
			append_value(&key, TupleDescAttr(set->tupdesc, set->attnums[i] - 1),
						 values[i]);
	}
	body = (uint32) key.len - sizeof(uint32);
	memcpy(key.data, &body, sizeof(body));
	MemoryContextSwitchTo(old);
	*size = (uint32) key.len;
	return key.data;
}

bool
pfdw_keyset_add(PfdwKeySet *set, TupleTableSlot *slot)
{
	uint32 size;
	char *key;
	char *copy;
	bool found;

	for (int i = 0; i < set->count; i++)
		set->values[i] = slot_getattr(slot, set->attnums[i], &set->nulls[i]);
	key = flatten(set, set->values, set->nulls, &size);
	if (keytable_lookup(set->table, key) != NULL)
		return false;
	copy = MemoryContextAlloc(set->context, size);
	memcpy(copy, key, size);
	(void) keytable_insert(set->table, copy, &found);
	Assert(!found);
	if (set->first_count < FIRST_VALUES_MAX && !set->nulls[0])
	{
		Form_pg_attribute attribute =
			TupleDescAttr(set->tupdesc, set->attnums[0] - 1);
		MemoryContext old = MemoryContextSwitchTo(set->context);

		set->first_values[set->first_count++] =
			datumCopy(set->values[0], attribute->attbyval, attribute->attlen);
		MemoryContextSwitchTo(old);
	}
	return true;
}

bool
pfdw_keyset_has(PfdwKeySet *set, TupleTableSlot *slot)
{
	for (int i = 0; i < set->count; i++)
		set->values[i] = slot_getattr(slot, set->attnums[i], &set->nulls[i]);
	return pfdw_keyset_contains(set, set->values, set->nulls);
}

bool
pfdw_keyset_contains(PfdwKeySet *set, const Datum *values, const bool *nulls)
{
	uint32 size;

	return keytable_lookup(set->table, flatten(set, values, nulls, &size)) !=
		   NULL;
}

/* In the current memory context; NULL when there are too many keys. */
const PmnPredicate *
pfdw_keyset_predicate(const PfdwKeySet *set, int32 field,
					  const PmnSchema *schema)
{
	Form_pg_attribute attribute =
		TupleDescAttr(set->tupdesc, set->attnums[0] - 1);
	PmnPredicate *predicate;
	PmnValue *literals;

	Assert(field >= 0);
	if (set->table->members != (uint32) set->first_count)
		return NULL;
	predicate = palloc0(sizeof(*predicate));
	/* A PmnValue may hold a 16-byte integer; palloc aligns to 8 only. */
	literals = (PmnValue *) TYPEALIGN(
		16, palloc0(sizeof(PmnValue) * (set->first_count + 1)));
	for (int i = 0; i < set->first_count; i++)
	{
		if (!pfdw_value_from_datum(&schema->fields[field].type,
								   attribute->atttypid, set->first_values[i],
								   &literals[i]))
			return NULL;
	}
	predicate->op = PMN_PREDICATE_IN;
	predicate->field = field;
	predicate->literals = literals;
	predicate->literal_count = (uint32) set->first_count;
	return predicate;
}

int64
pfdw_keyset_count(const PfdwKeySet *set)
{
	return set->table->members;
}

char *
pfdw_keyset_describe(PfdwKeySet *set, const Datum *values, const bool *nulls)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < set->count; i++)
	{
		Form_pg_attribute attribute =
			TupleDescAttr(set->tupdesc, set->attnums[i] - 1);

		appendStringInfo(&text, "%s%s", i == 0 ? "(" : ", ",
						 NameStr(attribute->attname));
	}
	for (int i = 0; i < set->count; i++)
	{
		Form_pg_attribute attribute =
			TupleDescAttr(set->tupdesc, set->attnums[i] - 1);
		Oid output;
		bool is_varlena;

		getTypeOutputInfo(attribute->atttypid, &output, &is_varlena);
		appendStringInfo(&text, "%s%s", i == 0 ? ")=(" : ", ",
						 nulls[i] ? "null"
								  : OidOutputFunctionCall(output, values[i]));
	}
	appendStringInfoChar(&text, ')');
	return text.data;
}
