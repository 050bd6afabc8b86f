/*
 * type_name.h
 *
 * SQL spelling of types, shared by type_name.c, type_spell.c and type_json.c.
 */
#ifndef TYPE_NAME_H
#define TYPE_NAME_H

#include "type.h"

/* Types inside types, at most. */
#define PMN_TYPE_DEPTH_MAX 32

/* Of GEOMETRY and GEOGRAPHY when nothing else is said. */
#define PMN_TYPE_CRS "OGC:CRS84"
#define PMN_TYPE_EDGE_ALGORITHM "spherical"

/* Room for the spelling of any atomic type, GEOMETRY included. */
#define PMN_TYPE_NAME_SIZE 512

/*
 * pmn_type_parse_text -- parse the spelling of an atomic type, or of one
 * Paimon nests in a string: "VECTOR<FLOAT, 8>", "INT ARRAY".
 *
 * arena     NULL: nested types and foreign reference systems are
 *           PMN_UNSUPPORTED
 * wrong     the code of text that is no type: PMN_INVALID or PMN_CORRUPT
 */
PMN_CHECKED PmnCode pmn_type_parse_text(PmnEnv *env, PmnArena *arena,
										const char *text, PmnCode wrong,
										PmnType *out);

/* Whether a VECTOR may hold elements of this type. */
bool pmn_type_is_vector_element(const PmnType *type);

#endif /* TYPE_NAME_H */
