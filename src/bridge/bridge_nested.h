/*
 * bridge_nested.h
 *
 * What the files that convert nested values share; private to this folder.
 */
#ifndef PFDW_BRIDGE_NESTED_H
#define PFDW_BRIDGE_NESTED_H

#include "bridge_convert.h"

#include "fmgr.h"
#include "utils/jsonb.h"

/* How a lake value stands in the server. */
typedef enum PfdwShape
{
	PFDW_SHAPE_SCALAR,	 /* a value of a base type */
	PFDW_SHAPE_JSONB,	 /* a jsonb of its own, or a part of one */
	PFDW_SHAPE_ARRAY,	 /* an array; one child, the element */
	PFDW_SHAPE_COMPOSITE /* a composite; a child for each field of the ROW */
} PfdwShape;

/*
 * A lake type joined with the server type it is shown as. Children follow the
 * lake type: ARRAY, VECTOR and MULTISET have an element, MAP a key and a
 * value, ROW its fields. In a JSONB part all nodes have that shape.
 */
typedef struct PfdwNode
{
	const PmnType *type;
	PmnVectorKind kind;
	PfdwShape shape;
	Oid typid; /* as declared; a domain's own */
	Oid base;
	int32 typmod;
	int16 typlen;
	bool typbyval;
	char typalign;
	bool is_domain;
	bool is_required; /* Paimon has no nulls here: MAP keys, VECTOR elements */
	bool is_input;	  /* text through the type's input and output functions */
	FmgrInfo input;
	FmgrInfo output;
	Oid input_param;
	void *domain_extra;
	MemoryContext context;
	const char *path; /* "r.z.p", for messages */
	const char *name; /* a field's, in the server's encoding */
	int name_size;
	AttrNumber attnum; /* in the parent's composite; 0: not in it */
	TupleDesc tupdesc; /* COMPOSITE */
	struct PfdwNode *children;
	uint32 child_count;
	struct PfdwVariant *variant; /* VARIANT; made on first use */
} PfdwNode;

/* ---- in bridge_nested.c ----------------------------------------------- */

/* A node for a column; it lives in the current memory context. */
extern PfdwNode *pfdw_node_create(const PmnType *type, Oid typid, int32 typmod,
								  const char *column);

/*
 * Whether a lake type of a nested kind may be declared as typid: jsonb, an
 * array over its elements, a composite over the fields of a ROW.
 */
extern bool pfdw_nested_fits(const PmnType *type, Oid typid, int32 typmod,
							 const char *column);

/* The type to make for a column of an array or composite type; false: it is
 * neither. */
extern bool pfdw_nested_from_pg(Oid base, int32 typmod, const char *column,
								PmnType *out);

/* The server's type where nothing is declared. HV004 when there is none. */
extern void pfdw_nested_to_pg(const PmnType *type, const char *column,
							  Oid *typid, int32 *typmod);

/* Element type of a true array type, else InvalidOid. */
extern Oid pfdw_array_element(Oid array);

static inline bool
pfdw_is_text(const PmnType *type)
{
	return type->kind == PMN_TYPE_CHAR || type->kind == PMN_TYPE_VARCHAR;
}

/* ---- in bridge_nested_decode.c ---------------------------------------- */

/* A value of a column as a Datum; what is left behind lies in the current
 * memory context, as the Datum does. */
extern Datum pfdw_nested_decode(PfdwNode *node, PmnBytes value);

/* ---- in bridge_nested_jsonb.c ----------------------------------------- */

/* A value of a node of shape JSONB as a jsonb. */
extern Datum pfdw_nested_jsonb(PfdwNode *node, const PmnValue *value);

/* A value of a scalar type as a part of a jsonb. */
extern void pfdw_jsonb_scalar(const PfdwNode *node, const PmnType *type,
							  const PmnValue *value, JsonbValue *out);

/* ---- in bridge_variant.c ---------------------------------------------- */

/*
 * pfdw_jsonb_variant -- push a VARIANT. token says where it goes; WJB_DONE:
 * it stands alone, and a scalar is returned in scalar.
 */
extern JsonbValue *pfdw_jsonb_variant(PfdwNode *node, PmnBytes value,
									  JsonbParseState **state,
									  JsonbIteratorToken token,
									  JsonbValue *scalar);

/* A JSON value as a VARIANT: what value and metadata point to lives until
 * the next call. */
extern void pfdw_variant_from_json(PfdwNode *node, const JsonbValue *json,
								   PmnBytes *value, PmnBytes *metadata);

/* ---- in bridge_nested_encode.c ---------------------------------------- */

/* Writes the values of any number of columns, one after the other. */
typedef struct PfdwNestedEncoder
{
	PfdwEnv *env;
	PmnNestedWriter writer;
} PfdwNestedEncoder;

extern PfdwNestedEncoder *pfdw_nested_encoder_create(MemoryContext context);

/* HV004 when writing as the declared type would lose something. */
extern void pfdw_node_check_write(const PfdwNode *node);

/*
 * pfdw_nested_encode -- a value of a column; its bytes are those of the
 * writer. False: it is JSON's null, which is a null.
 */
extern bool pfdw_nested_encode(PfdwNestedEncoder *encoder, PfdwNode *node,
							   Datum datum);

/* One slot, or the count before slots; nulls and lengths are checked. */
extern void pfdw_nested_put(PfdwNestedEncoder *encoder, const PfdwNode *node,
							const PmnValue *value);
extern void pfdw_nested_put_null(PfdwNestedEncoder *encoder,
								 const PfdwNode *node);
extern void pfdw_nested_put_fit(PfdwNestedEncoder *encoder,
								const PfdwNode *node, PfdwFit fit,
								const PmnValue *value);
extern void pfdw_nested_put_count(PfdwNestedEncoder *encoder,
								  const PfdwNode *node, uint32 count);

/* ---- in bridge_nested_json.c ------------------------------------------ */

/* A jsonb as a slot, and as a whole value. */
extern void pfdw_nested_put_json(PfdwNestedEncoder *encoder, PfdwNode *node,
								 Jsonb *jsonb);
extern bool pfdw_nested_json_content(PfdwNestedEncoder *encoder, PfdwNode *node,
									 Jsonb *jsonb);

/* ---- errors ------------------------------------------------------------ */

/* In bridge_encode.c; name is a path. */
extern void pfdw_encode_null_error(const char *name) pg_attribute_noreturn();
extern void pfdw_encode_fit_error(const char *name, const PmnType *type,
								  PfdwFit fit) pg_attribute_noreturn();
extern void pfdw_encode_check_length(const char *name, const PmnType *type,
									 PmnBytes bytes);

extern void pfdw_nested_broken(const PfdwNode *node) pg_attribute_noreturn();
extern void pfdw_nested_range_error(const PfdwNode *node)
	pg_attribute_noreturn();
extern void pfdw_nested_text_error(const PfdwNode *node)
	pg_attribute_noreturn();

#endif /* PFDW_BRIDGE_NESTED_H */
