/*
 * fdw_modify.c
 *
 * INSERT, COPY, UPDATE and DELETE, row by row, into the statement's writer.
 *
 * Core leaves to the wrapper what it does itself for heap tables: NOT NULL
 * and CHECK constraints, the partition's own constraint, and the checks of
 * row-level security on rows that are routed here from a partitioned parent.
 * check_row does them all, in the order in which core would.
 *
 * UPDATE writes one row of kind +U where the key stays, and a -D of the old
 * row and a +I of the new one where it changes. The old row comes as a whole
 * in a junk attribute; core adds it for UPDATE and we for DELETE, so that -D
 * rows carry all columns for those who read the changelog.
 *
 * A row that a join meets twice is changed once, as in a heap table: the
 * writer remembers the keys it changed whenever the plan is more than a scan
 * of the target.
 *
 * There is no batch insert: rows are batched by the encoder, and core's
 * batches would only copy each slot once more.
 */
#include "fdw_conflict.h"
#include "fdw_system.h"

#include "access/htup_details.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/appendinfo.h"
#include "parser/parsetree.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

typedef struct ModifyState
{
	PfdwWriter *writer;
	ModifyTableState *mtstate;
	CmdType operation;
	TupleTableSlot *old_slot; /* UPDATE and DELETE */
	PfdwConflict *conflict;	  /* INSERT ... ON CONFLICT */
} ModifyState;

static void check_on_conflict(Plan *plan, Relation relation);
static bool meets_rows_once(Plan *plan);

void
paimonAddForeignUpdateTargets(PlannerInfo *root, Index rtindex,
							  RangeTblEntry *target_rte,
							  Relation target_relation)
{
	Var *var;

	if (root->parse->commandType != CMD_DELETE)
		return;
	var = makeVar(rtindex, InvalidAttrNumber, RECORDOID, -1, InvalidOid, 0);
	add_row_identity_var(root, var, rtindex, "wholerow");
}

static void
pg_attribute_noreturn()
	refuse(const char *table, const char *message, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg(message, table), errdetail("%s", detail)));
}

/* Paimon's readers and writers then drop -D rows without a word. */
static bool
ignores_delete(const PmnSchema *schema)
{
	static const char *const names[] = {
		"ignore-delete", "deduplicate.ignore-delete",
		"partial-update.ignore-delete", "first-row.ignore-delete"};

	for (size_t i = 0; i < lengthof(names); i++)
	{
		const char *value = pmn_schema_option(schema, names[i]);

		if (value != NULL)
			return pg_strcasecmp(value, "true") == 0;
	}
	return false;
}

/* Whether a merge engine is the one whose rows can be replaced. */
static bool
replaces_rows(const char *engine)
{
	return engine == NULL || pg_strcasecmp(engine, "deduplicate") == 0;
}

/*
 * UPDATE and DELETE replace rows, which only deduplicate understands so: the
 * other engines would add the new row up with the old one, or refuse the -D
 * when they meet it in a file.
 */
static void
refuse_merged(const PmnSchema *schema, const char *name, CmdType operation)
{
	const char *engine = pmn_schema_option(schema, "merge-engine");

	if (replaces_rows(engine))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg(operation == CMD_UPDATE
						? "cannot update foreign table \"%s\""
						: "cannot delete from foreign table \"%s\"",
					name),
			 errdetail("Option \"merge-engine\" is \"%s\": rows can only be "
					   "added, and are merged with those of the same key.",
					   engine),
			 operation == CMD_UPDATE
				 ? errhint("Insert a row with the key and what is to be merged "
						   "into the existing one.")
				 : 0));
}

List *
paimonPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
						Index resultRelation, int subplan_index)
{
	Oid relid = planner_rt_fetch(resultRelation, root)->relid;
	const char *name = get_rel_name(relid);
	PfdwOptions *options = pfdw_options_get(relid);
	PfdwTable *table;
	PmnTravel travel;

	pfdw_system_refuse_change(options, name);
	if (plan->onConflictAction != ONCONFLICT_NONE)
		refuse(name,
			   "INSERT ... ON CONFLICT on foreign table \"%s\" is not "
			   "supported yet",
			   "Without the clause, a row with an existing primary key "
			   "replaces it or is merged with it (option \"insert_mode\" is "
			   "\"upsert\").");
	if (!options->updatable)
		refuse(name, "foreign table \"%s\" is read-only",
			   "Option \"updatable\" is \"false\".");
	if (options->travel.kind != PMN_TRAVEL_LATEST)
		ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
						errmsg("cannot write to foreign table \"%s\"", name),
						errdetail("Its options name an earlier snapshot.")));
	pfdw_relation_check_write(relid, options);
	/* The transaction's own handle: the statement will need it anyway. */
	table = pfdw_delta_table(&options->ref);
	pfdw_check(table->env, pmn_table_check_write(table->table));
	if (plan->operation == CMD_INSERT)
		return pfdw_conflict_plan(root, relid, table->schema);
	if (!pmn_table_has_primary_key(table->table))
		refuse(name,
			   plan->operation == CMD_UPDATE
				   ? "cannot update foreign table \"%s\""
				   : "cannot delete from foreign table \"%s\"",
			   "The lake table has no primary key.");
	refuse_merged(table->schema, name, plan->operation);
	if (plan->operation == CMD_DELETE && ignores_delete(table->schema))
		refuse(name, "cannot delete from foreign table \"%s\"",
			   "Option \"ignore-delete\" is \"true\".");
	pfdw_travel_get(options, &travel);
	if (travel.kind != PMN_TRAVEL_LATEST)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot change rows of foreign table \"%s\" as of an "
						"earlier snapshot",
						name)));
	return NIL;
}

static void
begin(ModifyTableState *mtstate, ResultRelInfo *rinfo, CmdType operation,
	  Plan *subplan)
{
	EState *estate = mtstate->ps.state;
	Relation relation = rinfo->ri_RelationDesc;
	ModifyState *state = palloc0(sizeof(*state));
	PfdwWriter *writer;

	state->mtstate = mtstate;
	state->operation = operation;
	writer = pfdw_writer_acquire(
		estate, relation,
		operation == CMD_INSERT && rinfo->ri_TrigDesc != NULL &&
			rinfo->ri_TrigDesc->trig_insert_before_row);
	state->writer = writer;
	rinfo->ri_FdwState = state;
	if (operation == CMD_INSERT)
		return;
	if (!writer->has_key)
		refuse(RelationGetRelationName(relation),
			   "cannot change rows of foreign table \"%s\"",
			   "The lake table has no primary key.");
	refuse_merged(writer->table->schema, RelationGetRelationName(relation),
				  operation);
	state->old_slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(relation),
											 &TTSOpsVirtual);
	if (writer->takes_rows)
	{
		writer->has_changes = true;
		return;
	}
	if (writer->modified == NULL &&
		(writer->options->insert_mode == PFDW_INSERT_STRICT ||
		 estate->es_plannedstmt->hasModifyingCTE || !meets_rows_once(subplan)))
		writer->modified =
			pfdw_keyset_create(writer->context, writer->tupdesc,
							   writer->key_attnums, writer->key_count);
}

/* Whether each row of a target can come out of the plan at most once. */
static bool
meets_rows_once(Plan *plan)
{
	ListCell *cell;

	if (plan == NULL)
		return false;
	switch (nodeTag(plan))
	{
		case T_ForeignScan:
			return ((ForeignScan *) plan)->scan.scanrelid > 0;
		case T_SeqScan:
			return true; /* a partition that is a heap table */
		case T_Result:
			return outerPlan(plan) == NULL || meets_rows_once(outerPlan(plan));
		case T_Append:
			foreach (cell, ((Append *) plan)->appendplans)
			{
				if (!meets_rows_once(lfirst(cell)))
					return false;
			}
			return true;
		default:
			return false;
	}
}

void
paimonBeginForeignModify(ModifyTableState *mtstate, ResultRelInfo *rinfo,
						 List *fdw_private, int subplan_index, int eflags)
{
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	begin(mtstate, rinfo, mtstate->operation, outerPlan(mtstate->ps.plan));
	if (fdw_private != NIL)
	{
		ModifyState *state = rinfo->ri_FdwState;

		state->conflict = pfdw_conflict_begin(mtstate, rinfo, fdw_private);
		state->writer->has_changes = true;
	}
}

void
paimonBeginForeignInsert(ModifyTableState *mtstate, ResultRelInfo *rinfo)
{
	Relation relation = rinfo->ri_RelationDesc;

	/* A partition of an UPDATE's target that also takes rows moved to it. */
	if (rinfo->ri_FdwState != NULL)
		return;
	check_on_conflict(mtstate->ps.plan, relation);
	begin(mtstate, rinfo, CMD_INSERT, NULL);
	if (!((ModifyState *) rinfo->ri_FdwState)->writer->options->updatable)
		refuse(RelationGetRelationName(relation),
			   "foreign table \"%s\" is read-only",
			   "Option \"updatable\" is \"false\".");
}

static void
check_on_conflict(Plan *plan, Relation relation)
{
	if (plan != NULL && IsA(plan, ModifyTable) &&
		((ModifyTable *) plan)->onConflictAction != ONCONFLICT_NONE)
		refuse(RelationGetRelationName(relation),
			   "INSERT ... ON CONFLICT on foreign table \"%s\" is not "
			   "supported yet",
			   "The partition is a lake table.");
}

void
paimonEndForeignModify(EState *estate, ResultRelInfo *rinfo)
{
	ModifyState *state = rinfo->ri_FdwState;

	/* NULL: EXPLAIN only, or a partition whose end was told twice. */
	if (state == NULL)
		return;
	rinfo->ri_FdwState = NULL;
	pfdw_writer_release(state->writer, rinfo->ri_RelationDesc);
}

void
paimonEndForeignInsert(EState *estate, ResultRelInfo *rinfo)
{
	paimonEndForeignModify(estate, rinfo);
}

/* ---- rows ------------------------------------------------------------- */

static void
check_required(PfdwWriter *writer, Relation relation, TupleTableSlot *slot)
{
	ListCell *cell;

	foreach (cell, writer->required)
	{
		AttrNumber attnum = lfirst_int(cell);
		Form_pg_attribute attribute =
			TupleDescAttr(slot->tts_tupleDescriptor, attnum - 1);

		if (!slot_attisnull(slot, attnum))
			continue;
		ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
						errmsg("null value in column \"%s\" of relation \"%s\" "
							   "violates not-null constraint",
							   NameStr(attribute->attname),
							   RelationGetRelationName(relation)),
						errdetail("The column is NOT NULL in the lake table."),
						errtablecol(relation, attnum)));
	}
}

static void
check_row(ModifyState *state, EState *estate, ResultRelInfo *rinfo,
		  TupleTableSlot *slot, bool is_insert)
{
	Relation relation = rinfo->ri_RelationDesc;
	TriggerDesc *triggers = rinfo->ri_TrigDesc;
	bool is_routed = rinfo->ri_RootResultRelInfo != NULL && is_insert;

	slot->tts_tableOid = RelationGetRelid(relation);
	if (rinfo->ri_WithCheckOptions != NIL)
		ExecWithCheckOptions(state->operation == CMD_UPDATE
								 ? WCO_RLS_UPDATE_CHECK
								 : WCO_RLS_INSERT_CHECK,
							 rinfo, slot, estate);
	if (RelationGetDescr(relation)->constr != NULL)
		ExecConstraints(rinfo, slot, estate);
	check_required(state->writer, relation, slot);
	/* Routing has chosen the partition, unless a trigger changed the row. */
	if (relation->rd_rel->relispartition &&
		(!is_routed || (triggers != NULL && triggers->trig_insert_before_row)))
		ExecPartitionCheck(rinfo, slot, estate, true);
}

/* insert_mode 'strict': the key must be new. */
static void
claim_key(PfdwWriter *writer, TupleTableSlot *slot)
{
	Datum *values;
	bool *nulls;

	if (!writer->has_key || writer->options->insert_mode != PFDW_INSERT_STRICT)
		return;
	if (writer->inserted == NULL)
		writer->inserted =
			pfdw_keyset_create(writer->context, writer->tupdesc,
							   writer->key_attnums, writer->key_count);
	if (pfdw_keyset_add(writer->inserted, slot))
		return;
	values = palloc(sizeof(Datum) * writer->key_count);
	nulls = palloc(sizeof(bool) * writer->key_count);
	for (int i = 0; i < writer->key_count; i++)
		values[i] = slot_getattr(slot, writer->key_attnums[i], &nulls[i]);
	pfdw_strict_fail(writer, writer->inserted, values, nulls);
}

/* The row written; NULL: none was. */
static TupleTableSlot *
insert_or_do(ModifyState *state, EState *estate, ResultRelInfo *rinfo,
			 TupleTableSlot *slot)
{
	PfdwRowChange change = {.writer = state->writer,
							.mtstate = state->mtstate,
							.estate = estate,
							.rinfo = rinfo,
							.new = slot};

	return pfdw_conflict_insert(state->conflict, &change) ? change.new : NULL;
}

TupleTableSlot *
paimonExecForeignInsert(EState *estate, ResultRelInfo *rinfo,
						TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	ModifyState *state = rinfo->ri_FdwState;

	slot_getallattrs(slot);
	check_row(state, estate, rinfo, slot, true);
	if (state->conflict != NULL)
		return insert_or_do(state, estate, rinfo, slot);
	claim_key(state->writer, slot);
	pfdw_writer_insert(state->writer, slot);
	return slot;
}

/* The row as the scan read it, out of the plan's junk attribute. */
static TupleTableSlot *
fetch_old_row(ModifyState *state, ResultRelInfo *rinfo,
			  TupleTableSlot *planSlot)
{
	HeapTupleHeader header;
	HeapTupleData tuple;
	bool is_null;
	Datum datum =
		ExecGetJunkAttribute(planSlot, rinfo->ri_RowIdAttNo, &is_null);

	Assert(!is_null);
	header = DatumGetHeapTupleHeader(datum);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = RelationGetRelid(rinfo->ri_RelationDesc);
	tuple.t_data = header;
	ExecForceStoreHeapTuple(&tuple, state->old_slot, false);
	return state->old_slot;
}

void
pfdw_modify_check(PfdwRowChange *change)
{
	slot_getallattrs(change->new);
	check_row(change->rinfo->ri_FdwState, change->estate, change->rinfo,
			  change->new, false);
}

/* The new row, or the old one of a DELETE; NULL: it was left alone. */
static TupleTableSlot *
change_row(ModifyState *state, EState *estate, ResultRelInfo *rinfo,
		   TupleTableSlot *old, TupleTableSlot *new)
{
	PfdwRowChange change = {.writer = state->writer,
							.mtstate = state->mtstate,
							.estate = estate,
							.rinfo = rinfo,
							.old = old,
							.new = new};

	if (!pfdw_row_change(&change))
		return NULL;
	if (change.new == NULL)
		return change.old;
	if (pfdw_key_is_changed(state->writer, change.old, change.new))
	{
		claim_key(state->writer, change.new);
		pfdw_writer_defer(state->writer,
						  pfdw_writer_shape(state->writer, change.new));
	}
	return change.new;
}

TupleTableSlot *
paimonExecForeignUpdate(EState *estate, ResultRelInfo *rinfo,
						TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	ModifyState *state = rinfo->ri_FdwState;
	PfdwWriter *writer = state->writer;
	TupleTableSlot *old = fetch_old_row(state, rinfo, planSlot);

	slot_getallattrs(slot);
	check_row(state, estate, rinfo, slot, false);
	if (writer->takes_rows)
		return change_row(state, estate, rinfo, old, slot);
	if (writer->modified != NULL && !pfdw_keyset_add(writer->modified, old))
		return NULL;
	if (pfdw_key_is_changed(writer, old, slot))
	{
		if (ignores_delete(writer->table->schema))
			refuse(RelationGetRelationName(rinfo->ri_RelationDesc),
				   "cannot change a key of foreign table \"%s\"",
				   "Option \"ignore-delete\" is \"true\".");
		claim_key(writer, slot);
		pfdw_writer_remove(writer, old);
		pfdw_writer_defer(writer, slot);
	}
	else
		pfdw_writer_add(writer, slot, PMN_UPDATE_AFTER);
	return slot;
}

TupleTableSlot *
paimonExecForeignDelete(EState *estate, ResultRelInfo *rinfo,
						TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	ModifyState *state = rinfo->ri_FdwState;
	PfdwWriter *writer = state->writer;
	TupleTableSlot *old = fetch_old_row(state, rinfo, planSlot);

	if (writer->takes_rows)
		old = change_row(state, estate, rinfo, old, NULL);
	else if (writer->modified == NULL || pfdw_keyset_add(writer->modified, old))
		pfdw_writer_remove(writer, old);
	else
		old = NULL;
	if (old == NULL)
		return NULL;
	if (rinfo->ri_projectReturning != NULL)
		ExecCopySlot(slot, old);
	return slot;
}

/* ---- what can be done with a table ------------------------------------ */

/* Of a foreign table that made its lake table: by its own options. */
static bool
declares_replacement(const PfdwOptions *options)
{
	ListCell *cell;

	foreach (cell, options->paimon_options)
	{
		DefElem *def = lfirst_node(DefElem, cell);

		if (strcmp(def->defname, "merge-engine") == 0)
			return replaces_rows(defGetString(def));
	}
	return true;
}

/* Whether rows can be changed. Unknown counts as yes: a statement then fails
 * with a better message. */
static bool
takes_changes(const PfdwOptions *options)
{
	MemoryContext context;
	PfdwEnv *env;
	PmnCatalog *catalog = NULL;
	PmnTable *table = NULL;
	bool result = true;

	if (options->primary_key != NULL)
		return declares_replacement(options);
	context = AllocSetContextCreate(CurrentMemoryContext, "paimon key check",
									ALLOCSET_SMALL_SIZES);
	env = pfdw_env_create(context, "paimon key check");
	if (pmn_catalog_open(&env->base, options->ref.warehouse, &catalog) ==
			PMN_OK &&
		pmn_table_open(catalog, options->ref.database, options->ref.table,
					   options->ref.branch, &table) == PMN_OK)
		result = pmn_table_has_primary_key(table) &&
				 replaces_rows(pmn_schema_option(pmn_table_schema(table),
												 "merge-engine"));
	pmn_table_close(table);
	pmn_catalog_close(catalog);
	MemoryContextDelete(context);
	return result;
}

int
paimonIsForeignRelUpdatable(Relation rel)
{
	PfdwOptions *options = pfdw_options_get(RelationGetRelid(rel));

	if (!options->updatable || options->travel.kind != PMN_TRAVEL_LATEST ||
		options->has_changes || options->system_kind != PFDW_SYSTEM_NONE)
		return 0;
	if (!takes_changes(options))
		return 1 << CMD_INSERT;
	return (1 << CMD_INSERT) | (1 << CMD_UPDATE) | (1 << CMD_DELETE);
}
