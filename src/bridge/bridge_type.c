/*
 * bridge_type.c
 *
 * Which PostgreSQL type stands for a Paimon type, which Paimon type is made
 * for a declared column, and which declarations fit an existing column.
 *
 * A declaration fits when every value of the lake can be shown unchanged and
 * the type modifier stays true: numeric(12,4) over DECIMAL(10,2) would show
 * numbers in a shape that the declaration denies, so it is refused. Text
 * columns may also be declared as uuid, json, jsonb or an enum, whose values
 * then pass through the type's own input and output functions.
 *
 * Paimon's TIME keeps milliseconds whatever its precision says. A column
 * declared as time, without a precision, becomes TIME(3), and writing a value
 * finer than that is an error; time(4) to time(6) promise what can't be
 * kept and are refused. Nested types are in bridge_nested.c.
 */
#include "bridge_nested.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#define TIME_PRECISION_KEPT 3
#define TIMESTAMP_PRECISION_PG 6

static void type_from_declared(Oid base, int32 typmod, const char *column,
							   PmnType *out);
static void decimal_from_declared(int32 typmod, const char *column,
								  PmnType *out);
static void time_from_declared(int32 typmod, const char *column, PmnType *out);
static bool typmod_fits(const PmnType *type, Oid base, int32 typmod);
static void type_error(const char *column, Oid typid, int32 typmod,
					   const char *hint) pg_attribute_noreturn();

static int32
numeric_typmod(int32 precision, int32 scale)
{
	return ((precision << 16) | (scale & 0x7ff)) + VARHDRSZ;
}

void
pfdw_type_to_pg(const PmnType *type, const char *column, Oid *typid,
				int32 *typmod)
{
	char name[128];

	*typmod = -1;
	switch (type->kind)
	{
		case PMN_TYPE_BOOLEAN:
			*typid = BOOLOID;
			return;
		case PMN_TYPE_TINYINT:
		case PMN_TYPE_SMALLINT:
			*typid = INT2OID;
			return;
		case PMN_TYPE_INT:
			*typid = INT4OID;
			return;
		case PMN_TYPE_BIGINT:
			*typid = INT8OID;
			return;
		case PMN_TYPE_FLOAT:
			*typid = FLOAT4OID;
			return;
		case PMN_TYPE_DOUBLE:
			*typid = FLOAT8OID;
			return;
		case PMN_TYPE_DECIMAL:
			*typid = NUMERICOID;
			*typmod = numeric_typmod(type->precision, type->scale);
			return;
		case PMN_TYPE_CHAR:
		case PMN_TYPE_VARCHAR:
			*typid = TEXTOID;
			if (type->length > 0 && type->length <= MaxAttrSize)
			{
				*typid = VARCHAROID;
				*typmod = type->length + VARHDRSZ;
			}
			return;
		case PMN_TYPE_BINARY:
		case PMN_TYPE_VARBINARY:
		case PMN_TYPE_BLOB:
			*typid = BYTEAOID;
			return;
		case PMN_TYPE_DATE:
			*typid = DATEOID;
			return;
		case PMN_TYPE_TIME:
			*typid = TIMEOID;
			*typmod = Min(type->precision, TIMESTAMP_PRECISION_PG);
			return;
		case PMN_TYPE_TIMESTAMP:
		case PMN_TYPE_TIMESTAMP_LTZ:
			*typid = type->kind == PMN_TYPE_TIMESTAMP ? TIMESTAMPOID
													  : TIMESTAMPTZOID;
			*typmod = Min(type->precision, TIMESTAMP_PRECISION_PG);
			return;
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_MULTISET:
		case PMN_TYPE_MAP:
		case PMN_TYPE_ROW:
		case PMN_TYPE_VARIANT:
		case PMN_TYPE_VECTOR:
			pfdw_nested_to_pg(type, column, typid, typmod);
			return;
		case PMN_TYPE_GEOMETRY:
		case PMN_TYPE_GEOGRAPHY:
			break;
	}
	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
					errmsg("column \"%s\" has type %s, which is not supported",
						   column, pmn_type_name(type, name, sizeof(name)))));
}

char *
pfdw_type_to_sql(const PmnType *type, const char *column)
{
	Oid typid;
	int32 typmod;

	pfdw_type_to_pg(type, column, &typid, &typmod);
	return format_type_with_typemod(typid, typmod);
}

void
pfdw_type_from_pg(Oid typid, int32 typmod, bool not_null, const char *column,
				  const char *paimon_type, PmnType *out)
{
	Oid base;

	memset(out, 0, sizeof(*out));
	if (paimon_type == NULL)
	{
		base = getBaseTypeAndTypmod(typid, &typmod);
		if (!pfdw_nested_from_pg(base, typmod, column, out))
			type_from_declared(base, typmod, column, out);
	}
	else
	{
		/* What a nested type holds lives in the environment's context. */
		PfdwEnv *env = pfdw_env_create(CurrentMemoryContext, "paimon_type");
		PmnParsedType *parsed;
		PmnCode code = pmn_type_parse_sql(
			&env->base, pfdw_name_to_lake(paimon_type), &parsed);

		if (code == PMN_INVALID)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("invalid value \"%s\" for option \"paimon_type\" "
							"of column \"%s\"",
							paimon_type, column)));
		pfdw_check(env, code);
		*out = parsed->type;
		pfdw_type_check(out, typid, typmod, column);
	}
	out->is_nullable = !not_null;
}

bool
pfdw_type_fits(const PmnType *type, Oid typid, int32 typmod, const char *column)
{
	Oid natural;
	int32 natural_typmod;
	Oid base;

	if (pmn_type_is_nested(type))
		return pfdw_nested_fits(type, typid, typmod, column);
	pfdw_type_to_pg(type, column, &natural, &natural_typmod);
	base = getBaseTypeAndTypmod(typid, &typmod);
	/* bytea takes text as its bytes: the only form for text with a NUL. */
	if (natural == TEXTOID || natural == VARCHAROID)
		return base == BYTEAOID || base == TEXTOID || base == VARCHAROID ||
			   base == BPCHAROID || base == UUIDOID || base == JSONOID ||
			   base == JSONBOID || type_is_enum(base);
	return base == natural && typmod_fits(type, base, typmod);
}

void
pfdw_type_check(const PmnType *type, Oid typid, int32 typmod,
				const char *column)
{
	Oid natural;
	int32 natural_typmod;
	char name[128];

	if (pfdw_type_fits(type, typid, typmod, column))
		return;
	pfdw_type_to_pg(type, column, &natural, &natural_typmod);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg("column \"%s\" is declared as %s but has type %s in the "
					"lake",
					column, format_type_with_typemod(typid, typmod),
					pmn_type_name(type, name, sizeof(name))),
			 errhint("Declare it as %s.",
					 format_type_with_typemod(natural, natural_typmod))));
}

/* Whether all the lake's values obey the declared modifier. */
static bool
typmod_fits(const PmnType *type, Oid base, int32 typmod)
{
	if (typmod < 0)
		return true;
	switch (base)
	{
		case NUMERICOID:
			return typmod == numeric_typmod(type->precision, type->scale);
		case TIMEOID:
			return typmod >= Min(type->precision, TIME_PRECISION_KEPT);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return typmod >= Min(type->precision, TIMESTAMP_PRECISION_PG);
		default:
			return true;
	}
}

static void
type_from_declared(Oid base, int32 typmod, const char *column, PmnType *out)
{
	switch (base)
	{
		case BOOLOID:
			out->kind = PMN_TYPE_BOOLEAN;
			return;
		case INT2OID:
			out->kind = PMN_TYPE_SMALLINT;
			return;
		case INT4OID:
			out->kind = PMN_TYPE_INT;
			return;
		case INT8OID:
			out->kind = PMN_TYPE_BIGINT;
			return;
		case FLOAT4OID:
			out->kind = PMN_TYPE_FLOAT;
			return;
		case FLOAT8OID:
			out->kind = PMN_TYPE_DOUBLE;
			return;
		case NUMERICOID:
			decimal_from_declared(typmod, column, out);
			return;
		case BYTEAOID:
			out->kind = PMN_TYPE_VARBINARY;
			out->length = PMN_LENGTH_MAX;
			return;
		case DATEOID:
			out->kind = PMN_TYPE_DATE;
			return;
		case TIMEOID:
			time_from_declared(typmod, column, out);
			return;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			out->kind = base == TIMESTAMPOID ? PMN_TYPE_TIMESTAMP
											 : PMN_TYPE_TIMESTAMP_LTZ;
			out->precision = typmod >= 0 ? typmod : TIMESTAMP_PRECISION_PG;
			return;
		case VARCHAROID:
		case BPCHAROID:
			out->kind = base == BPCHAROID && typmod >= (int32) VARHDRSZ
							? PMN_TYPE_CHAR
							: PMN_TYPE_VARCHAR;
			out->length =
				typmod >= (int32) VARHDRSZ ? typmod - VARHDRSZ : PMN_LENGTH_MAX;
			return;
		case TEXTOID:
		case UUIDOID:
		case JSONOID:
		case JSONBOID:
			out->kind = PMN_TYPE_VARCHAR;
			out->length = PMN_LENGTH_MAX;
			return;
		case INTERVALOID:
			type_error(column, base, typmod,
					   "Paimon has no intervals: use bigint for a number of "
					   "units, or text.");
		case TIMETZOID:
			type_error(column, base, typmod,
					   "Use time(3), or timestamp with time zone.");
		default:
			break;
	}
	if (!type_is_enum(base))
		type_error(column, base, typmod,
				   "Use a type that Paimon has, such as text.");
	out->kind = PMN_TYPE_VARCHAR;
	out->length = PMN_LENGTH_MAX;
}

static void
decimal_from_declared(int32 typmod, const char *column, PmnType *out)
{
	int32 precision;
	int32 scale;

	if (typmod < (int32) VARHDRSZ)
		type_error(column, NUMERICOID, typmod,
				   "Write numeric(precision, scale), with a precision of at "
				   "most 38.");
	precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
	/* The scale has 11 bits and a sign. */
	scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	if (precision > PMN_DECIMAL_PRECISION_MAX || scale < 0 || scale > precision)
		type_error(column, NUMERICOID, typmod,
				   "Write numeric(precision, scale), with a precision of at "
				   "most 38 and a scale between 0 and the precision.");
	out->kind = PMN_TYPE_DECIMAL;
	out->precision = precision;
	out->scale = scale;
}

static void
time_from_declared(int32 typmod, const char *column, PmnType *out)
{
	if (typmod > TIME_PRECISION_KEPT)
		type_error(column, TIMEOID, typmod,
				   "Paimon keeps milliseconds: write time(3).");
	out->kind = PMN_TYPE_TIME;
	out->precision = typmod >= 0 ? typmod : TIME_PRECISION_KEPT;
}

static void
type_error(const char *column, Oid typid, int32 typmod, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
					errmsg("column \"%s\" of type %s has no Paimon type",
						   column, format_type_with_typemod(typid, typmod)),
					errhint("%s", hint)));
}
