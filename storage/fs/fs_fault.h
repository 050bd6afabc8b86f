/*
 * fs_fault.h
 *
 * A file system around another that fails on command, for tests of commit
 * and clean-up. It counts operations of chosen kinds and fails number n:
 * before doing it, after doing it (the acknowledgement got lost), or from
 * there on for good (the process or the network died).
 */
#ifndef FS_FAULT_H
#define FS_FAULT_H

#include "fs.h"

typedef enum PmnFaultKind
{
	PMN_FAULT_OPEN_READ = 1,
	PMN_FAULT_READ = 2,
	PMN_FAULT_OPEN_WRITE = 4,
	PMN_FAULT_WRITE = 8,
	PMN_FAULT_FINISH = 16,
	PMN_FAULT_PUT = 32,
	PMN_FAULT_LIST = 64,
	PMN_FAULT_EXISTS = 128,
	PMN_FAULT_MAKE_DIRECTORY = 256,
	PMN_FAULT_REMOVE = 512, /* remove_tree too */
	PMN_FAULT_SYNC = 1024,
	PMN_FAULT_ALL = 2047,
	/* What changes the store. */
	PMN_FAULT_CHANGES = 4 + 8 + 16 + 32 + 256 + 512 + 1024
} PmnFaultKind;

typedef enum PmnFaultWhen
{
	PMN_FAULT_BEFORE, /* not done, reported as failed */
	PMN_FAULT_AFTER,  /* done, reported as failed */
	PMN_FAULT_CRASH	  /* neither it nor anything later is done */
} PmnFaultWhen;

/* inner is borrowed and must outlive the handle; close with pmn_fs_close. */
PMN_CHECKED PmnCode pmn_fs_fault_open(PmnEnv *env, PmnFileSystem *inner,
									  PmnFileSystem **out);

/*
 * pmn_fs_fault_set -- count operations of kinds (a sum of PmnFaultKind)
 * from 0 again and fail number fail_at (from 0) with code. UINT64_MAX never
 * fails, which serves to count first.
 */
void pmn_fs_fault_set(PmnFileSystem *fs, uint32_t kinds, uint64_t fail_at,
					  PmnCode code, PmnFaultWhen when);

/* Operations of the chosen kinds since pmn_fs_fault_set. */
uint64_t pmn_fs_fault_count(const PmnFileSystem *fs);
/* Whether the fault has struck. */
bool pmn_fs_fault_fired(const PmnFileSystem *fs);

#endif /* FS_FAULT_H */
