/*
 * table_default.h
 *
 * Default values of columns, which writers put in place of nulls.
 */
#ifndef TABLE_DEFAULT_H
#define TABLE_DEFAULT_H

#include "table_internal.h"

typedef struct PmnDefault
{
	uint32_t field;
	PmnVector value;  /* of one row, not null */
	PmnBuffer values; /* the column at hand with its nulls replaced */
} PmnDefault;

typedef struct PmnDefaults
{
	PmnEnv *env;
	PmnDefault *items;
	uint32_t count;
	PmnVector *columns; /* as many as the schema has fields */
	PmnBatch batch;
} PmnDefaults;

/*
 * pmn_defaults_make -- the defaults of a schema's columns, in arena. Errors
 * PMN_UNSUPPORTED (text is not cast to that type), PMN_INVALID (the default
 * is no value of its type), naming the column.
 */
PMN_CHECKED PmnCode pmn_defaults_make(PmnArena *arena, const PmnSchema *schema,
									  PmnDefaults *out);
void pmn_defaults_free(PmnDefaults *defaults);

/*
 * pmn_defaults_apply -- batch, which has a column for each field, without the
 * nulls that have a default. *out is batch itself or lives until the next
 * call.
 */
PMN_CHECKED PmnCode pmn_defaults_apply(PmnDefaults *defaults,
									   const PmnBatch *batch,
									   const PmnBatch **out);

#endif /* TABLE_DEFAULT_H */
