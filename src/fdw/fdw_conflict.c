/*
 * fdw_conflict.c
 *
 * INSERT ... ON CONFLICT, row by row.
 *
 * The key is claimed with the row to be inserted; then it is known, or looked
 * up, whether there was one. DO NOTHING leaves that one alone and keeps the
 * claim as a lock, so that nobody deletes it before we commit. DO UPDATE
 * replaces it, after its condition has been evaluated with the row as it is
 * now: there is nothing to be evaluated again, as nothing was read before the
 * claim. Under REPEATABLE READ and above a row that the snapshot does not see
 * is 40001, all as in a heap table.
 */
#include "fdw_conflict.h"

#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "utils/rel.h"

struct PfdwConflict
{
	OnConflictAction action;
	ExprContext *econtext;
	ExprState *where;
	ProjectionInfo *projection;
	TupleTableSlot *existing;
};

static void
refuse_triggers(const TriggerDesc *triggers, Relation relation)
{
	if (triggers == NULL ||
		!(triggers->trig_insert_after_row || triggers->trig_update_before_row ||
		  triggers->trig_update_after_row ||
		  triggers->trig_update_before_statement ||
		  triggers->trig_update_after_statement))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot do this ON CONFLICT on foreign table \"%s\"",
					RelationGetRelationName(relation)),
			 errdetail("DO UPDATE does not go with triggers for UPDATE or "
					   "after the INSERT of a row.")));
}

PfdwConflict *
pfdw_conflict_begin(ModifyTableState *mtstate, ResultRelInfo *rinfo,
					List *private)
{
	PfdwConflict *conflict = palloc0(sizeof(*conflict));
	Relation relation = rinfo->ri_RelationDesc;
	EState *estate = mtstate->ps.state;
	TupleTableSlot *slot;

	conflict->action =
		(OnConflictAction) intVal(list_nth(private, PFDW_CONFLICT_ACTION));
	if (conflict->action != ONCONFLICT_UPDATE)
		return conflict;
	refuse_triggers(rinfo->ri_TrigDesc, relation);
	conflict->econtext = CreateExprContext(estate);
	conflict->existing = ExecInitExtraTupleSlot(
		estate, RelationGetDescr(relation), &TTSOpsVirtual);
	slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(relation),
								  &TTSOpsVirtual);
	conflict->projection = ExecBuildUpdateProjection(
		list_nth(private, PFDW_CONFLICT_VALUES), true,
		list_nth(private, PFDW_CONFLICT_COLUMNS), RelationGetDescr(relation),
		conflict->econtext, slot, &mtstate->ps);
	conflict->where =
		ExecInitQual(list_nth(private, PFDW_CONFLICT_WHERE), &mtstate->ps);
	return conflict;
}

/* The row that DO UPDATE makes, constraints checked; NULL: its condition does
 * not hold. */
static TupleTableSlot *
make_row(PfdwConflict *conflict, PfdwRowChange *change)
{
	ExprContext *econtext = conflict->econtext;
	Relation relation = change->rinfo->ri_RelationDesc;
	PfdwRowChange update = *change;

	ResetExprContext(econtext);
	ExecCopySlot(conflict->existing, change->writer->current);
	conflict->existing->tts_tableOid = RelationGetRelid(relation);
	econtext->ecxt_scantuple = conflict->existing;
	econtext->ecxt_innertuple = change->new;
	if (!ExecQual(conflict->where, econtext))
		return NULL;
	update.old = conflict->existing;
	update.new = ExecProject(conflict->projection);
	if (RelationGetDescr(relation)->constr != NULL &&
		RelationGetDescr(relation)->constr->has_generated_stored)
		ExecComputeStoredGenerated(change->rinfo, change->estate, update.new,
								   CMD_UPDATE);
	pfdw_modify_check(&update);
	if (pfdw_key_is_changed(change->writer, update.old, update.new))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot do this ON CONFLICT on foreign table \"%s\"",
						RelationGetRelationName(relation)),
				 errdetail("It changes the primary key.")));
	return update.new;
}

bool
pfdw_conflict_insert(PfdwConflict *conflict, PfdwRowChange *change)
{
	PfdwWriter *writer = change->writer;
	PfdwFoundRow found;

	pfdw_row_claim(writer, change->rinfo->ri_RelationDesc, change->new, &found);
	if (!found.exists)
	{
		pfdw_row_put(writer, &found, change->new, PFDW_KIND_ROW);
		return true;
	}
	if (conflict->action == ONCONFLICT_UPDATE)
	{
		if (found.claim == PFDW_CLAIM_SELF)
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("ON CONFLICT DO UPDATE command cannot affect row a "
							"second time"),
					 errhint("Ensure that no rows proposed for insertion "
							 "within the same command have duplicate "
							 "constrained values.")));
		change->new = make_row(conflict, change);
		if (change->new != NULL)
		{
			pfdw_row_put(writer, &found, change->new,
						 found.kind == PFDW_KIND_ROW &&
								 found.claim != PFDW_CLAIM_NEW
							 ? PFDW_KIND_ROW
							 : PFDW_KIND_UPDATED);
			return true;
		}
	}
	/* The row stays as it is, and ours until the transaction ends. */
	if (found.claim == PFDW_CLAIM_NEW)
		pfdw_row_put(writer, &found, writer->current, PFDW_KIND_LOCK);
	return false;
}
