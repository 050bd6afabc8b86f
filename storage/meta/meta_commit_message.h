/*
 * meta_commit_message.h
 *
 * What a writer hands to a committer: new files, and files that a compaction
 * took away and made, by bucket. Serialised later for the outbox.
 */
#ifndef META_COMMIT_MESSAGE_H
#define META_COMMIT_MESSAGE_H

#include "../include/pmn_table.h"
#include "meta_manifest.h"

struct PmnMessage
{
	PmnEnv *env;
	PmnArena *arena;			 /* holds what the lists point to */
	PmnEntryList new_files;		 /* ADD, source APPEND */
	PmnEntryList compact_before; /* DELETE */
	PmnEntryList compact_after;	 /* ADD, source COMPACT (or moved up) */
};

PMN_CHECKED PmnCode pmn_message_create(PmnEnv *env, PmnMessage **out);

/* Append a deep copy of file as an entry of the list. */
PMN_CHECKED PmnCode pmn_message_add(PmnMessage *message, PmnEntryList *list,
									int32_t kind, PmnBytes partition,
									int32_t bucket, int32_t total_buckets,
									const PmnDataFile *file);

#endif /* META_COMMIT_MESSAGE_H */
