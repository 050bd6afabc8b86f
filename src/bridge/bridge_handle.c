/*
 * bridge_handle.c
 *
 * Storage handles that end with a memory context. Each environment keeps a
 * list of its open handles, the youngest first, and one reset callback of
 * its context closes them in this order. As a child (scan, read, write) can
 * only be opened after its parent, children are always closed first.
 *
 * A place in the list is made before the handle is opened, so nothing can be
 * lost between the two. Commit, abort and the end of a cursor thus need no
 * code of ours. One list instead of one callback for each handle, because
 * a callback can't be taken back: a rescan that opens and closes a thousand
 * times leaves nothing behind.
 */
#include "bridge_sink.h"

#include "utils/memutils.h"

typedef enum HandleKind
{
	HANDLE_CATALOG,
	HANDLE_TABLE,
	HANDLE_SCAN,
	HANDLE_READ,
	HANDLE_WRITE,
	HANDLE_SINK
} HandleKind;

typedef struct PfdwHandle PfdwHandle;

struct PfdwHandle
{
	PfdwHandle *next;
	HandleKind kind;
	void *object;			/* NULL until opened */
	SubTransactionId subid; /* of writers and sinks: who opened it */
};

static PmnCache *metadata_cache(void);
static PfdwHandle *handle_add(PfdwEnv *env, HandleKind kind);
static void handle_close(PfdwHandle *handle);
static void handle_remove(PfdwEnv *env, void *object);

/*
 * The session's cache of decoded manifests, in memory that ends with the
 * process. Without memory for it there is none.
 */
static PmnCache *
metadata_cache(void)
{
	static PfdwEnv *env = NULL;
	static PmnCache *cache = NULL;
	size_t limit = (size_t) pfdw_metadata_cache_size * 1024;

	if (env == NULL)
		env = pfdw_env_create(TopMemoryContext, "paimon metadata cache");
	if (cache == NULL && pmn_cache_create(&env->base, limit, &cache) != PMN_OK)
		return NULL;
	pmn_cache_set_limit(cache, limit);
	return cache;
}

PmnCatalog *
pfdw_catalog_open(PfdwEnv *env, const char *warehouse)
{
	PfdwHandle *handle = handle_add(env, HANDLE_CATALOG);
	PmnCatalog *catalog = NULL;
	PmnCode code = pmn_catalog_open(&env->base, warehouse, &catalog);

	handle->object = catalog;
	pfdw_check(env, code);
	pmn_catalog_use_cache(catalog, metadata_cache());
	return catalog;
}

PfdwTable *
pfdw_table_open(PfdwEnv *env, const PfdwTableRef *ref)
{
	PfdwTable *table = MemoryContextAllocZero(env->context, sizeof(*table));
	PfdwHandle *handle;
	PmnCode code;

	table->env = env;
	table->catalog = pfdw_catalog_open(env, ref->warehouse);
	handle = handle_add(env, HANDLE_TABLE);
	code = pmn_table_open(table->catalog, ref->database, ref->table,
						  ref->branch, &table->table);
	handle->object = table->table;
	/* A name or a stored option that cannot be: what the options say. */
	if (code == PMN_INVALID)
		pfdw_report_option(env);
	pfdw_check(env, code);
	table->schema = pmn_table_schema(table->table);
	return table;
}

PmnScan *
pfdw_scan_plan(PfdwTable *table, const PmnScanRequest *request)
{
	PfdwHandle *handle = handle_add(table->env, HANDLE_SCAN);
	PmnScan *scan = NULL;
	PmnCode code = pmn_scan_plan(table->table, request, &scan);

	handle->object = scan;
	pfdw_check(table->env, code);
	return scan;
}

PmnRead *
pfdw_read_open(PfdwTable *table, PmnScan *scan, const int32_t *projection,
			   uint32_t count)
{
	return pfdw_read_open_ordered(table, scan, projection, count, NULL, 0);
}

PmnRead *
pfdw_read_open_ordered(PfdwTable *table, PmnScan *scan,
					   const int32_t *projection, uint32_t count,
					   const int32_t *order, uint32_t order_count)
{
	PfdwHandle *handle = handle_add(table->env, HANDLE_READ);
	PmnRead *read = NULL;
	PmnCode code = order_count == 0
					   ? pmn_read_open(scan, projection, count, &read)
					   : pmn_read_open_ordered(scan, projection, count, order,
											   order_count, &read);

	handle->object = read;
	pfdw_check(table->env, code);
	return read;
}

PmnWrite *
pfdw_write_open(PfdwTable *table, const PmnWriteRequest *request,
				SubTransactionId subid)
{
	PfdwHandle *handle = handle_add(table->env, HANDLE_WRITE);
	PmnWrite *write = NULL;
	PmnCode code;

	handle->subid = subid;
	code = pmn_write_open(table->table, request, &write);

	handle->object = write;
	pfdw_check(table->env, code);
	return write;
}

void
pfdw_sink_own(PfdwEnv *env, PfdwSink *sink, SubTransactionId subid)
{
	PfdwHandle *handle = handle_add(env, HANDLE_SINK);

	handle->subid = subid;
	handle->object = sink;
}

void
pfdw_scan_close(PfdwEnv *env, PmnScan *scan)
{
	handle_remove(env, scan);
}

void
pfdw_read_close(PfdwEnv *env, PmnRead *read)
{
	handle_remove(env, read);
}

void
pfdw_write_close(PfdwEnv *env, PmnWrite *write)
{
	handle_remove(env, write);
}

void
pfdw_sink_close(PfdwEnv *env, PfdwSink *sink)
{
	handle_remove(env, sink);
}

/* Whether a subtransaction's abort ends it. */
static bool
is_writer(const PfdwHandle *handle)
{
	return handle->kind == HANDLE_WRITE || handle->kind == HANDLE_SINK;
}

void
pfdw_writes_abort(PfdwEnv *env, SubTransactionId subid)
{
	PfdwHandle **link = &env->handles;

	while (*link != NULL)
	{
		PfdwHandle *handle = *link;

		if (is_writer(handle) &&
			(subid == InvalidSubTransactionId || handle->subid == subid))
		{
			*link = handle->next;
			handle_close(handle);
			pfree(handle);
		}
		else
			link = &handle->next;
	}
}

void
pfdw_writes_reparent(PfdwEnv *env, SubTransactionId subid,
					 SubTransactionId parent)
{
	for (PfdwHandle *handle = env->handles; handle; handle = handle->next)
	{
		if (is_writer(handle) && handle->subid == subid)
			handle->subid = parent;
	}
}

void
pfdw_handles_close(void *arg)
{
	PfdwEnv *env = arg;

	while (env->handles != NULL)
	{
		PfdwHandle *handle = env->handles;

		env->handles = handle->next;
		handle_close(handle);
	}
}

static PfdwHandle *
handle_add(PfdwEnv *env, HandleKind kind)
{
	PfdwHandle *handle = MemoryContextAllocZero(env->context, sizeof(*handle));

	handle->kind = kind;
	handle->next = env->handles;
	env->handles = handle;
	return handle;
}

static void
handle_close(PfdwHandle *handle)
{
	switch (handle->kind)
	{
		case HANDLE_CATALOG:
			pmn_catalog_close(handle->object);
			break;
		case HANDLE_TABLE:
			pmn_table_close(handle->object);
			break;
		case HANDLE_SCAN:
			pmn_scan_close(handle->object);
			break;
		case HANDLE_READ:
			pmn_read_close(handle->object);
			break;
		case HANDLE_WRITE:
			pmn_write_close(handle->object);
			break;
		case HANDLE_SINK:
			pfdw_sink_end(handle->object);
			break;
	}
	handle->object = NULL;
}

/*
 * Close one handle before the context ends. One that is not in the list was
 * closed already (by an abort), which is fine.
 */
static void
handle_remove(PfdwEnv *env, void *object)
{
	PfdwHandle **link = &env->handles;

	if (object == NULL)
		return;
	while (*link != NULL && (*link)->object != object)
		link = &(*link)->next;
	if (*link != NULL)
	{
		PfdwHandle *handle = *link;

		*link = handle->next;
		handle_close(handle);
		pfree(handle);
	}
}
