/*
 * table_damage_test.c
 *
 * Tables written by Apache Paimon, copied into memory with one file damaged:
 * bits flipped, bytes overwritten by extreme numbers, blocks swapped, the end
 * cut off or garbage added. Then everything that reads a table is done to it.
 * Each call must end in a code of damage or succeed, in bounded time and
 * memory, without a leak. Rows must be the undamaged ones, or none, where a
 * checksum protects the file or reading does not depend on it, and whatever
 * the file is, when its end is gone; elsewhere Paimon's formats have no
 * checksum, and another value is another value.
 *
 * A variant is a table and a number, all else follows from these, so that one
 * that fails can be tried again: PMN_DAMAGE_ONLY=table:number. Without
 * PMN_DAMAGE_SECONDS a short round is made of tables that have every kind of
 * file; with it, all tables take turns until the time is over.
 * PMN_DAMAGE_START is the first number (0).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../include/pmn_system.h"
#include "table_damage_testing.h"

/* CPU time of a variant: when the hook asks to stop, and when that is late. */
#define STOP_SECONDS 10
#define KILL_SECONDS 40

typedef enum DamageKind
{
	DAMAGE_FLIP,
	DAMAGE_NUMBER,
	DAMAGE_SWAP,
	DAMAGE_CUT,
	DAMAGE_EXTEND,
	DAMAGE_COUNT
} DamageKind;

static const char *const damage_names[DAMAGE_COUNT] = {"flip", "number", "swap",
													   "cut", "extend"};

typedef struct Figures
{
	uint64_t variants;
	uint64_t refused; /* reading the newest rows ended in a code */
	uint64_t same;
	uint64_t other; /* rows, but others */
} Figures;

/* Names of the tables of the short round: together they have every kind. */
static const char *const short_round[] = {
	"types_append_parquet",
	"types_append_orc",
	"types_append_avro",
	"nested_append_parquet",
	"nested_append_orc",
	"nested_append_avro",
	"manifest_orc",
	"dv_pk_v1",
	"dv_append_bitmap64",
	"dynamic_bucket",
	"file_index_bitmap",
	"file_index_range_bitmap",
	"file_index_bsi",
	"file_index_pk_map",
	"changelog_input",
	"tags_branches",
	"variant_shredded",
	"evolution_casts",
	"aggregation_nested_update",
	"hints_stale",
};

/* Variants that failed once. */
static const struct
{
	const char *name;
	uint32_t number;
} regressions[] = {
	{NULL, 0},
};

static DamageKind damage;
static Figures figures[KIND_COUNT];
static char current[512]; /* the variant, for a death */
static clock_t stop_at;
static bool is_loud; /* tell every code */
static size_t peak_bytes;

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>

const char *__asan_default_options(void);

/* Memory that does not come through the hooks is bounded by these. */
const char *
__asan_default_options(void)
{
	return "max_allocation_size_mb=512:hard_rss_limit_mb=3000:"
		   "quarantine_size_mb=64";
}
#endif

/* Snapshots that are cut short are read again after a while, as somebody may
 * be writing them. Nobody is: takes the library's place. */
int
nanosleep(const struct timespec *time, struct timespec *left)
{
	(void) time;
	(void) left;
	return 0;
}

static void
die_telling(void)
{
	ssize_t ignored = write(STDERR_FILENO, current, strlen(current));

	(void) ignored;
}

static void
out_of_time(int number)
{
	(void) number;
	die_telling();
	abort();
}

static bool
stop_when_late(PmnEnv *env)
{
	(void) env;
	return clock() > stop_at;
}

/* ---- everything that reads a table ------------------------------------ */

static uint64_t
hash_bytes(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

static uint64_t
hash_cell(uint64_t hash, const PmnVector *column, uint32_t row)
{
	const size_t width = pmn_vector_width(column->kind);
	const uint8_t *value = (const uint8_t *) column->values + row * width;
	bool is_null = column->nulls != NULL && column->nulls[row] != 0;

	hash = hash_bytes(hash, &is_null, 1);
	if (is_null)
		return hash;
	if (column->kind == PMN_VECTOR_TS96)
	{
		const PmnTimestamp *time = (const PmnTimestamp *) value;

		hash = hash_bytes(hash, &time->millis, sizeof(time->millis));
		return hash_bytes(hash, &time->nano, sizeof(time->nano));
	}
	if (column->kind == PMN_VECTOR_BYTES)
	{
		const PmnBytes *bytes = (const PmnBytes *) value;

		hash = hash_bytes(hash, &bytes->size, sizeof(bytes->size));
		return hash_bytes(hash, bytes->data, bytes->size);
	}
	return hash_bytes(hash, value, width);
}

static void
sum_batch(const PmnBatch *batch, RowSum *sum)
{
	for (uint32_t i = 0; i < batch->selected_count; i++)
	{
		uint32_t row = batch->selection == NULL ? i : batch->selection[i];
		uint64_t hash = 0xcbf29ce484222325u;

		for (uint32_t c = 0; c < batch->column_count; c++)
			hash = hash_cell(hash, &batch->columns[c], row);
		sum->count++;
		sum->sum += hash ^ (hash >> 29);
	}
}

static uint32_t
project_all(const PmnTable *table, int32_t projection[256])
{
	const PmnSchema *schema = pmn_table_schema(table);
	uint32_t count = 0;

	for (uint32_t f = 0; f < schema->field_count && count < 256; f++)
		if (pmn_type_vector_kind(&schema->fields[f].type) != PMN_VECTOR_NONE)
			projection[count++] = (int32_t) f;
	return count;
}

static PmnCode
read_rows(PmnTable *table, const PmnScanRequest *request, RowSum *sum)
{
	int32_t projection[256];
	uint32_t count = project_all(table, projection);
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnBatch *batch = NULL;
	PmnCode code = pmn_scan_plan(table, request, &scan);

	memset(sum, 0, sizeof(*sum));
	if (code == PMN_OK)
		code = pmn_read_open(scan, projection, count, &read);
	while (code == PMN_OK)
	{
		code = pmn_read_next(read, &batch);
		if (code != PMN_OK || batch == NULL)
			break;
		sum_batch(batch, sum);
	}
	pmn_read_close(read);
	pmn_scan_close(scan);
	return code;
}

static PmnCode
read_travel(PmnTable *table, const PmnTravel *travel, RowSum *sum)
{
	PmnScanRequest request = {.snapshot_id = 0};
	int64_t schema_id = 0;

	if (travel->kind == PMN_TRAVEL_TAG)
		request.tag = travel->name;
	PMN_TRY(pmn_table_check_read(table));
	PMN_TRY(pmn_table_resolve(table, travel, &request.snapshot_id, &schema_id));
	if (travel->kind != PMN_TRAVEL_LATEST)
		PMN_TRY(pmn_table_use_schema(table, schema_id));
	return read_rows(table, &request, sum);
}

/* Filters that ask statistics and file indexes: a number or text that some
 * column of the table may have. */
static PmnCode
read_filtered(Golden *golden, PmnTable *table, uint32_t which, RowSum *sum)
{
	static const PmnPredicateOp ops[3] = {PMN_PREDICATE_EQ, PMN_PREDICATE_GE,
										  PMN_PREDICATE_IS_NULL};
	const PmnSchema *schema = pmn_table_schema(table);
	PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	PmnScanRequest request = {.snapshot_id = 0};
	PmnValue literal = {.is_null = false, .as = {.i64 = 3}};
	PmnPredicate filter = {.op = ops[which], .field = 0};
	int64_t schema_id = 0;

	memset(sum, 0, sizeof(*sum));
	(void) golden;
	while (filter.field < (int32_t) schema->field_count &&
		   pmn_type_vector_kind(&schema->fields[filter.field].type) !=
			   PMN_VECTOR_I32 &&
		   pmn_type_vector_kind(&schema->fields[filter.field].type) !=
			   PMN_VECTOR_I64)
		filter.field++;
	if (filter.field == (int32_t) schema->field_count)
		return PMN_OK;
	if (which < 2)
	{
		filter.literals = &literal;
		filter.literal_count = 1;
	}
	request.filter = &filter;
	PMN_TRY(
		pmn_table_resolve(table, &travel, &request.snapshot_id, &schema_id));
	return read_rows(table, &request, sum);
}

static bool
take_cells(void *context, const PmnSystemCell *cells)
{
	const PmnSystemTable *system = context;

	for (uint32_t i = 0; i < system->column_count; i++)
	{
		bool is_text = system->columns[i].type == PMN_SYSTEM_TEXT ||
					   system->columns[i].type == PMN_SYSTEM_JSON;

		CHECK(system->columns[i].is_nullable || !cells[i].is_null);
		if (!cells[i].is_null && is_text)
			CHECK(strlen(cells[i].text) < MEMORY_MAX);
	}
	return true;
}

static bool
take_problem(void *context, const char *object, const char *problem)
{
	*(size_t *) context += strlen(object) + strlen(problem);
	return true;
}

static bool
take_snapshot(void *context, const PmnSnapshotInfo *info)
{
	*(int64_t *) context = info->id;
	return true;
}

/* A file of ours, so the code must be one that damage may have. */
static void
check_code(Golden *golden, const char *step, PmnCode code)
{
	bool fine = code == PMN_OK || code == PMN_CORRUPT ||
				code == PMN_UNSUPPORTED || code == PMN_NOT_FOUND ||
				code == PMN_EXPIRED || code == PMN_NO_TABLE ||
				code == PMN_INVALID || code == PMN_NO_MEMORY;

	if (!fine || (is_loud && code != PMN_OK))
		fprintf(stderr, "# %s%s: code %d: %s\n", current, step, (int) code,
				golden->env.base.error.message);
	CHECK(fine);
	if (golden->env.live_bytes != golden->live_bytes && golden->live_bytes != 0)
	{
		fprintf(stderr, "# %s%s: leaks\n", current, step);
		CHECK(golden->env.live_bytes == golden->live_bytes);
		golden->live_bytes = golden->env.live_bytes;
	}
}

static PmnCode
read_latest(Golden *golden, RowSum *sum)
{
	PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	PmnTable *table = NULL;
	PmnCode code = pmn_table_open(golden->catalog, "db", "t", NULL, &table);

	if (code == PMN_OK)
		code = read_travel(table, &travel, sum);
	pmn_table_close(table);
	check_code(golden, "read", code);
	return code;
}

static PmnCode
read_with_filter(Golden *golden, uint32_t which, RowSum *sum)
{
	PmnTable *table = NULL;
	PmnCode code = pmn_table_open(golden->catalog, "db", "t", NULL, &table);

	if (code == PMN_OK)
		code = read_filtered(golden, table, which, sum);
	pmn_table_close(table);
	check_code(golden, "filter", code);
	return code;
}

/* Tags and branches by the names of their files. */
static void
read_references(Golden *golden)
{
	for (size_t i = 0; i < golden->files.count; i++)
	{
		const char *path = golden->files.items[i].path + strlen(ROOT "/");
		PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
		char branch[64] = "";
		PmnTable *table = NULL;
		PmnCode code;
		RowSum sum;

		if (starts_with(path, "tag/tag-"))
		{
			travel.kind = PMN_TRAVEL_TAG;
			travel.name = path + strlen("tag/tag-");
		}
		else if (starts_with(path, "branch/branch-") &&
				 ends_with(path, "/schema/schema-0"))
			snprintf(branch, sizeof(branch), "%.*s",
					 (int) strcspn(path + strlen("branch/branch-"), "/"),
					 path + strlen("branch/branch-"));
		else
			continue;
		code = pmn_table_open(golden->catalog, "db", "t",
							  branch[0] == '\0' ? NULL : branch, &table);
		if (code == PMN_OK)
			code = read_travel(table, &travel, &sum);
		pmn_table_close(table);
		check_code(golden, "reference", code);
	}
}

static void
inspect(Golden *golden)
{
	PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	const PmnSystemTable *system;
	PmnTable *table = NULL;
	int64_t id = 0;
	int64_t schema_id = 0;
	size_t problems = 0;
	PmnCode code = PMN_OK;

	for (uint32_t i = 0; (system = pmn_system_table_at(i)) != NULL; i++)
	{
		if (system->is_global)
			code = pmn_catalog_visit_system(golden->catalog, system, take_cells,
											(void *) (uintptr_t) system);
		else
		{
			code = pmn_table_open(golden->catalog, "db", "t", NULL, &table);
			if (code == PMN_OK)
				code =
					pmn_table_visit_system(table, system, &travel, take_cells,
										   (void *) (uintptr_t) system);
			pmn_table_close(table);
			table = NULL;
		}
		check_code(golden, system->name, code);
	}
	code = pmn_table_open(golden->catalog, "db", "t", NULL, &table);
	if (code == PMN_OK)
		code = pmn_table_visit_snapshots(table, take_snapshot, &id);
	if (code == PMN_OK)
		code = pmn_table_resolve(table, &travel, &id, &schema_id);
	if (code == PMN_OK)
		code = pmn_table_verify(table, id, take_problem, &problems);
	pmn_table_close(table);
	check_code(golden, "verify", code);
}

/* Add the rows that can be read to the table once more, without a commit. */
static PmnCode
write_rows(PmnTable *table, int64_t id)
{
	PmnScanRequest request = {.snapshot_id = id};
	PmnWriteRequest to = {.base_snapshot_id = id,
						  .memory_limit_bytes = 8u << 20};
	int32_t projection[256];
	uint32_t count = project_all(table, projection);
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnWrite *write = NULL;
	PmnMessage *message = NULL;
	PmnBatch *batch = NULL;
	PmnCode code = pmn_scan_plan(table, &request, &scan);

	if (code == PMN_OK)
		code = pmn_read_open(scan, projection, count, &read);
	if (code == PMN_OK)
		code = pmn_read_next(read, &batch);
	if (code == PMN_OK && batch != NULL &&
		count == pmn_table_schema(table)->field_count)
		code = pmn_write_open(table, &to, &write);
	if (code == PMN_OK && write != NULL)
		code = pmn_write_batch(write, batch, NULL);
	if (code == PMN_OK && write != NULL)
		code = pmn_write_finish(write, &message);
	if (code == PMN_OK && message != NULL)
		pmn_message_discard(table, message);
	pmn_message_close(message);
	pmn_write_close(write);
	pmn_read_close(read);
	pmn_scan_close(scan);
	return code;
}

static void
write_and_compact(Golden *golden)
{
	PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	PmnMessage *message = NULL;
	PmnTable *table = NULL;
	int64_t id = 0;
	int64_t schema_id = 0;
	PmnCode code = pmn_table_open(golden->catalog, "db", "t", NULL, &table);

	if (code == PMN_OK)
		code = pmn_table_check_write(table);
	if (code == PMN_OK)
		code = pmn_table_resolve(table, &travel, &id, &schema_id);
	if (code == PMN_OK && golden->number % 2 == 0)
		code = write_rows(table, id);
	else if (code == PMN_OK)
		code = pmn_table_compact(table, id, true, NULL, 8u << 20, &message);
	if (code == PMN_OK && message != NULL)
		pmn_message_discard(table, message);
	pmn_message_close(message);
	pmn_table_close(table);
	check_code(golden, "write", code);
}

/* ---- damage ------------------------------------------------------------ */

static void
overwrite_number(PmnTestEnv *env, uint8_t *bytes, size_t size)
{
	static const uint64_t extremes[] = {0,
										0xffffffffffffffffu,
										0x7fffffff7fffffffu,
										0x8000000080000000u,
										0xff00,
										0x0100000000000001u,
										0x7fffffffffffffffu,
										0x8000000000000000u,
										0x00ffffffu,
										0xfffffff0fffffff0u};
	uint64_t number = extremes[pmn_test_below(env, 10)];
	uint32_t width = 1u << pmn_test_below(env, 4);
	size_t at;

	if (width > size)
		width = 1;
	at = pmn_test_below(env, (uint32_t) (size - width + 1));
	memcpy(bytes + at, &number, width);
}

static void
swap_blocks(PmnTestEnv *env, uint8_t *bytes, size_t size)
{
	uint32_t width = 1 + pmn_test_below(env, (uint32_t) (size / 2));
	size_t left = pmn_test_below(env, (uint32_t) (size - 2 * width + 1));
	size_t right =
		left + width +
		pmn_test_below(env, (uint32_t) (size - left - 2 * width + 1));

	for (uint32_t i = 0; i < width; i++)
	{
		uint8_t byte = bytes[left + i];

		bytes[left + i] = bytes[right + i];
		bytes[right + i] = byte;
	}
}

/* bytes is not empty; false when it became what it was. */
static bool
damage_bytes(Golden *golden, PmnBuffer *bytes)
{
	PmnTestEnv *env = &golden->env;
	size_t size = bytes->size;
	uint8_t garbage[64];
	uint8_t *before = malloc(size);
	bool changed;

	memcpy(before, bytes->data, size);
	if (damage == DAMAGE_FLIP)
	{
		for (uint32_t k = 1u << pmn_test_below(env, 4); k > 0; k--)
			bytes->data[pmn_test_below(env, (uint32_t) size)] ^=
				(uint8_t) (1u << pmn_test_below(env, 8));
	}
	else if (damage == DAMAGE_NUMBER)
		overwrite_number(env, bytes->data, size);
	else if (damage == DAMAGE_SWAP && size > 1)
		swap_blocks(env, bytes->data, size);
	else if (damage == DAMAGE_CUT)
		bytes->size = pmn_test_below(env, (uint32_t) size);
	else if (damage == DAMAGE_EXTEND)
	{
		uint32_t more = 1 + pmn_test_below(env, sizeof(garbage));

		for (uint32_t i = 0; i < more; i++)
			garbage[i] = (uint8_t) pmn_test_random(env);
		CHECK_OK(env, pmn_buffer_append(bytes, garbage, more));
	}
	changed = bytes->size != size || memcmp(before, bytes->data, size) != 0;
	free(before);
	return changed;
}

/* Where other rows than the undamaged ones are wrong. */
static bool
is_protected(const Golden *golden)
{
	switch (golden->kind)
	{
		case KIND_HINT:
		case KIND_TAG:
		case KIND_BRANCH:
		case KIND_CONSUMER:
		case KIND_STATISTICS:
		case KIND_HASH_INDEX:
		case KIND_CHANGELOG:
		case KIND_OTHER:
			return true; /* not read for the newest rows, or a hint only */
		case KIND_DELETION_VECTORS:
			return true; /* CRC 32 */
		case KIND_FILE_INDEX:
		case KIND_SCHEMA:
		case KIND_SNAPSHOT:
		case KIND_MANIFEST_LIST:
		case KIND_MANIFEST_AVRO:
		case KIND_MANIFEST_ORC:
		case KIND_INDEX_MANIFEST:
		case KIND_PARQUET:
		case KIND_ORC:
		case KIND_AVRO:
		case KIND_COUNT:
			break;
	}
	return damage == DAMAGE_CUT || damage == DAMAGE_EXTEND;
}

static bool
is_same(const RowSum *left, const RowSum *right)
{
	return left->count == right->count && left->sum == right->sum;
}

static void
try_damaged(Golden *golden)
{
	Figures *to = &figures[golden->kind];
	RowSum sum = {0, 0};
	PmnCode code = read_latest(golden, &sum);
	uint32_t which = pmn_test_below(&golden->env, 3);

	to->variants++;
	to->refused += code != PMN_OK;
	to->same += code == PMN_OK && is_same(&sum, &golden->rows);
	to->other += code == PMN_OK && !is_same(&sum, &golden->rows);
	if (code == PMN_OK && is_protected(golden) && !is_same(&sum, &golden->rows))
	{
		fprintf(stderr,
				"# %sread: %" PRIu64 " other rows in place of %" PRIu64 "\n",
				current, sum.count, golden->rows.count);
		CHECK(is_same(&sum, &golden->rows));
	}
	code = read_with_filter(golden, which, &sum);
	if (code == PMN_OK && is_protected(golden) &&
		!is_same(&sum, &golden->filtered[which]))
	{
		fprintf(stderr, "# %sfilter: other rows\n", current);
		CHECK(is_same(&sum, &golden->filtered[which]));
	}
	if (golden->kind == KIND_TAG || golden->kind == KIND_BRANCH ||
		golden->kind == KIND_SNAPSHOT || golden->kind == KIND_SCHEMA)
		read_references(golden);
	inspect(golden);
	if (golden->kind == KIND_HASH_INDEX || golden->number % 4 < 2)
		write_and_compact(golden);
}

static const GoldenFile *
pick_file(Golden *golden)
{
	uint32_t counts[KIND_COUNT] = {0};
	uint32_t present = 0;
	uint32_t nth;
	int kind = -1;

	for (size_t i = 0; i < golden->files.count; i++)
		present += counts[golden->files.items[i].kind]++ == 0;
	/* Files of text have a second chance to be another kind. */
	for (int try = 0; try < 2 && kind <= (int) KIND_CONSUMER; try++)
	{
		kind = -1;
		nth = pmn_test_below(&golden->env, present);
		for (uint32_t k = 0; k < KIND_COUNT && kind < 0; k++)
			if (counts[k] > 0 && nth-- == 0)
				kind = (int) k;
	}
	nth = pmn_test_below(&golden->env, counts[kind]);
	for (size_t i = 0; i < golden->files.count; i++)
		if ((int) golden->files.items[i].kind == kind && nth-- == 0)
			return &golden->files.items[i];
	return NULL;
}

static void
try_variant(Golden *golden, uint32_t number)
{
	PmnTestEnv *env = &golden->env;
	struct itimerval limit = {{0, 0}, {KILL_SECONDS, 0}};
	const GoldenFile *file;
	PmnBuffer bytes;
	PmnBuffer damaged;

	env->seed = hash_bytes(0xcbf29ce484222325u + number * 0x9e3779b97f4a7c15u,
						   golden->name, strlen(golden->name)) |
				1;
	(void) pmn_test_random(env);
	golden->number = number;
	file = pick_file(golden);
	damage = (DamageKind) pmn_test_below(env, DAMAGE_COUNT);
	golden->kind = file->kind;
	golden->path = file->path;
	snprintf(current, sizeof(current),
			 "%s:%" PRIu32 " %s of %s: ", golden->name, number,
			 damage_names[damage], file->path + strlen(ROOT "/"));
	pmn_buffer_init(&bytes, &env->base);
	pmn_buffer_init(&damaged, &env->base);
	CHECK_OK(env, pmn_fs_read_file(golden->fs, file->path, 64u << 20, &bytes));
	CHECK_OK(env, pmn_buffer_append(&damaged, bytes.data, bytes.size));
	if (damaged.size > 0 && damage_bytes(golden, &damaged))
	{
		CHECK_OK(env,
				 pmn_fs_put(golden->fs, file->path, PMN_PUT_OVERWRITE,
							pmn_bytes(damaged.data, (uint32_t) damaged.size)));
		stop_at = clock() + STOP_SECONDS * CLOCKS_PER_SEC;
		setitimer(ITIMER_PROF, &limit, NULL);
		golden->live_bytes = env->live_bytes;
		try_damaged(golden);
		CHECK_OK(env, pmn_fs_put(golden->fs, file->path, PMN_PUT_OVERWRITE,
								 pmn_bytes(bytes.data, (uint32_t) bytes.size)));
	}
	golden->live_bytes = 0;
	pmn_buffer_free(&damaged);
	pmn_buffer_free(&bytes);
	current[0] = '\0';
}

/* Variants first .. first + count - 1 of a table that can be read. */
static void
try_table(const char *name, uint32_t first, uint32_t count)
{
	Golden golden;
	PmnCode code = load_golden(&golden, getenv("PMN_FIXTURES"), name);

	golden.env.base.should_stop = stop_when_late;
	stop_at = clock() + STOP_SECONDS * CLOCKS_PER_SEC;
	CHECK_OK(&golden.env, code);
	snprintf(current, sizeof(current), "%s undamaged: ", name);
	if (code == PMN_OK && read_latest(&golden, &golden.rows) == PMN_OK)
	{
		for (uint32_t i = 0; i < 3; i++)
			CHECK_OK(&golden.env,
					 read_with_filter(&golden, i, &golden.filtered[i]));
		for (uint32_t i = 0; i < count; i++)
			try_variant(&golden, first + i);
	}
	if (golden.env.peak_bytes > peak_bytes)
		peak_bytes = golden.env.peak_bytes;
	unload_golden(&golden);
}

/* ---- rounds ------------------------------------------------------------ */

static void
print_figures(void)
{
	for (uint32_t k = 0; k < KIND_COUNT; k++)
		if (figures[k].variants > 0)
			printf("# %-16s %7" PRIu64 " variants: %7" PRIu64
				   " refused, %7" PRIu64 " same rows, %7" PRIu64
				   " other rows\n",
				   kind_names[k], figures[k].variants, figures[k].refused,
				   figures[k].same, figures[k].other);
	printf("# at most %zu bytes of memory\n", peak_bytes);
}

/* Goal: what was mended stays so. */
TEST(variants_that_failed_once_pass)
{
	for (uint32_t i = 0; regressions[i].name != NULL; i++)
		try_table(regressions[i].name, regressions[i].number, 1);
}

/* Goal: no damage of any kind of file does worse than a code. */
TEST(damaged_tables_are_survived)
{
	for (size_t i = 0; i < sizeof(short_round) / sizeof(short_round[0]); i++)
		try_table(short_round[i], 0, 20);
}

/* The same for all golden tables until the time is over. */
static void
long_round(double seconds)
{
	const char *start = getenv("PMN_DAMAGE_START");
	uint32_t first = start == NULL ? 0 : (uint32_t) strtoul(start, NULL, 10);
	time_t end = time(NULL) + (time_t) seconds;
	PmnTestEnv env;
	PmnFileSystem *fs = NULL;
	PmnArena *arena = NULL;
	PmnFileList list = {NULL, 0, 0};

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_local_open(&env.base, &fs));
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_fs_list(fs, getenv("PMN_FIXTURES"), arena, &list));
	for (; time(NULL) < end; first += 10)
		for (size_t i = 0; i < list.count && time(NULL) < end; i++)
			if (list.items[i].is_directory &&
				!starts_with(list.items[i].name, "broken_"))
				try_table(list.items[i].name, first, 10);
	printf("# next PMN_DAMAGE_START=%" PRIu32 "\n", first);
	pmn_arena_destroy(arena);
	pmn_fs_close(fs);
}

int
main(void)
{
	const char *seconds = getenv("PMN_DAMAGE_SECONDS");
	const char *only = getenv("PMN_DAMAGE_ONLY");

	if (getenv("PMN_FIXTURES") == NULL || getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_FIXTURES and PMN_ARROW_PATH are not both "
			   "set\n");
		return 0;
	}
	signal(SIGPROF, out_of_time);
#if defined(__SANITIZE_ADDRESS__)
	__asan_set_death_callback(die_telling);
#endif
	if (only != NULL)
	{
		char name[64];
		unsigned number = 0;

		is_loud = true;
		if (sscanf(only, "%63[^:]:%u", name, &number) == 2)
			try_table(name, number, 1);
		print_figures();
		TEST_END();
	}
	RUN(variants_that_failed_once_pass);
	RUN(damaged_tables_are_survived);
	if (seconds != NULL)
		long_round(strtod(seconds, NULL));
	print_figures();
	TEST_END();
}
