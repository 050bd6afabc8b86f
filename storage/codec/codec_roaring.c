/*
 * codec_roaring.c
 *
 * The portable form of a roaring bitmap, all little-endian:
 *
 *   cookie 12346, number of containers          (no container is of runs)
 *   or cookie 12347 | (containers - 1) << 16, one bit a container: has runs
 *   key, cardinality - 1                        16 bits each, a container
 *   offset of each container                    absent with runs and < 4
 *   containers: sorted 16-bit numbers up to 4096 of them, else 65536 bits;
 *   or the number of runs and (start, length - 1) of each
 *
 * Bytes come from files, so everything that later code relies on is proved
 * here once: keys, numbers and runs ascend, counts are true, nothing leads
 * out of the bytes. Containers follow one another, and offsets add nothing
 * to that; they are skipped.
 *
 * Nothing is unpacked. A reader of rows asks for the bits of its batch, which
 * touches two containers at most, so an answer costs a binary search and as
 * many steps as there are words, numbers or runs in the window.
 */
#include "codec_roaring.h"

#define COOKIE_PLAIN 12346u
#define COOKIE_RUNS 12347u
#define ARRAY_MAX 4096u
#define BITSET_BYTES 8192u
#define OFFSETS_MIN 4u /* fewer containers with runs have no offsets */
#define CONTAINERS_MAX 65536u

typedef struct RoaringInput
{
	PmnEnv *env;
	const char *name;
	const uint8_t *data;
	size_t size;
	size_t at;
} RoaringInput;

static PmnCode
corrupt(const RoaringInput *input, const char *what)
{
	return pmn_fail(input->env, PMN_CORRUPT, "bitmap in \"%s\" has %s",
					input->name, what);
}

/* The next size bytes, or NULL with a message. */
static const uint8_t *
take(RoaringInput *input, size_t size)
{
	const uint8_t *data = input->data + input->at;

	if (input->size - input->at < size)
	{
		(void) corrupt(input, "fewer bytes than it needs");
		return NULL;
	}
	input->at += size;
	return data;
}

static uint16_t
number_at(const uint8_t *data, uint32_t i)
{
	return pmn_get_le16(data + (size_t) i * 2);
}

static uint32_t
run_start(const uint8_t *data, uint32_t i)
{
	return pmn_get_le16(data + (size_t) i * 4);
}

static uint32_t
run_last(const uint8_t *data, uint32_t i)
{
	return run_start(data, i) +
		   (uint32_t) pmn_get_le16(data + (size_t) i * 4 + 2);
}

/* ---- parsing ----------------------------------------------------------- */

static PmnCode
parse_array(RoaringInput *input, uint32_t cardinality,
			PmnRoaringContainer *container)
{
	container->kind = PMN_ROARING_ARRAY;
	container->count = cardinality;
	container->data = take(input, (size_t) cardinality * 2);
	if (container->data == NULL)
		return PMN_CORRUPT;
	for (uint32_t i = 1; i < cardinality; i++)
	{
		if (number_at(container->data, i) <= number_at(container->data, i - 1))
			return corrupt(input, "numbers out of order");
	}
	return PMN_OK;
}

static PmnCode
parse_bitset(RoaringInput *input, uint32_t cardinality,
			 PmnRoaringContainer *container)
{
	uint32_t found = 0;

	container->kind = PMN_ROARING_BITSET;
	container->count = cardinality;
	container->data = take(input, BITSET_BYTES);
	if (container->data == NULL)
		return PMN_CORRUPT;
	for (uint32_t i = 0; i < BITSET_BYTES; i += 8)
		found +=
			(uint32_t) __builtin_popcountll(pmn_get_le64(container->data + i));
	if (found != cardinality)
		return corrupt(input, "a wrong count of bits");
	return PMN_OK;
}

static PmnCode
parse_runs(RoaringInput *input, uint32_t cardinality,
		   PmnRoaringContainer *container)
{
	const uint8_t *count = take(input, 2);
	uint32_t found = 0;

	if (count == NULL)
		return PMN_CORRUPT;
	container->kind = PMN_ROARING_RUNS;
	container->count = pmn_get_le16(count);
	container->data = take(input, (size_t) container->count * 4);
	if (container->data == NULL)
		return PMN_CORRUPT;
	for (uint32_t i = 0; i < container->count; i++)
	{
		uint32_t start = run_start(container->data, i);
		uint32_t last = run_last(container->data, i);

		if (last > UINT16_MAX ||
			(i > 0 && start <= run_last(container->data, i - 1)))
			return corrupt(input, "runs out of order");
		found += last - start + 1;
	}
	if (found != cardinality)
		return corrupt(input, "a wrong count of numbers in its runs");
	return PMN_OK;
}

/* Cookie and number of containers; *run_flags NULL when none has runs. */
static PmnCode
parse_cookie(RoaringInput *input, uint32_t *count, const uint8_t **run_flags)
{
	const uint8_t *cookie = take(input, 4);
	const uint8_t *number;

	*run_flags = NULL;
	if (cookie == NULL)
		return PMN_CORRUPT;
	if (pmn_get_le16(cookie) == COOKIE_RUNS)
	{
		*count = (uint32_t) pmn_get_le16(cookie + 2) + 1;
		*run_flags = take(input, (*count + 7) / 8);
		return *run_flags == NULL ? PMN_CORRUPT : PMN_OK;
	}
	if (pmn_get_le32(cookie) != COOKIE_PLAIN)
		return corrupt(input, "an unknown cookie");
	number = take(input, 4);
	if (number == NULL)
		return PMN_CORRUPT;
	*count = pmn_get_le32(number);
	if (*count > CONTAINERS_MAX)
		return corrupt(input, "too many containers");
	return PMN_OK;
}

static PmnCode
parse_containers(RoaringInput *input, PmnRoaring *out, const uint8_t *run_flags)
{
	const uint8_t *header = take(input, (size_t) out->count * 4);

	if (header == NULL)
		return PMN_CORRUPT;
	if ((run_flags == NULL || out->count >= OFFSETS_MIN) &&
		take(input, (size_t) out->count * 4) == NULL)
		return PMN_CORRUPT;
	for (uint32_t i = 0; i < out->count; i++)
	{
		PmnRoaringContainer *container = &out->containers[i];
		uint32_t cardinality =
			(uint32_t) pmn_get_le16(header + (size_t) i * 4 + 2) + 1;

		container->key = pmn_get_le16(header + (size_t) i * 4);
		if (i > 0 && container->key <= out->containers[i - 1].key)
			return corrupt(input, "containers out of order");
		if (run_flags != NULL && (run_flags[i / 8] >> (i % 8) & 1) != 0)
			PMN_TRY(parse_runs(input, cardinality, container));
		else if (cardinality <= ARRAY_MAX)
			PMN_TRY(parse_array(input, cardinality, container));
		else
			PMN_TRY(parse_bitset(input, cardinality, container));
		out->cardinality += cardinality;
	}
	return PMN_OK;
}

PmnCode
pmn_roaring_parse(PmnArena *arena, PmnEnv *env, const char *name, PmnBytes src,
				  size_t *used, PmnRoaring *out)
{
	RoaringInput input = {env, name, src.data, src.size, 0};
	const uint8_t *run_flags = NULL;

	memset(out, 0, sizeof(*out));
	*used = 0;
	PMN_TRY(parse_cookie(&input, &out->count, &run_flags));
	/* Before memory is asked for: four bytes a container must be there. */
	if ((input.size - input.at) / 4 < out->count)
		return corrupt(&input, "fewer bytes than it needs");
	out->containers =
		pmn_arena_alloc(arena, out->count * sizeof(*out->containers));
	if (out->containers == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(parse_containers(&input, out, run_flags));
	*used = input.at;
	return PMN_OK;
}

/* ---- windows ----------------------------------------------------------- */

/* Set bits first .. last. */
static void
set_range(uint64_t *words, uint32_t first, uint32_t last)
{
	uint32_t word = first / 64;
	uint32_t last_word = last / 64;
	uint64_t head = ~(uint64_t) 0 << (first % 64);
	uint64_t tail = ~(uint64_t) 0 >> (63 - last % 64);

	if (word == last_word)
	{
		words[word] |= head & tail;
		return;
	}
	words[word++] |= head;
	while (word < last_word)
		words[word++] = ~(uint64_t) 0;
	words[word] |= tail;
}

/* In the functions below, the numbers first .. last of a container are
 * bits shift .. of words. */

static void
array_window(const PmnRoaringContainer *container, uint32_t first,
			 uint32_t last, uint32_t shift, uint64_t *words)
{
	uint32_t low = 0;
	uint32_t high = container->count;

	while (low < high)
	{
		uint32_t middle = (low + high) / 2;

		if (number_at(container->data, middle) < first)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < container->count; low++)
	{
		uint32_t number = number_at(container->data, low);

		if (number > last)
			break;
		number = number - first + shift;
		words[number / 64] |= (uint64_t) 1 << (number % 64);
	}
}

/* Add bits at position at of words. */
static void
put_bits(uint64_t *words, uint32_t at, uint64_t bits)
{
	uint32_t rest = at % 64;

	words[at / 64] |= bits << rest;
	/* The next word may lie outside of the window: touched only if needed. */
	if (rest != 0 && bits >> (64 - rest) != 0)
		words[at / 64 + 1] |= bits >> (64 - rest);
}

static void
bitset_window(const PmnRoaringContainer *container, uint32_t first,
			  uint32_t last, uint32_t shift, uint64_t *words)
{
	for (uint32_t base = first / 64 * 64; base <= last; base += 64)
	{
		uint64_t bits = pmn_get_le64(container->data + base / 8);

		if (last - base < 63)
			bits &= ~(uint64_t) 0 >> (63 - (last - base));
		if (base < first)
			put_bits(words, shift, bits >> (first - base));
		else
			put_bits(words, base - first + shift, bits);
	}
}

static void
runs_window(const PmnRoaringContainer *container, uint32_t first, uint32_t last,
			uint32_t shift, uint64_t *words)
{
	uint32_t low = 0;
	uint32_t high = container->count;

	while (low < high)
	{
		uint32_t middle = (low + high) / 2;

		if (run_last(container->data, middle) < first)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < container->count; low++)
	{
		uint32_t start = run_start(container->data, low);
		uint32_t end = run_last(container->data, low);

		if (start > last)
			break;
		start = start < first ? first : start;
		end = end > last ? last : end;
		set_range(words, start - first + shift, end - first + shift);
	}
}

/* The first container whose key is not below key. */
static uint32_t
find_container(const PmnRoaring *bitmap, uint32_t key)
{
	uint32_t low = 0;
	uint32_t high = bitmap->count;

	while (low < high)
	{
		uint32_t middle = (low + high) / 2;

		if (bitmap->containers[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
pmn_roaring_window(const PmnRoaring *bitmap, uint32_t first, uint32_t count,
				   uint64_t *words)
{
	uint32_t last;

	if (count == 0)
		return;
	PMN_ASSERT(count - 1 <= UINT32_MAX - first);
	last = first + (count - 1);
	for (uint32_t i = find_container(bitmap, first >> 16); i < bitmap->count;
		 i++)
	{
		const PmnRoaringContainer *container = &bitmap->containers[i];
		uint32_t base = (uint32_t) container->key << 16;
		uint32_t from = base < first ? first - base : 0;
		uint32_t to;
		uint32_t shift;

		if (base > last)
			break;
		to = last - base > UINT16_MAX ? UINT16_MAX : last - base;
		shift = base + from - first;
		switch ((PmnRoaringKind) container->kind)
		{
			case PMN_ROARING_ARRAY:
				array_window(container, from, to, shift, words);
				break;
			case PMN_ROARING_BITSET:
				bitset_window(container, from, to, shift, words);
				break;
			case PMN_ROARING_RUNS:
				runs_window(container, from, to, shift, words);
				break;
		}
	}
}

bool
pmn_roaring_contains(const PmnRoaring *bitmap, uint32_t value)
{
	uint64_t word = 0;

	pmn_roaring_window(bitmap, value, 1, &word);
	return word != 0;
}

uint32_t
pmn_roaring_max(const PmnRoaring *bitmap)
{
	const PmnRoaringContainer *container;
	uint32_t low = 0;

	PMN_ASSERT(bitmap->count > 0);
	container = &bitmap->containers[bitmap->count - 1];
	switch ((PmnRoaringKind) container->kind)
	{
		case PMN_ROARING_ARRAY:
			low = number_at(container->data, container->count - 1);
			break;
		case PMN_ROARING_RUNS:
			low = run_last(container->data, container->count - 1);
			break;
		case PMN_ROARING_BITSET:
			for (low = UINT16_MAX;; low--)
			{
				if ((container->data[low / 8] >> (low % 8) & 1) != 0)
					break;
			}
			break;
	}
	return (uint32_t) container->key << 16 | low;
}
