/*
 * pmn_base.h
 *
 * What every storage function speaks: result codes, the environment that
 * gives memory, time and cancellation, and byte strings. The storage module
 * knows no PostgreSQL; whoever embeds it fills a PmnEnv.
 */
#ifndef PMN_BASE_H
#define PMN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
{
#endif

#if defined(__GNUC__)
#define PMN_CHECKED __attribute__((warn_unused_result))
#define PMN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define PMN_CHECKED
#define PMN_PRINTF(f, a)
#endif

	/* Few codes, each with a handler in mind (see src/bridge/bridge_error.c). */
	typedef enum PmnCode
	{
		PMN_OK = 0,
		PMN_NO_MEMORY,	  /* an allocation failed or a limit was reached */
		PMN_INVALID,	  /* the caller or user gave something impossible */
		PMN_OUT_OF_RANGE, /* a value does not fit its type */
		PMN_NOT_FOUND,	  /* a file is not there */
		PMN_NO_DATABASE,  /* the lake has no such database */
		PMN_NO_TABLE,	  /* the database has no such table */
		PMN_NO_COLUMN,	  /* the table has no such column */
		PMN_EXISTS,		  /* create-if-absent found something there */
		PMN_CONFLICT,	  /* someone else committed */
		PMN_EXPIRED,	  /* a snapshot asked for is gone */
		PMN_UNAVAILABLE,  /* retry may help */
		PMN_DENIED,		  /* the store refuses */
		PMN_CORRUPT,	  /* bytes of a file are not what they must be */
		PMN_UNSUPPORTED,  /* table kind, option or type we do not handle */
		PMN_CANCELLED,	  /* should_stop said so */
		PMN_NO_SPACE,	  /* disk full */
		PMN_IO			  /* any other failure of the store */
	} PmnCode;

	/* The message of the last failure. detail and hint may be empty. */
	typedef struct PmnError
	{
		PmnCode code;
		char message[1024];
		char detail[512];
		char hint[256];
	} PmnError;

	/* What was asked of the store; only ever grows. */
	typedef struct PmnCounters
	{
		uint64_t read_requests;
		uint64_t read_bytes;
		uint64_t write_requests;
		uint64_t write_bytes;
		uint64_t list_requests;
		uint64_t row_groups_read;
		uint64_t row_groups_skipped;
		uint64_t rows_decoded; /* physical rows decoded from files */
		uint64_t rows_merged;  /* rows that lost against a newer one */
	} PmnCounters;

	typedef struct PmnEnv PmnEnv;

	/*
 * PmnEnv -- the world of a storage call. None of the hooks may throw or jump.
 *
 * allocate      size > 0; NULL when there is no memory
 * reallocate    old may be NULL (old_size 0); on NULL the old block stays
 * release       size is the size that was allocated; NULL is allowed
 * should_stop   true ends the call with PMN_CANCELLED; polled at least once a
 *               batch and every 100 ms of waiting
 * now_millis    milliseconds since 1970-01-01 UTC
 * random        fills dst; NULL means the system's random source
 * log           level 0 debug, 1 info, 2 warning; may be NULL
 * temp_directory  where spilled runs go; NULL means spilling fails with
 *               PMN_NO_MEMORY
 */
	struct PmnEnv
	{
		void *(*allocate)(PmnEnv *env, size_t size);
		void *(*reallocate)(PmnEnv *env, void *old, size_t old_size,
							size_t size);
		void (*release)(PmnEnv *env, void *block, size_t size);
		bool (*should_stop)(PmnEnv *env);
		int64_t (*now_millis)(PmnEnv *env);
		void (*random)(PmnEnv *env, void *dst, size_t size);
		void (*log)(PmnEnv *env, int level, const char *message);
		const char *temp_directory;
		PmnError error;
		PmnCounters counters;
	};

	/* A run of bytes that somebody else owns; not terminated. */
	typedef struct PmnBytes
	{
		const uint8_t *data;
		uint32_t size;
	} PmnBytes;

#ifdef __cplusplus
}
#endif
#endif /* PMN_BASE_H */
