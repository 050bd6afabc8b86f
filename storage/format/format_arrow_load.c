/*
 * format_arrow_load.c
 *
 * Opening paimon_arrow.so when the first column file is read or written. The
 * module itself is plain C and loads in a millisecond; Arrow takes 30 ms and
 * 20 MB, so that a process which never reads a file never pays. RTLD_LOCAL
 * keeps Arrow's symbols (a whole OpenSSL among them) out of everyone else's
 * sight. The library is never closed.
 *
 * Two environment variables are set before, unless they are there already:
 * without the first, Arrow's allocator starts a thread of its own when the
 * library is loaded; the second avoids a reservation of 1 GB of addresses.
 *
 * The state is one per process and needs no lock: the storage module runs on
 * one thread.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "../base/base_buffer.h"
#include "../include/pmn.h"
#include "format_arrow_shim.h"

#define ARROW_LIBRARY "paimon_arrow.so"
#define ARROW_PATH_VARIABLE "PMN_ARROW_PATH"

static char configured_path[4096];
static const PmnArrowApi *loaded_api;

void
pmn_set_arrow_path(const char *path)
{
	size_t size = path != NULL ? strlen(path) : 0;

	/* A path that does not fit is kept empty: opening then fails cleanly. */
	if (size >= sizeof(configured_path))
		size = 0;
	if (size > 0)
		memcpy(configured_path, path, size);
	configured_path[size] = '\0';
}

/* The library beside the file that holds this code. */
static PmnCode
path_beside_module(PmnEnv *env, PmnBuffer *dst)
{
	Dl_info info;
	const char *name;
	const char *slash;

	if (dladdr((const void *) configured_path, &info) == 0 ||
		info.dli_fname == NULL)
		name = "";
	else
		name = info.dli_fname;
	slash = strrchr(name, '/');
	if (slash == NULL)
		return pmn_fail(env, PMN_UNSUPPORTED,
						"the folder of this module is unknown, so that %s "
						"cannot be found",
						ARROW_LIBRARY);
	return pmn_buffer_append(dst, name, (size_t) (slash - name) + 1);
}

static PmnCode
find_path(PmnEnv *env, PmnBuffer *dst)
{
	const char *path = configured_path;

	if (path[0] == '\0')
		path = getenv(ARROW_PATH_VARIABLE);
	if (path != NULL && path[0] != '\0')
		PMN_TRY(pmn_buffer_string(dst, path));
	else
	{
		PMN_TRY(path_beside_module(env, dst));
		PMN_TRY(pmn_buffer_string(dst, ARROW_LIBRARY));
	}
	return pmn_buffer_byte(dst, '\0');
}

static PmnCode
open_library(PmnEnv *env, const char *path)
{
	PmnArrowApiFunction function;
	const PmnArrowApi *api;
	void *library;
	void *symbol;

	/* Failing to set them costs a thread, not correctness. */
	(void) setenv("JE_ARROW_MALLOC_CONF", "background_thread:false", 0);
	(void) setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
	{
		const char *reason = dlerror();

		pmn_fail(env, PMN_UNSUPPORTED, "cannot load the Parquet library \"%s\"",
				 path);
		pmn_detail(env, "%s", reason != NULL ? reason : "unknown reason");
		return pmn_hint(env,
						"install %s and the Arrow libraries it needs "
						"into the folder of the module",
						ARROW_LIBRARY);
	}
	symbol = dlsym(library, PMN_ARROW_API_SYMBOL);
	if (symbol == NULL)
		return pmn_fail(env, PMN_UNSUPPORTED,
						"library \"%s\" has no function \"%s\"", path,
						PMN_ARROW_API_SYMBOL);
	/* ISO C has no cast from an object to a function pointer. */
	memcpy(&function, &symbol, sizeof(function));
	api = function();
	if (api->version != PMN_ARROW_API_VERSION)
		return pmn_fail(env, PMN_UNSUPPORTED,
						"library \"%s\" has interface version %u, this module "
						"needs %u",
						path, (unsigned) api->version,
						(unsigned) PMN_ARROW_API_VERSION);
	loaded_api = api;
	return PMN_OK;
}

PmnCode
pmn_arrow_load(PmnEnv *env, const PmnArrowApi **out)
{
	PmnBuffer path;
	PmnCode code = PMN_OK;

	*out = NULL;
	if (loaded_api == NULL)
	{
		pmn_buffer_init(&path, env);
		code = find_path(env, &path);
		if (code == PMN_OK)
			code = open_library(env, (const char *) path.data);
		pmn_buffer_free(&path);
	}
	*out = loaded_api;
	return code;
}
