/*
 * fdw_order.c
 *
 * Paths that give rows in the order of a keyed table's primary key, for ORDER
 * BY, merge joins and whatever else would sort.
 *
 * Storage gives rows in ascending order of leading key columns, with or
 * without partition columns in their places in the key. An order is offered
 * only where the two worlds order a column alike: no floats (-0.0), no
 * char(n) (blanks), no timestamps that are cut to microseconds (rows that are
 * different there are equal here, and the next column would be out of order),
 * text only where its bytes are what is compared.
 *
 * Which of that is of use, core says: to it an order looks like an index.
 *
 * Files may have another layout when the plan runs. A scan that storage then
 * can't give in order is sorted by the scan (fdw_scan_sort.c).
 */
#include "fdw_plan.h"

#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Reading in order costs so much more, beside comparisons. */
#define ORDER_COST_FACTOR 1.1

bool
pfdw_order_is_kept(Relation relation, const PfdwColumn *column)
{
	Form_pg_attribute attribute =
		TupleDescAttr(RelationGetDescr(relation), column->attnum - 1);
	const PmnType *type = column->type;

	switch (getBaseType(column->typid))
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case DATEOID:
		case TIMEOID:
		case NUMERICOID:
			return true;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return type->precision <= MAX_TIMESTAMP_PRECISION;
		case TEXTOID:
		case VARCHAROID:
			return pfdw_collation_is_bytes(attribute->attcollation);
		case BYTEAOID:
			return true;
		default:
			return false;
	}
}

/* The column of a field if it keeps order, else NULL. */
static const PfdwColumn *
find_column(Relation relation, const PfdwColumn *columns, int count,
			int32 field)
{
	for (int i = 0; i < count; i++)
	{
		if (columns[i].field == field &&
			pfdw_order_is_kept(relation, &columns[i]))
			return &columns[i];
	}
	return NULL;
}

static bool
is_partition_key(const PmnSchema *schema, const char *name)
{
	for (uint32_t i = 0; i < schema->partition_key_count; i++)
	{
		if (strcmp(schema->partition_keys[i], name) == 0)
			return true;
	}
	return false;
}

/* Leading columns of the key, as far as they keep order. */
static List *
key_order(const PmnScan *scan, Relation relation, const PmnSchema *schema,
		  const PfdwColumn *columns, int count, bool with_partitions)
{
	int32_t *fields = palloc(sizeof(int32_t) * (schema->primary_key_count + 1));
	uint32_t field_count = 0;
	List *attnums = NIL;

	for (uint32_t i = 0; i < schema->primary_key_count; i++)
	{
		const char *name = schema->primary_keys[i];
		int32_t field = pmn_schema_field_index(schema, name);
		const PfdwColumn *column;

		if (!with_partitions && is_partition_key(schema, name))
			continue;
		column = find_column(relation, columns, count, field);
		if (column == NULL)
			break;
		fields[field_count++] = field;
		attnums = lappend_int(attnums, column->attnum);
	}
	return pmn_scan_has_order(scan, fields, field_count) ? attnums : NIL;
}

List *
pfdw_orders_find(const PmnScan *scan, Relation relation,
				 const PmnSchema *schema, const PfdwColumn *columns, int count)
{
	List *orders = NIL;
	List *order = key_order(scan, relation, schema, columns, count, false);

	if (order != NIL)
		orders = lappend(orders, order);
	if (schema->partition_key_count > 0)
	{
		order = key_order(scan, relation, schema, columns, count, true);
		if (order != NIL)
			orders = lappend(orders, order);
	}
	return orders;
}

/* An index whose order is that of these attributes. */
static IndexOptInfo *
make_index(PlannerInfo *root, RelOptInfo *baserel, const List *attnums)
{
	Oid relid = planner_rt_fetch(baserel->relid, root)->relid;
	IndexOptInfo *index = makeNode(IndexOptInfo);
	int count = list_length(attnums);
	int i = 0;
	ListCell *cell;

	index->rel = baserel;
	index->ncolumns = count;
	index->nkeycolumns = count;
	/* Core looks for conditions on columns of type boolean by these. */
	index->indexkeys = palloc0(sizeof(int) * count);
	index->sortopfamily = palloc0(sizeof(Oid) * count);
	index->opfamily = index->sortopfamily;
	index->opcintype = palloc0(sizeof(Oid) * count);
	index->indexcollations = palloc0(sizeof(Oid) * count);
	index->reverse_sort = palloc0(sizeof(bool) * count);
	index->nulls_first = palloc0(sizeof(bool) * count);
	foreach (cell, attnums)
	{
		AttrNumber attnum = (AttrNumber) lfirst_int(cell);
		Oid typid;
		int32 typmod;
		Oid collation;
		Oid opclass;

		get_atttypetypmodcoll(relid, attnum, &typid, &typmod, &collation);
		opclass = GetDefaultOpClass(getBaseType(typid), BTREE_AM_OID);
		index->indexkeys[i] = attnum;
		index->sortopfamily[i] = get_opclass_family(opclass);
		index->opcintype[i] = get_opclass_input_type(opclass);
		index->indexcollations[i] = collation;
		index->indextlist = lappend(
			index->indextlist,
			makeTargetEntry((Expr *) makeVar((int) baserel->relid, attnum,
											 typid, typmod, collation, 0),
							(AttrNumber) (i + 1), NULL, false));
		i++;
	}
	return index;
}

/* What the query can use of the order; *used says how many of the columns
 * that takes. */
static List *
useful_pathkeys(PlannerInfo *root, RelOptInfo *baserel, const List *attnums,
				int *used)
{
	IndexOptInfo *index = make_index(root, baserel, attnums);
	List *best = NIL;

	for (int n = 1; n <= list_length(attnums); n++)
	{
		List *pathkeys;

		index->nkeycolumns = n;
		pathkeys = build_index_pathkeys(root, index, ForwardScanDirection);
		pathkeys = truncate_useless_pathkeys(root, baserel, pathkeys);
		if (list_length(pathkeys) <= list_length(best))
			continue;
		best = pathkeys;
		*used = n;
	}
	return best;
}

void
pfdw_add_ordered_paths(PlannerInfo *root, RelOptInfo *baserel,
					   const PfdwPlanInfo *info, Cost startup, Cost run)
{
	ListCell *cell;

	if (!pfdw_enable_sorted_scan || !has_useful_pathkeys(root, baserel))
		return;
	run = run * ORDER_COST_FACTOR + info->tested_rows * cpu_operator_cost;
	foreach (cell, info->orders)
	{
		List *attnums = lfirst(cell);
		int used = 0;
		List *pathkeys = useful_pathkeys(root, baserel, attnums, &used);

		if (pathkeys != NIL)
			pfdw_add_path_in_order(root, baserel, startup, run, pathkeys,
								   list_truncate(list_copy(attnums), used));
	}
}
