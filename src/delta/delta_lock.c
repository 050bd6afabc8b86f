/*
 * delta_lock.c
 *
 * Locks on lake tables. They are locks of the advisory kind on the table's
 * place, of no database, so that they also hold between two foreign tables,
 * or databases, that point at one lake table. They are not the relation's
 * lock, which a statement already holds in a weaker mode and two writers
 * would deadlock upgrading. Other engines know nothing of them.
 *
 * Modes are the server's and conflict as usual: RowExclusiveLock who writes
 * rows to the delta heap, ShareUpdateExclusiveLock who moves them,
 * ExclusiveLock who writes data files of a keyed table. Readers take none.
 * Each is taken once and held until the transaction ends, or the subtransaction
 * that took it is rolled back. When the commit is done they are given back at
 * once: whoever waits for this session's rows to be published must not wait
 * for itself.
 */
#include "delta_catalog.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "storage/lock.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* Users' advisory locks have 1 and 2 here, and a database. */
#define LAKE_TABLE_LOCK 3
#define COMPACTION_LOCK 4

/* The place is looked up once: it must be the same when a lock is released. */
static void
make_tag(DeltaTable *entry, uint16 kind, LOCKTAG *tag)
{
	uint64 hash;

	if (entry->location == NULL)
	{
		char *location = pfdw_lake_location(&entry->ref);

		entry->location =
			MemoryContextStrdup(GetMemoryChunkContext(entry), location);
		pfree(location);
	}
	hash = hash_bytes_extended((const unsigned char *) entry->location,
							   (int) strlen(entry->location), 0);
	SET_LOCKTAG_ADVISORY(*tag, InvalidOid, (uint32) (hash >> 32), (uint32) hash,
						 kind);
}

bool
pfdw_lake_lock(const PfdwTableRef *ref, LOCKMODE mode, bool wait)
{
	DeltaTable *entry = pfdw_delta_entry(ref);
	ResourceOwner owner = CurrentResourceOwner;
	LockAcquireResult result;
	LOCKTAG tag;

	/* The strongest covers the others, and would wait behind its waiters. */
	if (entry->lock_subids[mode] != InvalidSubTransactionId ||
		entry->lock_subids[ExclusiveLock] != InvalidSubTransactionId)
		return true;
	make_tag(entry, LAKE_TABLE_LOCK, &tag);
	/* Not the portal's: a portal may still be there when the transaction
	 * commits and gives its locks back. An error resets the owner. */
	CurrentResourceOwner = CurTransactionResourceOwner;
	result = LockAcquire(&tag, mode, false, !wait);
	CurrentResourceOwner = owner;
	if (result == LOCKACQUIRE_NOT_AVAIL)
		return false;
	entry->lock_subids[mode] = GetCurrentSubTransactionId();
	entry->is_checked = false;
	return true;
}

void
pfdw_lake_locks_release(void)
{
	for (DeltaTable *entry = pfdw_delta_entries(); entry; entry = entry->next)
	{
		for (LOCKMODE mode = 1; mode <= MaxLockMode; mode++)
		{
			LOCKTAG tag;

			if (entry->lock_subids[mode] == InvalidSubTransactionId)
				continue;
			make_tag(entry, LAKE_TABLE_LOCK, &tag);
			(void) LockRelease(&tag, mode, false);
			entry->lock_subids[mode] = InvalidSubTransactionId;
		}
	}
}

void
pfdw_lake_locks_abort(DeltaTable *entry, SubTransactionId subid)
{
	for (LOCKMODE mode = 1; mode <= MaxLockMode; mode++)
	{
		if (entry->lock_subids[mode] == subid)
		{
			entry->lock_subids[mode] = InvalidSubTransactionId;
			entry->is_checked = false;
		}
	}
}

void
pfdw_lake_locks_reparent(DeltaTable *entry, SubTransactionId subid,
						 SubTransactionId parent)
{
	for (LOCKMODE mode = 1; mode <= MaxLockMode; mode++)
	{
		if (entry->lock_subids[mode] == subid)
			entry->lock_subids[mode] = parent;
	}
}

void
pfdw_compaction_lock(const PfdwTableRef *ref)
{
	LOCKTAG tag;

	make_tag(pfdw_delta_entry(ref), COMPACTION_LOCK, &tag);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}
