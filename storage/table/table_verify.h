/*
 * table_verify.h
 *
 * What the two halves of verification share: where reports go.
 */
#ifndef TABLE_VERIFY_H
#define TABLE_VERIFY_H

#include "table_internal.h"

typedef struct PmnVerify
{
	PmnEnv *env;
	PmnTable *table;
	PmnArena *arena; /* lives as long as the verification */
	PmnProblemVisitor visit;
	void *context;
	bool stopped; /* the visitor wants no more */
} PmnVerify;

/* Report a problem of an object; object is not terminated. */
void pmn_verify_report(PmnVerify *verify, PmnBytes object, const char *format,
					   ...) PMN_PRINTF(3, 4);

/*
 * pmn_verify_code -- report a failed call and go on. Returns the code only
 * when it says nothing about the table: no memory, cancelled.
 */
PMN_CHECKED PmnCode pmn_verify_code(PmnVerify *verify, PmnBytes object,
									PmnCode code);

/* Read one live data file and compare it with its manifest entry. */
PMN_CHECKED PmnCode pmn_verify_file(PmnVerify *verify,
									const PmnManifestEntry *entry);

/* Read the deletion vectors of a snapshot and compare them with its live
 * files. */
PMN_CHECKED PmnCode pmn_verify_deletions(PmnVerify *verify,
										 const PmnSnapshot *snapshot,
										 const PmnEntryList *live);

#endif /* TABLE_VERIFY_H */
