/*
 * meta_manifest_entry.c
 *
 * What one does with decoded entries: copy, compare, cancel, and the
 * statistics inside them.
 *
 * An entry's identity is (partition, bucket, level, file name, extra files,
 * embedded index, external path). The level is part of it: moving a file up
 * without rewriting is a DELETE and an ADD of the same name. Cancelling uses
 * an open-addressing table of positions, at most half full, so a snapshot of
 * a million files costs a few passes over memory and no allocation per entry.
 */
#include "meta_manifest_internal.h"

/* ---- copies ----------------------------------------------------------- */

PmnCode
pmn_bytes_copy(PmnArena *arena, PmnBytes *bytes)
{
	void *copy = pmn_arena_copy(arena, bytes->data, bytes->size);

	if (copy == NULL)
		return PMN_NO_MEMORY;
	bytes->data = copy;
	return PMN_OK;
}

static PmnCode
copy_longs(PmnArena *arena, PmnAvroArray *array)
{
	array->items =
		pmn_arena_copy(arena, array->items, array->count * sizeof(int64_t));
	return array->items == NULL ? PMN_NO_MEMORY : PMN_OK;
}

static PmnCode
copy_names(PmnArena *arena, PmnAvroArray *array)
{
	PmnBytes *names =
		pmn_arena_copy(arena, array->items, array->count * sizeof(PmnBytes));

	if (names == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < array->count; i++)
		PMN_TRY(pmn_bytes_copy(arena, &names[i]));
	array->items = names;
	return PMN_OK;
}

PmnCode
pmn_simple_stats_copy(PmnArena *arena, PmnSimpleStats *stats)
{
	PMN_TRY(pmn_bytes_copy(arena, &stats->min_values));
	PMN_TRY(pmn_bytes_copy(arena, &stats->max_values));
	return copy_longs(arena, &stats->null_counts);
}

/* The struct was copied; give it bytes of its own. */
static PmnCode
own_file(PmnArena *arena, PmnDataFile *file)
{
	PMN_TRY(pmn_bytes_copy(arena, &file->file_name));
	PMN_TRY(pmn_bytes_copy(arena, &file->min_key));
	PMN_TRY(pmn_bytes_copy(arena, &file->max_key));
	PMN_TRY(pmn_simple_stats_copy(arena, &file->key_stats));
	PMN_TRY(pmn_simple_stats_copy(arena, &file->value_stats));
	PMN_TRY(copy_names(arena, &file->extra_files));
	if (file->has_embedded_index)
		PMN_TRY(pmn_bytes_copy(arena, &file->embedded_index));
	if (file->has_value_stats_cols)
		PMN_TRY(copy_names(arena, &file->value_stats_cols));
	if (file->has_external_path)
		PMN_TRY(pmn_bytes_copy(arena, &file->external_path));
	if (file->has_write_cols)
		PMN_TRY(copy_names(arena, &file->write_cols));
	if (file->has_write_cols_sequences)
		PMN_TRY(copy_longs(arena, &file->write_cols_sequences));
	return PMN_OK;
}

PmnCode
pmn_manifest_entry_copy(PmnArena *arena, const PmnManifestEntry *src,
						PmnManifestEntry *dst)
{
	*dst = *src;
	PMN_TRY(pmn_bytes_copy(arena, &dst->partition));
	return own_file(arena, &dst->file);
}

/* ---- identity --------------------------------------------------------- */

uint64_t
pmn_entry_hash(const PmnManifestEntry *entry)
{
	uint64_t hash = ((uint64_t) (uint32_t) entry->bucket << 32) |
					(uint32_t) entry->file.level;

	/* The rest of the identity hardly ever differs between equal names. */
	hash = pmn_hash_bytes(hash, entry->partition.data, entry->partition.size);
	return pmn_hash_bytes(hash, entry->file.file_name.data,
						  entry->file.file_name.size);
}

static bool
names_are_equal(const PmnAvroArray *a, const PmnAvroArray *b)
{
	const PmnBytes *left = a->items;
	const PmnBytes *right = b->items;

	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
	{
		if (!pmn_bytes_equal(left[i], right[i]))
			return false;
	}
	return true;
}

static bool
optional_are_equal(bool has_a, PmnBytes a, bool has_b, PmnBytes b)
{
	return has_a == has_b && (!has_a || pmn_bytes_equal(a, b));
}

bool
pmn_entry_same(const PmnManifestEntry *a, const PmnManifestEntry *b)
{
	const PmnDataFile *left = &a->file;
	const PmnDataFile *right = &b->file;

	return a->bucket == b->bucket && left->level == right->level &&
		   pmn_bytes_equal(left->file_name, right->file_name) &&
		   pmn_bytes_equal(a->partition, b->partition) &&
		   names_are_equal(&left->extra_files, &right->extra_files) &&
		   optional_are_equal(left->has_embedded_index, left->embedded_index,
							  right->has_embedded_index,
							  right->embedded_index) &&
		   optional_are_equal(left->has_external_path, left->external_path,
							  right->has_external_path, right->external_path);
}

/* ---- cancelling ------------------------------------------------------- */

#define SLOT_EMPTY UINT32_MAX

/* A part of the hash tells most entries apart without a look at them, which
 * would be a miss of the processor's cache each. */
typedef struct EntrySlot
{
	uint32_t position;
	uint32_t tag;
} EntrySlot;

/* Identity to position of the entry that stands for it. */
typedef struct EntryTable
{
	const PmnManifestEntry *items;
	EntrySlot *slots;
	size_t mask;
} EntryTable;

/* So many entries are hashed ahead: neither they nor their slots are in the
 * processor's cache, and the waiting overlaps. */
#define AHEAD 16

static void
hash_ahead(const EntryTable *table, const PmnEntryList *entries, size_t first,
		   uint64_t *hashes)
{
	size_t end = first + AHEAD;

	if (end > entries->count)
		end = entries->count;
	for (size_t i = first; i < end; i++)
		__builtin_prefetch(entries->items[i].file.file_name.data);
	for (size_t i = first; i < end; i++)
	{
		hashes[i - first] = pmn_entry_hash(&entries->items[i]);
		__builtin_prefetch(&table->slots[hashes[i - first] & table->mask]);
	}
}

/* The slot of the entry's identity: its own, or the empty one for it. */
static uint32_t *
find_slot(const EntryTable *table, const PmnManifestEntry *entry, uint64_t hash)
{
	size_t at = (size_t) hash & table->mask;
	uint32_t tag = (uint32_t) (hash >> 32);
	EntrySlot *slot = &table->slots[at];

	while (slot->position != SLOT_EMPTY &&
		   (slot->tag != tag ||
			!pmn_entry_same(&table->items[slot->position], entry)))
	{
		at = (at + 1) & table->mask;
		slot = &table->slots[at];
	}
	slot->tag = tag;
	return &slot->position;
}

static PmnCode
added_twice(PmnEnv *env, const PmnManifestEntry *entry)
{
	return pmn_fail(env, PMN_CORRUPT, "data file \"%.*s\" is added twice",
					(int) entry->file.file_name.size,
					(const char *) entry->file.file_name.data);
}

/*
 * A set of all DELETEs, then the ADDs against it: the order of entries does
 * not matter, as in Paimon's full scan.
 */
static PmnCode
mark_full_scan(PmnEnv *env, const PmnEntryList *entries,
			   const EntryTable *table, bool *is_dead)
{
	uint64_t hashes[AHEAD];

	for (uint32_t i = 0; i < entries->count; i++)
	{
		if (entries->items[i].kind == PMN_ENTRY_DELETE)
		{
			*find_slot(table, &entries->items[i],
					   pmn_entry_hash(&entries->items[i])) = i;
			is_dead[i] = true;
		}
	}
	for (uint32_t i = 0; i < entries->count; i++)
	{
		uint32_t *slot;

		if (i % AHEAD == 0)
			hash_ahead(table, entries, i, hashes);
		if (is_dead[i])
			continue;
		slot = find_slot(table, &entries->items[i], hashes[i % AHEAD]);
		if (*slot == SLOT_EMPTY)
			*slot = i;
		else if (entries->items[*slot].kind == PMN_ENTRY_DELETE)
			is_dead[i] = true;
		else
			return added_twice(env, &entries->items[i]);
	}
	return PMN_OK;
}

/*
 * In order: a DELETE takes its ADD away, or stays when that is in an earlier
 * manifest. A DELETE of what is already deleted says nothing new.
 */
static PmnCode
mark_sequential(PmnEnv *env, const PmnEntryList *entries,
				const EntryTable *table, bool *is_dead)
{
	for (uint32_t i = 0; i < entries->count; i++)
	{
		bool is_add = entries->items[i].kind == PMN_ENTRY_ADD;
		uint32_t *slot = find_slot(table, &entries->items[i],
								   pmn_entry_hash(&entries->items[i]));

		if (*slot == SLOT_EMPTY || is_dead[*slot])
			*slot = i;
		else if (is_add)
			return added_twice(env, &entries->items[i]);
		else
		{
			is_dead[i] = true;
			if (entries->items[*slot].kind == PMN_ENTRY_ADD)
				is_dead[*slot] = true;
		}
	}
	return PMN_OK;
}

static void
drop_dead(PmnEntryList *entries, const bool *is_dead)
{
	size_t kept = 0;

	for (size_t i = 0; i < entries->count; i++)
	{
		if (is_dead[i])
			continue;
		if (kept < i)
			entries->items[kept] = entries->items[i];
		kept++;
	}
	entries->count = kept;
}

PmnCode
pmn_entries_live(PmnEnv *env, PmnEntryList *entries, bool keep_deletes)
{
	size_t slot_count = 16;
	EntryTable table;
	bool *is_dead;
	PmnCode code = PMN_NO_MEMORY;

	if (entries->count == 0)
		return PMN_OK;
	if (entries->count > UINT32_MAX / 4)
		return pmn_fail(env, PMN_NO_MEMORY, "%zu manifest entries are too many",
						entries->count);
	while (slot_count < entries->count * 2)
		slot_count *= 2;
	table.items = entries->items;
	table.mask = slot_count - 1;
	table.slots = pmn_alloc_raw(env, slot_count * sizeof(*table.slots));
	is_dead = pmn_alloc(env, entries->count * sizeof(*is_dead));
	if (table.slots != NULL && is_dead != NULL)
	{
		memset(table.slots, 0xFF, slot_count * sizeof(*table.slots));
		code = keep_deletes ? mark_sequential(env, entries, &table, is_dead)
							: mark_full_scan(env, entries, &table, is_dead);
	}
	pmn_free(env, table.slots, slot_count * sizeof(*table.slots));
	if (code == PMN_OK)
	{
		size_t count = entries->count;

		drop_dead(entries, is_dead);
		pmn_free(env, is_dead, count * sizeof(*is_dead));
		return PMN_OK;
	}
	pmn_free(env, is_dead, entries->count * sizeof(*is_dead));
	return code;
}

/* ---- statistics ------------------------------------------------------- */

static void
set_unknown(PmnColumnStats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->min.is_null = true;
	stats->max.is_null = true;
	stats->null_count = -1;
}

static PmnCode
parse_known(PmnEnv *env, const PmnSimpleStats *stats,
			const PmnType *const *types, uint32_t count, PmnValue *values,
			PmnColumnStats *out)
{
	const int64_t *null_counts = stats->null_counts.items;

	if (stats->has_null_counts && stats->null_counts.count != count &&
		stats->null_counts.count != 0)
		return pmn_fail(env, PMN_CORRUPT,
						"statistics of %" PRIu32 " columns have %" PRIu32
						" null counts",
						count, stats->null_counts.count);
	PMN_TRY(pmn_row_parse(env, stats->min_values, types, count, values));
	for (uint32_t i = 0; i < count; i++)
		out[i].min = values[i];
	PMN_TRY(pmn_row_parse(env, stats->max_values, types, count, values));
	for (uint32_t i = 0; i < count; i++)
	{
		out[i].max = values[i];
		if (stats->has_null_counts && stats->null_counts.count == count &&
			null_counts[i] >= 0)
			out[i].null_count = null_counts[i];
	}
	return PMN_OK;
}

PmnCode
pmn_simple_stats_parse(PmnEnv *env, const PmnSimpleStats *stats,
					   const PmnType *const *types, uint32_t count,
					   PmnColumnStats *out)
{
	PmnValue *values;
	PmnCode code;

	for (uint32_t i = 0; i < count; i++)
		set_unknown(&out[i]);
	/* Empty statistics are rows of no columns. */
	if (count == 0 || (pmn_row_arity(stats->min_values) == 0 &&
					   pmn_row_arity(stats->max_values) == 0))
		return PMN_OK;
	values = pmn_alloc(env, count * sizeof(*values));
	if (values == NULL)
		return PMN_NO_MEMORY;
	code = parse_known(env, stats, types, count, values, out);
	pmn_free(env, values, count * sizeof(*values));
	return code;
}

/* One of the two rows, serialized into arena. */
static PmnCode
make_row(PmnArena *arena, const PmnType *const *types, const PmnValue *values,
		 uint32_t count, PmnBytes *out)
{
	PmnBuffer row;
	PmnCode code;

	pmn_buffer_init(&row, pmn_arena_env(arena));
	code = pmn_row_append_serialized(&row, types, values, count);
	if (code == PMN_OK)
	{
		*out = pmn_bytes(row.data, row.size);
		code = pmn_bytes_copy(arena, out);
	}
	pmn_buffer_free(&row);
	return code;
}

PmnCode
pmn_simple_stats_make(PmnArena *arena, const PmnColumnStats *stats,
					  const PmnType *const *types, uint32_t count,
					  PmnSimpleStats *out)
{
	PmnValue *values = pmn_arena_alloc(arena, count * sizeof(*values));
	int64_t *null_counts = pmn_arena_alloc(arena, count * sizeof(*null_counts));

	memset(out, 0, sizeof(*out));
	if (values == NULL || null_counts == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		values[i] = stats[i].min;
	PMN_TRY(make_row(arena, types, values, count, &out->min_values));
	for (uint32_t i = 0; i < count; i++)
		values[i] = stats[i].max;
	PMN_TRY(make_row(arena, types, values, count, &out->max_values));
	for (uint32_t i = 0; i < count; i++)
		null_counts[i] =
			stats[i].null_count < 0 ? PMN_AVRO_NULL_LONG : stats[i].null_count;
	out->null_counts.items = null_counts;
	out->null_counts.count = count;
	out->has_null_counts = true;
	return PMN_OK;
}
