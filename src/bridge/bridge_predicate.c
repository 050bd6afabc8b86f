/*
 * bridge_predicate.c
 *
 * The part of a query's filters that storage can evaluate.
 *
 * The rule: what we build is implied by the filter. Storage may then drop
 * files and rows by it, and the executor, which checks the whole filter
 * again, decides the rest. So a conjunct that can't be said is left out, an
 * OR needs something from each arm, and nothing is ever negated (the planner
 * has already turned NOT into negated operators).
 *
 * Operators are recognised by their place in the default btree family of the
 * column's type, never by name. Where the two worlds order values
 * differently, the predicate is made wider:
 *
 *   text   Paimon compares bytes. Equality holds under any deterministic
 *          collation, ranges only under C.
 *   float  The server holds -0.0 = 0.0, Paimon -0.0 < 0.0: a comparison with
 *          zero uses the zero that keeps both.
 *   time   A TIMESTAMP(9) is read cut to microseconds: t = x becomes
 *          t >= x AND t < x + 1 us.
 *
 * Where nothing is left out and no operand is null, the predicate says just
 * what the filter does; aggregates need to know that.
 *
 * char(n) is left out, as its comparison ignores trailing blanks, and so are
 * uuid, json and enum columns, whose order and spelling storage does not
 * know.
 */
#include "bridge_convert.h"

#include "access/stratnum.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "mb/pg_wchar.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_locale.h"
#include "utils/typcache.h"

/* text ^@ text; the catalog gives it no symbol. */
#define TEXT_STARTS_WITH_OPERATOR 3877

#define IN_LIST_MAX 100000
#define NOT_IN_LIST_MAX 64

typedef struct BuildContext
{
	Index varno;
	const PfdwColumn *columns;
	int column_count;
	ExprContext *econtext; /* NULL: constants only */
	bool *is_exact;		   /* becomes false where something is left out */
	int *deferred;		   /* left out for want of econtext only */
} BuildContext;

/* A column of a comparison. */
typedef struct Operand
{
	const PfdwColumn *column;
	Oid base;
} Operand;

static const PmnPredicate *build_node(const BuildContext *ctx, Node *node);
static const PmnPredicate *build_bool(const BuildContext *ctx, BoolExpr *expr);
static const PmnPredicate *build_comparison(const BuildContext *ctx,
											OpExpr *expr);
static const PmnPredicate *build_array(const BuildContext *ctx,
									   ScalarArrayOpExpr *expr);
static const PmnPredicate *build_null_test(const BuildContext *ctx,
										   NullTest *test);
static const PmnPredicate *build_boolean_test(const BuildContext *ctx,
											  BooleanTest *test);
static const PmnPredicate *build_prefix(const BuildContext *ctx, Oid opno,
										Node *left, Node *right, Oid collation);
static bool is_column(const BuildContext *ctx, Node *node, Operand *operand);
static bool evaluate(const BuildContext *ctx, Node *node, Datum *value,
					 bool *is_null);
static bool operator_strategy(Oid opno, Oid column_type, int *strategy);
static bool types_compare(Oid column_type, Oid other);
static bool collation_allows(Oid base, Oid collation, bool equality);
static const PmnPredicate *compare(const PfdwColumn *column, int strategy,
								   const PmnValue *value);
static PmnPredicate *leaf(PmnPredicateOp op, const PfdwColumn *column,
						  const PmnValue *values, uint32 count);
static const PmnPredicate *combine(PmnPredicateOp op,
								   const PmnPredicate **children, uint32 count);

/* Past the btree strategies: not equal, the negator of equal. */
#define STRATEGY_NOT_EQUAL (BTMaxStrategyNumber + 1)

const PmnPredicate *
pfdw_predicate_build(List *quals, Index varno, const PfdwColumn *columns,
					 int column_count, ExprContext *econtext, List **used,
					 bool *is_exact)
{
	bool ignored = true;
	int deferred = 0;
	BuildContext ctx = {varno,
						columns,
						column_count,
						econtext,
						is_exact == NULL ? &ignored : is_exact,
						&deferred};
	const PmnPredicate **children;
	uint32 count = 0;
	ListCell *cell;

	*ctx.is_exact = true;
	children = palloc(Max(list_length(quals), 1) * sizeof(*children));
	foreach (cell, quals)
	{
		Node *node = lfirst(cell);
		const PmnPredicate *child;
		int before = deferred;

		if (IsA(node, RestrictInfo))
			node = (Node *) ((RestrictInfo *) node)->clause;
		child = build_node(&ctx, node);
		if (child == NULL)
		{
			*ctx.is_exact &= deferred > before;
			continue;
		}
		children[count++] = child;
		if (used != NULL)
			*used = lappend(*used, node);
	}
	return combine(PMN_PREDICATE_AND, children, count);
}

static const PmnPredicate *
build_node(const BuildContext *ctx, Node *node)
{
	Operand operand;
	PmnValue one = {.is_null = false, .as.i64 = 1};

	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_BoolExpr:
			return build_bool(ctx, (BoolExpr *) node);
		case T_OpExpr:
			return build_comparison(ctx, (OpExpr *) node);
		case T_ScalarArrayOpExpr:
			return build_array(ctx, (ScalarArrayOpExpr *) node);
		case T_NullTest:
			return build_null_test(ctx, (NullTest *) node);
		case T_BooleanTest:
			return build_boolean_test(ctx, (BooleanTest *) node);
		case T_Var:
			if (is_column(ctx, node, &operand) && operand.base == BOOLOID)
				return leaf(PMN_PREDICATE_EQ, operand.column, &one, 1);
			return NULL;
		default:
			return NULL;
	}
}

static const PmnPredicate *
build_bool(const BuildContext *ctx, BoolExpr *expr)
{
	const PmnPredicate **children;
	uint32 count = 0;
	ListCell *cell;
	Operand operand;
	PmnValue zero = {.is_null = false, .as.i64 = 0};

	if (expr->boolop == NOT_EXPR)
	{
		if (is_column(ctx, linitial(expr->args), &operand) &&
			operand.base == BOOLOID)
			return leaf(PMN_PREDICATE_EQ, operand.column, &zero, 1);
		return NULL;
	}
	children = palloc(list_length(expr->args) * sizeof(*children));
	foreach (cell, expr->args)
	{
		int before = *ctx->deferred;
		const PmnPredicate *child = build_node(ctx, lfirst(cell));

		if (child != NULL)
			children[count++] = child;
		else if (expr->boolop == OR_EXPR)
			return NULL;
		else
			*ctx->is_exact &= *ctx->deferred > before;
	}
	return combine(expr->boolop == OR_EXPR ? PMN_PREDICATE_OR
										   : PMN_PREDICATE_AND,
				   children, count);
}

/* Comparing with null is true of no row; so are these two together. */
static const PmnPredicate *
no_row(const Operand *operand)
{
	const PmnPredicate *both[2];

	both[0] = leaf(PMN_PREDICATE_IS_NULL, operand->column, NULL, 0);
	both[1] = leaf(PMN_PREDICATE_NOT_NULL, operand->column, NULL, 0);
	return combine(PMN_PREDICATE_AND, both, 2);
}

static const PmnPredicate *
build_comparison(const BuildContext *ctx, OpExpr *expr)
{
	Node *left;
	Node *right;
	Operand operand;
	Oid opno = expr->opno;
	Datum datum;
	bool is_null;
	int strategy;
	PmnValue value;

	if (list_length(expr->args) != 2)
		return NULL;
	left = linitial(expr->args);
	right = lsecond(expr->args);
	if (opno == OID_TEXT_LIKE_OP || opno == TEXT_STARTS_WITH_OPERATOR)
		return build_prefix(ctx, opno, left, right, expr->inputcollid);
	if (!is_column(ctx, left, &operand))
	{
		Node *swap = left;

		left = right;
		right = swap;
		opno = get_commutator(opno);
		if (!OidIsValid(opno) || !is_column(ctx, left, &operand))
			return NULL;
	}
	if (!operator_strategy(opno, operand.base, &strategy) ||
		!types_compare(operand.base, getBaseType(exprType(right))) ||
		!collation_allows(operand.base, expr->inputcollid,
						  strategy == BTEqualStrategyNumber ||
							  strategy == STRATEGY_NOT_EQUAL))
		return NULL;
	if (!evaluate(ctx, right, &datum, &is_null))
		return NULL;
	if (is_null)
		return no_row(&operand);
	if (!pfdw_value_from_datum(operand.column->type, exprType(right), datum,
							   &value))
		return NULL;
	return compare(operand.column, strategy, &value);
}

/*
 * column = ANY (array) and column <> ALL (array). A null element can't make
 * the first true, and always keeps the second from being true.
 */
static const PmnPredicate *
build_array(const BuildContext *ctx, ScalarArrayOpExpr *expr)
{
	Operand operand;
	Node *right = lsecond(expr->args);
	int wanted = expr->useOr ? BTEqualStrategyNumber : STRATEGY_NOT_EQUAL;
	int strategy;
	Oid element_type;
	Datum datum;
	bool is_null;
	int16 length;
	bool by_value;
	char align;
	Datum *elements;
	bool *nulls;
	int element_count;
	const PmnPredicate **children;
	uint32 count = 0;

	if (!is_column(ctx, linitial(expr->args), &operand))
		return NULL;
	element_type = get_base_element_type(exprType(right));
	if (!OidIsValid(element_type) ||
		!operator_strategy(expr->opno, operand.base, &strategy) ||
		strategy != wanted ||
		!types_compare(operand.base, getBaseType(element_type)) ||
		!collation_allows(operand.base, expr->inputcollid, true) ||
		!evaluate(ctx, right, &datum, &is_null) || is_null)
		return NULL;
	get_typlenbyvalalign(element_type, &length, &by_value, &align);
	deconstruct_array(DatumGetArrayTypeP(datum), element_type, length, by_value,
					  align, &elements, &nulls, &element_count);
	if (element_count > (expr->useOr ? IN_LIST_MAX : NOT_IN_LIST_MAX))
		return NULL;
	children = palloc(Max(element_count, 1) * sizeof(*children));
	for (int i = 0; i < element_count; i++)
	{
		PmnValue value;

		if (nulls[i])
		{
			*ctx->is_exact &= expr->useOr;
			continue;
		}
		if (!pfdw_value_from_datum(operand.column->type, element_type,
								   elements[i], &value))
			return NULL;
		children[count] = compare(operand.column, strategy, &value);
		if (children[count] == NULL)
			return NULL;
		count++;
	}
	return combine(expr->useOr ? PMN_PREDICATE_OR : PMN_PREDICATE_AND, children,
				   count);
}

static const PmnPredicate *
build_null_test(const BuildContext *ctx, NullTest *test)
{
	Operand operand;

	if (test->argisrow || !is_column(ctx, (Node *) test->arg, &operand))
		return NULL;
	return leaf(test->nulltesttype == IS_NULL ? PMN_PREDICATE_IS_NULL
											  : PMN_PREDICATE_NOT_NULL,
				operand.column, NULL, 0);
}

static const PmnPredicate *
build_boolean_test(const BuildContext *ctx, BooleanTest *test)
{
	Operand operand;
	PmnValue value = {.is_null = false, .as.i64 = 0};
	const PmnPredicate *children[2];

	if (!is_column(ctx, (Node *) test->arg, &operand) ||
		operand.base != BOOLOID)
		return NULL;
	switch (test->booltesttype)
	{
		case IS_TRUE:
		case IS_NOT_FALSE:
			value.as.i64 = 1;
			break;
		case IS_FALSE:
		case IS_NOT_TRUE:
			break;
		case IS_UNKNOWN:
			return leaf(PMN_PREDICATE_IS_NULL, operand.column, NULL, 0);
		case IS_NOT_UNKNOWN:
			return leaf(PMN_PREDICATE_NOT_NULL, operand.column, NULL, 0);
	}
	children[0] = leaf(PMN_PREDICATE_EQ, operand.column, &value, 1);
	if (test->booltesttype == IS_TRUE || test->booltesttype == IS_FALSE)
		return children[0];
	children[1] = leaf(PMN_PREDICATE_IS_NULL, operand.column, NULL, 0);
	return combine(PMN_PREDICATE_OR, children, 2);
}

/*
 * column LIKE 'abc%' and column ^@ 'abc'. A pattern is a plain prefix when
 * its only wildcards are "%" at the end and nothing is escaped.
 */
static const PmnPredicate *
build_prefix(const BuildContext *ctx, Oid opno, Node *left, Node *right,
			 Oid collation)
{
	Operand operand;
	Datum datum;
	bool is_null;
	PmnValue value;
	const PmnBytes *bytes = &value.as.bytes;
	uint32 size;

	if (!is_column(ctx, left, &operand) ||
		(operand.base != TEXTOID && operand.base != VARCHAROID) ||
		exprType(right) != TEXTOID ||
		!collation_allows(operand.base, collation, true) ||
		!evaluate(ctx, right, &datum, &is_null) || is_null ||
		!pfdw_value_from_datum(operand.column->type, TEXTOID, datum, &value))
		return NULL;
	size = bytes->size;
	if (opno == OID_TEXT_LIKE_OP)
	{
		while (size > 0 && bytes->data[size - 1] == '%')
			size--;
		if (memchr(bytes->data, '%', size) != NULL ||
			memchr(bytes->data, '_', size) != NULL ||
			memchr(bytes->data, '\\', size) != NULL)
			return NULL;
		if (size == bytes->size)
			return leaf(PMN_PREDICATE_EQ, operand.column, &value, 1);
	}
	if (size == 0)
		return leaf(PMN_PREDICATE_NOT_NULL, operand.column, NULL, 0);
	value.as.bytes.size = size;
	return leaf(PMN_PREDICATE_STARTS_WITH, operand.column, &value, 1);
}

/* A plain column of our relation that storage can compare. */
static bool
is_column(const BuildContext *ctx, Node *node, Operand *operand)
{
	Var *var;

	/* varchar compares as text, a domain as its base type. */
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (node == NULL || !IsA(node, Var))
		return false;
	var = (Var *) node;
	if (var->varno != (int) ctx->varno || var->varlevelsup != 0 ||
		var->varattno <= 0)
		return false;
	for (int i = 0; i < ctx->column_count; i++)
	{
		const PfdwColumn *column = &ctx->columns[i];

		/* Columns that no field has are the executor's to test. */
		if (column->attnum != var->varattno || column->field < 0)
			continue;
		operand->column = column;
		operand->base = getBaseType(column->typid);
		return operand->base != BPCHAROID &&
			   pmn_type_vector_kind(column->type) != PMN_VECTOR_NONE &&
			   !pmn_type_is_nested(column->type);
	}
	return false;
}

/*
 * The value of the other side: a constant, or at run time anything that
 * stays the same during the scan.
 */
static bool
evaluate(const BuildContext *ctx, Node *node, Datum *value, bool *is_null)
{
	MemoryContext context;
	MemoryContext old_context;
	ExprState *state;
	int16 length;
	bool by_value;

	if (IsA(node, Const))
	{
		*value = ((Const *) node)->constvalue;
		*is_null = ((Const *) node)->constisnull;
		return true;
	}
	if (contain_var_clause(node) || contain_volatile_functions(node) ||
		contain_subplans(node))
		return false;
	if (ctx->econtext == NULL)
	{
		(*ctx->deferred)++;
		return false;
	}

	/* A rescan comes here again and again: keep the value, nothing else. */
	context = AllocSetContextCreate(CurrentMemoryContext, "paimon_fdw value",
									ALLOCSET_SMALL_SIZES);
	old_context = MemoryContextSwitchTo(context);
	state = ExecInitExpr((Expr *) node, NULL);
	*value = ExecEvalExpr(state, ctx->econtext, is_null);
	MemoryContextSwitchTo(old_context);
	if (!*is_null)
	{
		get_typlenbyval(exprType(node), &length, &by_value);
		*value = datumCopy(*value, by_value, length);
	}
	MemoryContextDelete(context);
	return true;
}

/* What an operator means for a column's default order. */
static bool
operator_strategy(Oid opno, Oid column_type, int *strategy)
{
	TypeCacheEntry *entry =
		lookup_type_cache(column_type, TYPECACHE_BTREE_OPFAMILY);
	Oid negator;

	if (!OidIsValid(entry->btree_opf))
		return false;
	*strategy = get_op_opfamily_strategy(opno, entry->btree_opf);
	if (*strategy != 0)
		return true;
	negator = get_negator(opno);
	if (!OidIsValid(negator) ||
		get_op_opfamily_strategy(negator, entry->btree_opf) !=
			BTEqualStrategyNumber)
		return false;
	*strategy = STRATEGY_NOT_EQUAL;
	return true;
}

/*
 * Type pairs within a family that compare as plain values. Dates and
 * timestamps share a family but compare through the session's time zone.
 */
static bool
types_compare(Oid column_type, Oid other)
{
	switch (column_type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return other == INT2OID || other == INT4OID || other == INT8OID;
		case FLOAT4OID:
		case FLOAT8OID:
			return other == FLOAT4OID || other == FLOAT8OID;
		case TEXTOID:
		case VARCHAROID:
			return other == TEXTOID || other == VARCHAROID;
		case BOOLOID:
		case NUMERICOID:
		case BYTEAOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return other == column_type;
		default:
			return false;
	}
}

/*
 * Under C the server compares the bytes of its own encoding, which order as
 * UTF-8 does only where they are UTF-8.
 */
static bool
collation_allows(Oid base, Oid collation, bool equality)
{
	int encoding = GetDatabaseEncoding();

	if (base != TEXTOID && base != VARCHAROID)
		return true;
	if (!OidIsValid(collation))
		return false;
	if (equality)
		return get_collation_isdeterministic(collation);
	return (encoding == PG_UTF8 || encoding == PG_SQL_ASCII) &&
		   lc_collate_is_c(collation);
}

bool
pfdw_predicate_is_key(Expr *clause, Index varno, const PfdwColumn *columns,
					  int column_count, bool *is_equality, AttrNumber *attnum)
{
	bool exact = true;
	int deferred = 0;
	BuildContext ctx = {varno, columns, column_count, NULL, &exact, &deferred};
	OpExpr *expr = (OpExpr *) clause;
	Operand operand;
	Node *other;
	Oid opno;
	int strategy;
	Bitmapset *own = NULL;

	if (!IsA(clause, OpExpr) || list_length(expr->args) != 2)
		return false;
	opno = expr->opno;
	other = lsecond(expr->args);
	if (!is_column(&ctx, linitial(expr->args), &operand))
	{
		other = linitial(expr->args);
		opno = get_commutator(opno);
		if (!OidIsValid(opno) ||
			!is_column(&ctx, lsecond(expr->args), &operand))
			return false;
	}
	pull_varattnos(other, varno, &own);
	if (own != NULL || contain_volatile_functions(other) ||
		contain_subplans(other) ||
		!operator_strategy(opno, operand.base, &strategy) ||
		!types_compare(operand.base, getBaseType(exprType(other))))
		return false;
	*is_equality = strategy == BTEqualStrategyNumber;
	*attnum = operand.column->attnum;
	return strategy != STRATEGY_NOT_EQUAL &&
		   collation_allows(operand.base, expr->inputcollid, *is_equality);
}

bool
pfdw_collation_is_bytes(Oid collation)
{
	return collation_allows(TEXTOID, collation, false);
}

static PmnPredicateOp
strategy_op(int strategy)
{
	switch (strategy)
	{
		case BTLessStrategyNumber:
			return PMN_PREDICATE_LT;
		case BTLessEqualStrategyNumber:
			return PMN_PREDICATE_LE;
		case BTGreaterEqualStrategyNumber:
			return PMN_PREDICATE_GE;
		case BTGreaterStrategyNumber:
			return PMN_PREDICATE_GT;
		case STRATEGY_NOT_EQUAL:
			return PMN_PREDICATE_NE;
		default:
			return PMN_PREDICATE_EQ;
	}
}

/* Zero is two values to Paimon: -0.0 and above it 0.0. */
static const PmnPredicate *
compare_zero(const PfdwColumn *column, int strategy)
{
	PmnValue *zeros = pfdw_alloc_aligned(2 * sizeof(PmnValue));
	const PmnPredicate *children[2];

	zeros[0].as.f64 = -0.0;
	zeros[1].as.f64 = 0.0;
	switch (strategy)
	{
		case BTEqualStrategyNumber:
			return leaf(PMN_PREDICATE_IN, column, zeros, 2);
		case STRATEGY_NOT_EQUAL:
			children[0] = leaf(PMN_PREDICATE_NE, column, &zeros[0], 1);
			children[1] = leaf(PMN_PREDICATE_NE, column, &zeros[1], 1);
			return combine(PMN_PREDICATE_AND, children, 2);
		case BTLessStrategyNumber:
		case BTGreaterEqualStrategyNumber:
			return leaf(strategy_op(strategy), column, &zeros[0], 1);
		default:
			return leaf(strategy_op(strategy), column, &zeros[1], 1);
	}
}

/*
 * A microsecond as the server reads it stands for a thousand nanoseconds,
 * from value up to next.
 */
static const PmnPredicate *
compare_nanos(const PfdwColumn *column, int strategy, const PmnValue *value)
{
	PmnValue next = *value;
	const PmnPredicate *children[2];

	next.as.ts96.nano += 1000;
	if (next.as.ts96.nano >= 1000000)
	{
		next.as.ts96.nano -= 1000000;
		next.as.ts96.millis++;
	}
	switch (strategy)
	{
		case BTLessStrategyNumber:
			return leaf(PMN_PREDICATE_LT, column, value, 1);
		case BTLessEqualStrategyNumber:
			return leaf(PMN_PREDICATE_LT, column, &next, 1);
		case BTGreaterEqualStrategyNumber:
			return leaf(PMN_PREDICATE_GE, column, value, 1);
		case BTGreaterStrategyNumber:
			return leaf(PMN_PREDICATE_GE, column, &next, 1);
		case BTEqualStrategyNumber:
			children[0] = leaf(PMN_PREDICATE_GE, column, value, 1);
			children[1] = leaf(PMN_PREDICATE_LT, column, &next, 1);
			return combine(PMN_PREDICATE_AND, children, 2);
		default:
			children[0] = leaf(PMN_PREDICATE_LT, column, value, 1);
			children[1] = leaf(PMN_PREDICATE_GE, column, &next, 1);
			return combine(PMN_PREDICATE_OR, children, 2);
	}
}

static const PmnPredicate *
compare(const PfdwColumn *column, int strategy, const PmnValue *value)
{
	PmnVectorKind kind = pmn_type_vector_kind(column->type);

	if ((kind == PMN_VECTOR_F32 || kind == PMN_VECTOR_F64) &&
		value->as.f64 == 0.0)
		return compare_zero(column, strategy);
	if (kind == PMN_VECTOR_TS96)
		return compare_nanos(column, strategy, value);
	return leaf(strategy_op(strategy), column, value, 1);
}

/* Copies the values, whose bytes live as long as the predicate. */
static PmnPredicate *
leaf(PmnPredicateOp op, const PfdwColumn *column, const PmnValue *values,
	 uint32 count)
{
	PmnPredicate *predicate = palloc0(sizeof(*predicate));

	predicate->op = op;
	predicate->field = column->field;
	if (count > 0)
	{
		PmnValue *literals = pfdw_alloc_aligned(count * sizeof(PmnValue));

		memcpy(literals, values, count * sizeof(PmnValue));
		predicate->literals = literals;
		predicate->literal_count = count;
	}
	return predicate;
}

/* Equalities of one column, joined by OR, are one IN. */
static const PmnPredicate *
combine_equal(const PmnPredicate **children, uint32 count)
{
	PmnPredicate *predicate;
	PmnValue *literals;
	uint32 total = 0;

	for (uint32 i = 0; i < count; i++)
	{
		if ((children[i]->op != PMN_PREDICATE_EQ &&
			 children[i]->op != PMN_PREDICATE_IN) ||
			children[i]->field != children[0]->field)
			return NULL;
		total += children[i]->literal_count;
	}
	literals = pfdw_alloc_aligned(total * sizeof(PmnValue));
	predicate = palloc0(sizeof(*predicate));
	predicate->op = PMN_PREDICATE_IN;
	predicate->field = children[0]->field;
	predicate->literals = literals;
	predicate->literal_count = total;
	for (uint32 i = 0; i < count; i++)
	{
		memcpy(literals, children[i]->literals,
			   children[i]->literal_count * sizeof(PmnValue));
		literals += children[i]->literal_count;
	}
	return predicate;
}

/* NULL for no child, the child itself for one. */
static const PmnPredicate *
combine(PmnPredicateOp op, const PmnPredicate **children, uint32 count)
{
	PmnPredicate *predicate;
	const PmnPredicate **copy;
	const PmnPredicate *in;

	if (count == 0)
		return NULL;
	if (count == 1)
		return children[0];
	if (op == PMN_PREDICATE_OR)
	{
		in = combine_equal(children, count);
		if (in != NULL)
			return in;
	}
	copy = palloc(count * sizeof(*copy));
	memcpy(copy, children, count * sizeof(*copy));
	predicate = palloc0(sizeof(*predicate));
	predicate->op = op;
	predicate->children = (const PmnPredicate *const *) copy;
	predicate->child_count = count;
	return predicate;
}
