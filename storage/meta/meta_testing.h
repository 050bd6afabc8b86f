/*
 * meta_testing.h
 *
 * Tests only: types by name, schemas by text, and a walk over the golden
 * tables below the directory that PMN_FIXTURES names.
 */
#ifndef META_TESTING_H
#define META_TESTING_H

#include <string.h>

#include "../fs/fs.h"
#include "../testing/testing.h"
#include "meta_options.h"
#include "meta_schema.h"

/* One golden table (or a branch of it); all of it dies after the visit. */
typedef struct Fixture
{
	PmnTestEnv *env;
	PmnFileSystem *fs;
	PmnArena *arena;
	const char *name;
	PmnTablePath path;
} Fixture;

typedef void (*FixtureVisitor)(const Fixture *fixture, void *context);

static inline bool
has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static inline void
visit_branches(Fixture *fixture, FixtureVisitor visit, void *context)
{
	PmnFileList list = {NULL, 0, 0};
	char *directory =
		pmn_path_join(fixture->arena, fixture->path.root, "branch", NULL);

	visit(fixture, context);
	if (pmn_fs_list(fixture->fs, directory, fixture->arena, &list) != PMN_OK)
		return;
	for (size_t i = 0; i < list.count; i++)
	{
		if (!has_prefix(list.items[i].name, "branch-"))
			continue;
		fixture->path.branch = list.items[i].name + strlen("branch-");
		visit(fixture, context);
	}
}

/* Visit every golden table with its branches; false when there is none. */
static inline bool
visit_fixtures(FixtureVisitor visit, void *context)
{
	const char *root = getenv("PMN_FIXTURES");
	PmnTestEnv env;
	PmnFileSystem *fs = NULL;
	PmnArena *names = NULL;
	PmnFileList list = {NULL, 0, 0};
	uint32_t visited = 0;

	if (root == NULL)
		return false;
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_local_open(&env.base, &fs));
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &names));
	CHECK_OK(&env, pmn_fs_list(fs, root, names, &list));
	for (size_t i = 0; i < list.count; i++)
	{
		Fixture fixture = {
			&env, fs, NULL, list.items[i].name, {NULL, NULL, NULL}};
		bool exists = false;

		CHECK_OK(&env, pmn_arena_create(&env.base, 0, &fixture.arena));
		fixture.path.root = pmn_path_join(fixture.arena, root, fixture.name,
										  "warehouse/db.db/t", NULL);
		CHECK_OK(&env, pmn_fs_exists(fs, fixture.path.root, &exists));
		if (exists)
		{
			visit_branches(&fixture, visit, context);
			visited++;
		}
		pmn_arena_destroy(fixture.arena);
	}
	CHECK(visited > 0);
	pmn_arena_destroy(names);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
	return true;
}

/* A schema from its file's text. */
static inline PmnSchema *
schema_from(PmnTestEnv *env, PmnArena *arena, const char *text)
{
	PmnSchema *schema = NULL;

	CHECK_OK(env, pmn_schema_parse(&env->base, arena, pmn_bytes_string(text),
								   "test", &schema));
	return schema;
}

static inline PmnType
type_named(PmnTestEnv *env, const char *name)
{
	PmnType type;

	memset(&type, 0, sizeof(type));
	CHECK_OK(env, pmn_type_parse_name(&env->base, name, &type));
	return type;
}

#endif /* META_TESTING_H */
