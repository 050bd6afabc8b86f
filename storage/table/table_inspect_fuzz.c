/*
 * Goal: no tag, consumer or statistics file that another program left, and no
 * range of changes that somebody asks for, crashes us or leaks; what we show
 * is complete, and wrong bytes are told as such.
 *
 * The first byte says what the rest is.
 */
#include "table_inspect_testing.h"

#include "../meta/meta_fuzzing.h"
#include "../meta/meta_snapshot.h"
#include "table_scan.h"

#define TEXT_MAX 64

/* Text cells of a row are text to their end. */
static bool
visit(void *context, const PmnSystemCell *cells)
{
	const PmnSystemTable *system = context;
	size_t size = 0;

	for (uint32_t i = 0; i < system->column_count; i++)
	{
		bool is_text = system->columns[i].type == PMN_SYSTEM_TEXT ||
					   system->columns[i].type == PMN_SYSTEM_JSON;

		fuzz_check(!cells[i].is_null || system->columns[i].is_nullable,
				   "a column that is never null is not null");
		if (is_text && !cells[i].is_null)
			size += strlen(cells[i].text);
	}
	return size != SIZE_MAX;
}

static void
show(RefLake *lake, const char *name)
{
	const PmnSystemTable *system = pmn_system_table(name, false);
	PmnCode code =
		ref_lake_visit(lake, name, visit, (void *) (uintptr_t) system);

	fuzz_check(code == PMN_OK || code == PMN_CORRUPT ||
				   code == PMN_OUT_OF_RANGE || code == PMN_UNSUPPORTED,
			   "a damaged file is a damaged file");
}

/* A file that a reader takes for half written is read again and again; that
 * one does not parse is what the snapshots' own target is for. */
static bool
is_snapshot(RefLake *lake, PmnBytes bytes)
{
	PmnSnapshot *snapshot = NULL;
	PmnArena *arena = NULL;
	PmnCode code = pmn_arena_create(&lake->env.base, 0, &arena);

	if (code == PMN_OK)
		code =
			pmn_snapshot_parse(&lake->env.base, arena, bytes, "x", &snapshot);
	pmn_arena_destroy(arena);
	return code == PMN_OK;
}

static void
plan(RefLake *lake, const PmnChangeRange *range)
{
	const PmnScanRequest request = {.snapshot_id = range->until_id,
									.changes = range};
	PmnScan *scan = NULL;

	if (pmn_scan_plan(lake->table, &request, &scan) == PMN_OK)
		pmn_scan_close(scan);
}

static void
resolve(RefLake *lake, const PmnChangesSpec *spec)
{
	PmnChangeRange range;

	if (pmn_table_resolve_changes(lake->table, spec, &range) != PMN_OK)
		return;
	fuzz_check(range.mode != PMN_CHANGES_AUTO, "the mode is settled");
	if (range.is_empty)
		return;
	fuzz_check(range.after_id >= 0 && range.after_id < range.until_id,
			   "a range has an end behind its start");
	plan(lake, &range);
}

static int64_t
take_number(PmnBytes *bytes)
{
	uint64_t number = 0;

	for (int i = 0; i < 8 && bytes->size > 0; i++)
	{
		number = number << 8 | bytes->data[0];
		*bytes = pmn_bytes(bytes->data + 1, bytes->size - 1);
	}
	return (int64_t) number;
}

static void
take_text(PmnBytes *bytes, char text[TEXT_MAX])
{
	size_t size = 0;

	while (bytes->size > 0)
	{
		char letter = (char) bytes->data[0];

		*bytes = pmn_bytes(bytes->data + 1, bytes->size - 1);
		if (letter == '\n' || letter == '\0')
			break;
		if (size < TEXT_MAX - 1)
			text[size++] = letter;
	}
	text[size] = '\0';
}

static PmnCode
ask_for_changes(RefLake *lake, PmnBytes bytes)
{
	PmnChangesSpec spec = {.kind = PMN_CHANGES_IDS};
	char from[TEXT_MAX];
	char to[TEXT_MAX];
	uint8_t how = bytes.size > 0 ? bytes.data[0] : 0;

	if (bytes.size > 0)
		bytes = pmn_bytes(bytes.data + 1, bytes.size - 1);
	PMN_TRY(ref_lake_put_snapshot(lake, "tag/tag-2026-01-01", 1, ""));
	PMN_TRY(ref_lake_put_snapshot(lake, "tag/tag-2026-01-02", 2, ""));
	PMN_TRY(ref_lake_put_snapshot(lake, "tag/tag-9", 2, ""));
	PMN_TRY(ref_lake_put_snapshot(lake, "changelog/changelog-1", 1, ""));
	spec.kind = (PmnChangesKind) (how % 5);
	spec.mode = (PmnChangesMode) (how / 5 % 4);
	spec.tags_as_snapshots = how > 127;
	spec.from = from;
	spec.to = to;
	if (spec.kind == PMN_CHANGES_IDS || spec.kind == PMN_CHANGES_TIMES)
	{
		spec.from_number = take_number(&bytes);
		spec.to_number = take_number(&bytes);
	}
	take_text(&bytes, from);
	take_text(&bytes, to);
	resolve(lake, &spec);
	return PMN_OK;
}

/* A snapshot that expired, but for its changes. */
static PmnCode
read_changelog(RefLake *lake, PmnBytes bytes)
{
	const PmnChangesSpec spec = {
		.kind = PMN_CHANGES_IDS, .mode = PMN_CHANGES_CHANGELOG, .to_number = 2};

	if (!is_snapshot(lake, bytes))
		return PMN_OK;
	PMN_TRY(pmn_fs_remove(lake->fs, "/lake/db.db/t/snapshot/snapshot-1"));
	PMN_TRY(ref_lake_put(lake, "changelog/changelog-1", bytes));
	resolve(lake, &spec);
	return PMN_OK;
}

static PmnCode
try(RefLake *lake, uint8_t what, PmnBytes bytes)
{
	switch (what % 5)
	{
		case 0:
			if (!is_snapshot(lake, bytes))
				return PMN_OK;
			PMN_TRY(ref_lake_put(lake, "tag/tag-x", bytes));
			show(lake, "tags");
			return PMN_OK;
		case 1:
			PMN_TRY(ref_lake_put(lake, "consumer/consumer-x", bytes));
			show(lake, "consumers");
			return PMN_OK;
		case 2:
			PMN_TRY(ref_lake_put(lake, "statistics/stat-1", bytes));
			show(lake, "statistics");
			return PMN_OK;
		case 3:
			return ask_for_changes(lake, bytes);
		default:
			return read_changelog(lake, bytes);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RefLake lake;

	if (size == 0)
		return 0;
	memset(&lake, 0, sizeof(lake));
	pmn_test_env_init(&lake.env);
	fuzz_check(ref_lake_open(&lake) == PMN_OK &&
				   try(&lake, data[0], pmn_bytes(data + 1, size - 1)) == PMN_OK,
			   "a table in memory works");
	ref_lake_close(&lake);
	fuzz_check(lake.env.live_bytes == 0, "nothing leaks");
	return 0;
}
