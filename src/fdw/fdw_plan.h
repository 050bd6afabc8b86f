/*
 * fdw_plan.h
 *
 * What the planner's callbacks tell each other, and what a plan tells its
 * scan.
 */
#ifndef PFDW_PLAN_H
#define PFDW_PLAN_H

#include "fdw.h"

/* What the planner keeps of a base relation. */
typedef struct PfdwPlanInfo
{
	double physical_rows; /* in the files to read */
	double size_bytes;
	bool is_merged;
	uint32 part_count; /* into which the scan may be cut */
} PfdwPlanInfo;

/* Members of a ForeignScan's fdw_private. */
enum
{
	PFDW_PLAN_ATTNUMS, /* integers: attributes to read, 0 for whole rows */
	PFDW_PLAN_MEMBERS
};

/* ---- in fdw_path.c ---------------------------------------------------- */

/* Rows of a part when a scan is shared out among processes. */
extern uint64_t pfdw_part_rows(const PmnScanStats *stats);

#endif /* PFDW_PLAN_H */
