/*
 * pmn_outbox.h
 *
 * For programs that keep commit messages of their own and publish them later:
 * a message as bytes, and which snapshots came from which commit.
 */
#ifndef PMN_OUTBOX_H
#define PMN_OUTBOX_H

#include "pmn_table.h"

#ifdef __cplusplus
extern "C"
{
#endif

	/*
 * pmn_message_serialize -- the message as bytes that outlive this process;
 * *out is memory of the table's env, freed by pmn_message_bytes_free (or with
 * the env).
 *
 * pmn_message_deserialize -- the message again, in any process and for a table
 * handle that may show a newer schema; does all that the first one did. The
 * bytes are not kept.
 * Errors    PMN_CORRUPT, PMN_UNSUPPORTED (made by a newer version, or larger
 *           than 1 GB)
 */
	PMN_CHECKED PmnCode pmn_message_serialize(PmnTable *table,
											  const PmnMessage *message,
											  PmnBytes *out);
	void pmn_message_bytes_free(PmnTable *table, PmnBytes *bytes);
	PMN_CHECKED PmnCode pmn_message_deserialize(PmnTable *table, PmnBytes bytes,
												PmnMessage **out);

#ifdef __cplusplus
}
#endif
#endif /* PMN_OUTBOX_H */
