/*
 * table_read_change.h
 *
 * Reading one split of changes of a keyed table.
 */
#ifndef TABLE_READ_CHANGE_H
#define TABLE_READ_CHANGE_H

#include "table_scan.h"

typedef struct PmnChangeReader PmnChangeReader;

/*
 * pmn_change_open -- split->change is not NULL. file_filter may prune within
 * files that are read row by row, key_filter within those that are compared.
 * A difference needs a layout with all columns of the table.
 */
PMN_CHECKED PmnCode pmn_change_open(PmnScan *scan, const PmnSplit *split,
									const PmnKvLayout *layout,
									const PmnPredicate *file_filter,
									const PmnPredicate *key_filter,
									PmnChangeReader **out);
/* Key-value batches; *out NULL at the end; valid until the next call. A
 * selection is never empty. */
PMN_CHECKED PmnCode pmn_change_next(PmnChangeReader *reader, PmnBatch **out);
void pmn_change_close(PmnChangeReader *reader); /* NULL allowed */

#endif /* TABLE_READ_CHANGE_H */
