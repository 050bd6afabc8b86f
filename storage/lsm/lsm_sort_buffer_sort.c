/*
 * lsm_sort_buffer_sort.c
 *
 * The order of the rows in memory, as an array of (prefix, row number). Rows
 * are not moved. Nearly always the 64-bit prefix decides, so entries are
 * radix-sorted by it, byte by byte from the lowest, skipping bytes that are
 * the same in all rows; stretches of equal prefixes are then put in order by
 * whole keys and by age. Input in order is noticed first and costs one pass.
 *
 * Text keys often begin alike ("customer-000123"), which would make all
 * prefixes equal; for a text key the prefix is therefore taken behind the
 * bytes that all rows share.
 */
#include "lsm_sort_buffer_internal.h"

#define RADIX 256
#define INSERTION_MAX 12

typedef struct Sorter
{
	const PmnSortBuffer *buffer;
	const PmnKeyColumns *key;
	bool is_exact;
	SortEntry *entries;
	SortEntry *scratch;
	size_t count;
} Sorter;

static const PmnBatch *
chunk_of(const PmnSortBuffer *buffer, uint32_t row)
{
	return &buffer->chunks.items[row >> CHUNK_SHIFT]->batch;
}

/* Order of two rows with equal prefixes. */
static int
compare_rest(const Sorter *sorter, uint32_t a, uint32_t b)
{
	const PmnBatch *x = chunk_of(sorter->buffer, a);
	const PmnBatch *y = chunk_of(sorter->buffer, b);
	uint32_t x_row = a & CHUNK_MASK;
	uint32_t y_row = b & CHUNK_MASK;
	int order = 0;

	if (!sorter->is_exact)
		order = pmn_rows_compare(sorter->key, x, x_row, sorter->key, y, y_row);
	if (order == 0)
		order = pmn_kv_compare_order(
			sorter->buffer->lsm, sorter->buffer->layout, x, x_row, y, y_row);
	return order;
}

static bool
in_order(const Sorter *sorter, const SortEntry *a, const SortEntry *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix;
	return compare_rest(sorter, a->row, b->row) <= 0;
}

static bool
is_sorted(const Sorter *sorter, const SortEntry *entries, size_t count)
{
	for (size_t i = 1; i < count; i++)
	{
		if (!in_order(sorter, &entries[i - 1], &entries[i]))
			return false;
	}
	return true;
}

static void
insertion_sort(const Sorter *sorter, SortEntry *entries, size_t count)
{
	for (size_t i = 1; i < count; i++)
	{
		SortEntry moving = entries[i];
		size_t at = i;

		while (at > 0 && !in_order(sorter, &entries[at - 1], &moving))
		{
			entries[at] = entries[at - 1];
			at--;
		}
		entries[at] = moving;
	}
}

/* Merge two sorted neighbours of src into dst. */
static void
merge_pair(const Sorter *sorter, const SortEntry *src, size_t middle,
		   size_t end, SortEntry *dst)
{
	size_t left = 0;
	size_t right = middle;

	for (size_t i = 0; i < end; i++)
	{
		bool take_left = right == end;

		if (left < middle && right < end)
			take_left = in_order(sorter, &src[left], &src[right]);
		dst[i] = take_left ? src[left++] : src[right++];
	}
}

/* Stable, bottom up; entries and scratch have the same offset. */
static void
merge_sort(const Sorter *sorter, SortEntry *entries, SortEntry *scratch,
		   size_t count)
{
	SortEntry *src = entries;
	SortEntry *dst = scratch;

	for (size_t i = 0; i < count; i += INSERTION_MAX)
		insertion_sort(sorter, entries + i,
					   count - i < INSERTION_MAX ? count - i : INSERTION_MAX);
	for (size_t width = INSERTION_MAX; width < count; width *= 2)
	{
		SortEntry *saved = src;

		for (size_t i = 0; i < count; i += 2 * width)
		{
			size_t end = count - i < 2 * width ? count - i : 2 * width;

			merge_pair(sorter, src + i, end < width ? end : width, end,
					   dst + i);
		}
		src = dst;
		dst = saved;
	}
	if (src != entries)
		memcpy(entries, src, count * sizeof(*entries));
}

/* Least significant byte first; stable. */
static void
radix_sort(Sorter *sorter)
{
	uint32_t counts[8][RADIX];
	SortEntry *src = sorter->entries;
	SortEntry *dst = sorter->scratch;

	memset(counts, 0, sizeof(counts));
	for (size_t i = 0; i < sorter->count; i++)
	{
		uint64_t prefix = src[i].prefix;

		for (int byte = 0; byte < 8; byte++)
			counts[byte][(prefix >> (8 * byte)) & 0xff]++;
	}
	for (int byte = 0; byte < 8; byte++)
	{
		uint32_t *count = counts[byte];
		uint32_t sum = 0;
		SortEntry *saved = src;

		if (count[(src[0].prefix >> (8 * byte)) & 0xff] == sorter->count)
			continue;
		for (int digit = 0; digit < RADIX; digit++)
		{
			uint32_t here = count[digit];

			count[digit] = sum;
			sum += here;
		}
		for (size_t i = 0; i < sorter->count; i++)
			dst[count[(src[i].prefix >> (8 * byte)) & 0xff]++] = src[i];
		src = dst;
		dst = saved;
	}
	sorter->entries = src;
	sorter->scratch = dst;
}

static void
sort_equal_prefixes(Sorter *sorter)
{
	size_t first = 0;

	while (first < sorter->count)
	{
		SortEntry *entries = sorter->entries + first;
		size_t end = first + 1;

		while (end < sorter->count &&
			   sorter->entries[end].prefix == entries->prefix)
			end++;
		if (end - first > 1 && !is_sorted(sorter, entries, end - first))
			merge_sort(sorter, entries, sorter->scratch + first, end - first);
		first = end;
	}
}

/* Bytes that the first key column has in common in all rows; false when it
 * isn't a text, or has nulls. */
static bool
shared_bytes(const PmnSortBuffer *buffer, uint32_t *shared)
{
	uint32_t column = buffer->layout->key.columns[0];
	PmnBytes first = {NULL, 0};

	if (buffer->kinds[column] != PMN_VECTOR_BYTES)
		return false;
	for (size_t c = 0; c < buffer->chunks.count; c++)
	{
		const PmnBatch *batch = &buffer->chunks.items[c]->batch;
		const PmnBytes *values = batch->columns[column].values;

		if (batch->columns[column].nulls != NULL)
			return false;
		if (c == 0)
			first = values[0];
		for (uint32_t row = 0; row < batch->row_count; row++)
		{
			if (first.size > values[row].size)
				first.size = values[row].size;
			while (first.size > 0 &&
				   memcmp(first.data, values[row].data, first.size) != 0)
				first.size--;
			if (first.size == 0)
				return false;
		}
	}
	*shared = first.size;
	return true;
}

/* Eight bytes from offset on, missing ones as zeroes. */
static uint64_t
bytes_prefix(PmnBytes value, uint32_t offset)
{
	uint64_t prefix = 0;
	uint32_t size = value.size - offset;

	if (size >= 8)
		return pmn_get_be64(value.data + offset);
	for (uint32_t i = 0; i < size; i++)
		prefix |= (uint64_t) value.data[offset + i] << (56 - 8 * i);
	return prefix;
}

static void
fill_entries(const PmnSortBuffer *buffer, SortEntry *entries,
			 uint64_t *prefixes)
{
	uint32_t offset = 0;
	bool is_shared =
		buffer->layout->key.count > 0 && shared_bytes(buffer, &offset);
	size_t at = 0;

	for (size_t c = 0; c < buffer->chunks.count; c++)
	{
		const PmnBatch *batch = &buffer->chunks.items[c]->batch;

		if (is_shared)
		{
			uint32_t column = buffer->layout->key.columns[0];
			const PmnBytes *values = batch->columns[column].values;

			for (uint32_t row = 0; row < batch->row_count; row++)
				prefixes[row] = bytes_prefix(values[row], offset);
		}
		else if (batch->row_count > 0)
			pmn_rows_prefix(&buffer->layout->key, batch, 0, batch->row_count,
							prefixes);
		for (uint32_t row = 0; row < batch->row_count; row++, at++)
		{
			entries[at].prefix = prefixes[row];
			entries[at].row = (uint32_t) at;
		}
	}
	PMN_ASSERT(at == buffer->row_count);
}

static PmnCode
sort_entries(PmnSortBuffer *buffer, SortEntry *entries, SortEntry *scratch)
{
	Sorter sorter = {buffer,  &buffer->layout->key, false, entries,
					 scratch, buffer->row_count};

	sorter.is_exact =
		pmn_key_prefix_is_exact(sorter.key->types, sorter.key->count);
	PMN_TRY(pmn_poll(buffer->env));
	if (is_sorted(&sorter, sorter.entries, sorter.count))
		return PMN_OK;
	if (sorter.count < RADIX)
		merge_sort(&sorter, sorter.entries, sorter.scratch, sorter.count);
	else
	{
		radix_sort(&sorter);
		PMN_TRY(pmn_poll(buffer->env));
		sort_equal_prefixes(&sorter);
	}
	if (sorter.entries != entries)
		memcpy(entries, sorter.entries, sorter.count * sizeof(*entries));
	return PMN_OK;
}

PmnCode
pmn_sort_buffer_sort(PmnSortBuffer *buffer)
{
	size_t count = buffer->row_count;
	size_t size = count * sizeof(SortEntry);
	size_t prefix_size = CHUNK_ROWS * sizeof(uint64_t);
	SortEntry *entries = NULL;
	SortEntry *scratch = NULL;
	uint64_t *prefixes = NULL;
	PmnCode code = PMN_NO_MEMORY;

	if (buffer->entries != NULL || count == 0)
		return PMN_OK;
	entries = pmn_alloc_raw(buffer->env, size);
	if (entries != NULL)
		scratch = pmn_alloc_raw(buffer->env, size);
	if (scratch != NULL)
		prefixes = pmn_alloc_raw(buffer->env, prefix_size);
	if (prefixes != NULL)
	{
		fill_entries(buffer, entries, prefixes);
		code = sort_entries(buffer, entries, scratch);
	}
	pmn_free(buffer->env, prefixes, prefix_size);
	pmn_free(buffer->env, scratch, size);
	if (code != PMN_OK)
	{
		pmn_free(buffer->env, entries, size);
		return code;
	}
	buffer->entries = entries;
	buffer->entry_count = count;
	return PMN_OK;
}

void
pmn_sort_buffer_unsort(PmnSortBuffer *buffer)
{
	pmn_free(buffer->env, buffer->entries,
			 buffer->entry_count * sizeof(*buffer->entries));
	buffer->entries = NULL;
	buffer->entry_count = 0;
}
