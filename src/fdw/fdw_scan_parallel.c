/*
 * fdw_scan_parallel.c
 *
 * A scan that a leader and its workers share. The leader says in shared memory
 * which snapshot it reads, with which schema; messages of the outbox everybody
 * reads under the server snapshot that all have. Every process plans the same
 * files from these, cuts them into the same parts, and takes the next part that
 * nobody has from a counter. That the parts are the same is checked: whoever
 * plans first leaves a fingerprint, and a process that finds another one
 * raises an error rather than give wrong rows.
 *
 * What the leader's transaction has written and not published exists in its
 * memory only. A plan made before that may still ask for workers; then none
 * is started, and the leader reads everything.
 *
 * Rows of the delta heap are hidden by every process under the snapshot that
 * all of them have; one of them, whoever is first at the end of the lake's
 * parts, returns those that follow.
 *
 * Counters of storage are added up for EXPLAIN ANALYZE in a segment of their
 * own, as the shared memory of the plan is gone by then.
 */
#include "fdw_plan.h"
#include "fdw_scan_state.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/spin.h"
#include "utils/rel.h"

/* Sums over all processes that have ended their scan. */
typedef struct PfdwTotals
{
	slock_t mutex;
	PmnCounters counters;
	uint64 delta_rows;
} PfdwTotals;

typedef struct PfdwShared
{
	pg_atomic_uint32 next_part;
	pg_atomic_uint64 fingerprint; /* of the parts; 0 until someone knows */
	pg_atomic_uint32 delta_taken; /* 1: somebody returns the delta's rows */
	int64 snapshot_id;
	int64 schema_id;
	int64 own_ident;
	int32 lake_table;
	dsm_handle totals;
	bool has_tag;
	char tag[FLEXIBLE_ARRAY_MEMBER];
} PfdwShared;

Size
paimonEstimateDSMForeignScan(ForeignScanState *node, ParallelContext *context)
{
	PfdwScanState *state = node->fdw_state;
	const char *tag = state->reader->view.tag;

	return offsetof(PfdwShared, tag) + (tag == NULL ? 1 : strlen(tag) + 1);
}

static void
start_over(PfdwScanState *state, ParallelContext *context)
{
	pg_atomic_write_u32(&state->shared->next_part, 0);
	pg_atomic_write_u64(&state->shared->fingerprint, 0);
	pg_atomic_write_u32(&state->shared->delta_taken, 0);
	if (state->reader->view.own_count > 0)
		context->nworkers_to_launch = 0;
}

/* Without a segment EXPLAIN tells the leader's part only. */
static dsm_handle
make_totals(PfdwScanState *state)
{
	PfdwTotals *totals;

	if (state->segment == NULL)
	{
		state->segment =
			dsm_create(sizeof(PfdwTotals), DSM_CREATE_NULL_IF_MAXSEGMENTS);
		if (state->segment == NULL)
			return DSM_HANDLE_INVALID;
		totals = dsm_segment_address(state->segment);
		SpinLockInit(&totals->mutex);
		memset(&totals->counters, 0, sizeof(PmnCounters));
		totals->delta_rows = 0;
	}
	return dsm_segment_handle(state->segment);
}

void
paimonInitializeDSMForeignScan(ForeignScanState *node, ParallelContext *context,
							   void *coordinate)
{
	PfdwScanState *state = node->fdw_state;
	PfdwShared *shared = coordinate;
	const PfdwReader *reader = state->reader;

	pg_atomic_init_u32(&shared->next_part, 0);
	pg_atomic_init_u64(&shared->fingerprint, 0);
	pg_atomic_init_u32(&shared->delta_taken, 0);
	shared->snapshot_id = reader->view.snapshot_id;
	shared->schema_id = reader->table->schema->id;
	shared->own_ident = reader->view.own_ident;
	shared->lake_table = reader->view.lake_table;
	shared->has_tag = reader->view.tag != NULL;
	if (shared->has_tag)
		memcpy(shared->tag, reader->view.tag, strlen(reader->view.tag) + 1);
	shared->totals = make_totals(state);
	state->shared = shared;
	start_over(state, context);
}

void
paimonReInitializeDSMForeignScan(ForeignScanState *node,
								 ParallelContext *context, void *coordinate)
{
	start_over(node->fdw_state, context);
}

void
paimonInitializeWorkerForeignScan(ForeignScanState *node, shm_toc *toc,
								  void *coordinate)
{
	PfdwScanState *state = node->fdw_state;
	PfdwShared *shared = coordinate;
	PfdwView view = {.snapshot_id = shared->snapshot_id,
					 .schema_id = shared->schema_id,
					 .tag = shared->has_tag ? shared->tag : NULL,
					 .lake_table = shared->lake_table,
					 .own_ident = shared->own_ident};

	if (shared->totals != DSM_HANDLE_INVALID)
		state->segment = dsm_attach(shared->totals);
	state->shared = shared;
	pfdw_reader_open_view(state->reader, &view);
}

/* Called by storage: nothing here may throw. */
static uint32_t
next_part(void *context)
{
	PfdwShared *shared = context;

	return pg_atomic_fetch_add_u32(&shared->next_part, 1);
}

/* Whoever comes first to the end of the lake's parts, and again as long as
 * it has more of them. */
static bool
takes_delta(void *context)
{
	PfdwScanState *state = context;
	uint32 free = 0;

	if (!state->has_delta)
		state->has_delta = pg_atomic_compare_exchange_u32(
			&state->shared->delta_taken, &free, 1);
	return state->has_delta;
}

void
pfdw_scan_share(PfdwScanState *state)
{
	PfdwReader *reader = state->reader;
	const PmnScanStats *stats = pmn_scan_stats(reader->scan);
	uint32_t count;
	uint64 print;
	uint64 found = 0;

	pfdw_check(reader->env,
			   pmn_scan_divide(reader->scan, pfdw_part_rows(stats), &count));
	print = hash_combine64(hash_combine64(count + 1, stats->row_count),
						   stats->size_bytes);
	print = Max(print, 1);
	if (!pg_atomic_compare_exchange_u64(&state->shared->fingerprint, &found,
										print) &&
		found != print)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("processes that read foreign table \"%s\" in parallel "
						"have found different files",
						RelationGetRelationName(reader->relation))));
	reader->part_source = next_part;
	reader->part_context = state->shared;
	state->has_delta = false;
	reader->takes_delta = takes_delta;
	reader->delta_context = state;
}

static void
add_counters(PmnCounters *sum, const PmnCounters *one)
{
	sum->read_requests += one->read_requests;
	sum->read_bytes += one->read_bytes;
	sum->write_requests += one->write_requests;
	sum->write_bytes += one->write_bytes;
	sum->list_requests += one->list_requests;
	sum->row_groups_read += one->row_groups_read;
	sum->row_groups_skipped += one->row_groups_skipped;
	sum->rows_decoded += one->rows_decoded;
	sum->rows_merged += one->rows_merged;
}

/* A worker's figures; the leader knows its own. */
void
paimonShutdownForeignScan(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	PfdwTotals *totals;

	if (!IsParallelWorker() || state == NULL || state->segment == NULL)
		return;
	totals = dsm_segment_address(state->segment);
	SpinLockAcquire(&totals->mutex);
	add_counters(&totals->counters, &state->reader->env->base.counters);
	totals->delta_rows += state->reader->delta_rows;
	SpinLockRelease(&totals->mutex);
	dsm_detach(state->segment);
	state->segment = NULL;
}

void
pfdw_scan_counters(const PfdwScanState *state, PmnCounters *out,
				   uint64 *delta_rows)
{
	const PfdwTotals *totals;

	*out = state->reader->env->base.counters;
	*delta_rows = state->reader->delta_rows;
	if (state->segment == NULL)
		return;
	totals = dsm_segment_address(state->segment);
	add_counters(out, &totals->counters);
	*delta_rows += totals->delta_rows;
}
