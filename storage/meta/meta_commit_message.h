/*
 * meta_commit_message.h
 *
 * What a writer hands to a committer: new files, and files that a compaction
 * took away and made, by bucket. A list added here is to be kept by
 * meta_message_bytes.c, too.
 */
#ifndef META_COMMIT_MESSAGE_H
#define META_COMMIT_MESSAGE_H

#include "../include/pmn_table.h"
#include "meta_manifest.h"

/* An index file of a bucket with dynamic buckets. */
typedef struct PmnHashFile
{
	PmnBytes partition; /* serialized row */
	int32_t bucket;		/* -1: the partition had no index */
	const char *file_name;
	int64_t file_size;
	int64_t row_count; /* hashes in it */
} PmnHashFile;

typedef struct PmnHashFiles
{
	PmnHashFile *items;
	size_t count;
	size_t capacity;
} PmnHashFiles;

struct PmnMessage
{
	PmnEnv *env;
	PmnArena *arena;			 /* holds what the lists point to */
	PmnEntryList new_files;		 /* ADD, source APPEND */
	PmnEntryList compact_before; /* DELETE */
	PmnEntryList compact_after;	 /* ADD, source COMPACT (or moved up) */
	PmnHashFiles new_indexes;	 /* each takes its bucket's place */
	/* All index files that the partitions written to had when buckets were
	 * chosen, pending ones included; row_count and file_size are not set. */
	PmnHashFiles base_indexes;
};

PMN_CHECKED PmnCode pmn_message_create(PmnEnv *env, PmnMessage **out);

/* Append a deep copy of file as an entry of the list. */
PMN_CHECKED PmnCode pmn_message_add(PmnMessage *message, PmnEntryList *list,
									int32_t kind, PmnBytes partition,
									int32_t bucket, int32_t total_buckets,
									const PmnDataFile *file);

PMN_CHECKED PmnCode pmn_hash_file_copy(PmnArena *arena, const PmnHashFile *src,
									   PmnHashFile *out);

/* Append a deep copy of file to one of the message's two lists. */
PMN_CHECKED PmnCode pmn_message_add_index(PmnMessage *message,
										  PmnHashFiles *list,
										  const PmnHashFile *file);

#endif /* META_COMMIT_MESSAGE_H */
