/*
 * paimon_fdw.c
 *
 * Module entry: magic, _PG_init and the table of callbacks. Registers things
 * and does nothing else; what is registered lives in fdw/, worker/, delta/ and bridge/.
 */
#include "fdw/fdw.h"
#include "fdw/fdw_conflict.h"
#include "fdw/fdw_lock.h"
#include "worker/worker_shared.h"

#include "fmgr.h"
#include "miscadmin.h"

PG_MODULE_MAGIC;

void _PG_init(void);

PG_FUNCTION_INFO_V1(paimon_fdw_handler);

void
_PG_init(void)
{
	static const PfdwWorkerTasks tasks = {pfdw_compact_is_due,
										  pfdw_compact_table};

	if (process_shared_preload_libraries_in_progress)
	{
		pfdw_shared_request();
		pfdw_launcher_init();
	}
	/* Before the delta: callbacks of commits run youngest first. */
	pfdw_worker_init(&tasks);
	pfdw_request_init();
	pfdw_delta_init();
	pfdw_guc_define();
	pfdw_writer_init();
	pfdw_conflict_init();
	pfdw_ddl_init();
	pfdw_drop_init();
}

Datum
paimon_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = paimonGetForeignRelSize;
	routine->GetForeignPaths = paimonGetForeignPaths;
	routine->GetForeignPlan = paimonGetForeignPlan;
	routine->GetForeignUpperPaths = paimonGetForeignUpperPaths;
	routine->BeginForeignScan = paimonBeginForeignScan;
	routine->IterateForeignScan = paimonIterateForeignScan;
	routine->ReScanForeignScan = paimonReScanForeignScan;
	routine->EndForeignScan = paimonEndForeignScan;

	routine->IsForeignScanParallelSafe = paimonIsForeignScanParallelSafe;
	routine->EstimateDSMForeignScan = paimonEstimateDSMForeignScan;
	routine->InitializeDSMForeignScan = paimonInitializeDSMForeignScan;
	routine->ReInitializeDSMForeignScan = paimonReInitializeDSMForeignScan;
	routine->InitializeWorkerForeignScan = paimonInitializeWorkerForeignScan;
	routine->ShutdownForeignScan = paimonShutdownForeignScan;

	routine->AddForeignUpdateTargets = paimonAddForeignUpdateTargets;
	routine->PlanForeignModify = paimonPlanForeignModify;
	routine->BeginForeignModify = paimonBeginForeignModify;
	routine->ExecForeignInsert = paimonExecForeignInsert;
	routine->ExecForeignUpdate = paimonExecForeignUpdate;
	routine->ExecForeignDelete = paimonExecForeignDelete;
	routine->EndForeignModify = paimonEndForeignModify;
	routine->BeginForeignInsert = paimonBeginForeignInsert;
	routine->EndForeignInsert = paimonEndForeignInsert;
	routine->IsForeignRelUpdatable = paimonIsForeignRelUpdatable;

	routine->GetForeignRowMarkType = paimonGetForeignRowMarkType;
	routine->RefetchForeignRow = paimonRefetchForeignRow;

	routine->ExplainForeignScan = paimonExplainForeignScan;
	routine->ExplainForeignModify = paimonExplainForeignModify;
	routine->AnalyzeForeignTable = paimonAnalyzeForeignTable;
	routine->ImportForeignSchema = paimonImportForeignSchema;

	PG_RETURN_POINTER(routine);
}
