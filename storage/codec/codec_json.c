/*
 * codec_json.c
 *
 * Reading JSON through cJSON. The text passes codec_json_scan.c first, which
 * refuses what cJSON would misread and turns long numbers into strings that
 * begin with PMN_JSON_NUMBER_MARK; here they are numbers again.
 *
 * Duplicate keys are refused after parsing, when escapes are resolved: by
 * comparing all pairs in a small object, by sorting in a large one.
 *
 * cJSON's nodes come from malloc, since its allocator can only be changed
 * for the whole process. Sizes are bounded by the scanner.
 */
#include "codec_json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "codec_json_internal.h"

#define FEW_KEYS 16

struct PmnJson
{
	PmnEnv *env;
	cJSON *root;
	size_t alloc_size;
	char name[];
};

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static PmnCode
duplicate(const PmnJson *json, const char *key)
{
	return pmn_fail(json->env, PMN_CORRUPT,
					"file \"%s\" has the key \"%.100s\" twice in one object",
					json->name, key);
}

static PmnCode
check_many_keys(const PmnJson *json, const cJSON *object, size_t count)
{
	const char **keys = pmn_alloc(json->env, count * sizeof(*keys));
	PmnCode code = PMN_OK;
	size_t used = 0;

	if (keys == NULL)
		return PMN_NO_MEMORY;
	for (const cJSON *item = object->child; item != NULL; item = item->next)
		keys[used++] = item->string;
	PMN_ASSERT(used == count);
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < count && code == PMN_OK; i++)
		if (strcmp(keys[i - 1], keys[i]) == 0)
			code = duplicate(json, keys[i]);
	pmn_free(json->env, keys, count * sizeof(*keys));
	return code;
}

static PmnCode
check_keys(const PmnJson *json, const cJSON *object)
{
	size_t count = 0;

	for (const cJSON *item = object->child; item != NULL; item = item->next)
		count++;
	if (count > FEW_KEYS)
		return check_many_keys(json, object, count);
	for (const cJSON *item = object->child; item != NULL; item = item->next)
		for (const cJSON *other = object->child; other != item;
			 other = other->next)
			if (strcmp(item->string, other->string) == 0)
				return duplicate(json, item->string);
	return PMN_OK;
}

/* Every object of the tree; the scanner has bounded the depth. */
static PmnCode
check_tree(const PmnJson *json, const cJSON *node)
{
	if (cJSON_IsObject(node))
		PMN_TRY(check_keys(json, node));
	else if (!cJSON_IsArray(node))
		return PMN_OK;
	for (const cJSON *item = node->child; item != NULL; item = item->next)
		PMN_TRY(check_tree(json, item));
	return PMN_OK;
}

PmnCode
pmn_json_parse(PmnEnv *env, PmnBytes text, const char *name, PmnJson **out)
{
	size_t name_size = strlen(name) + 1;
	PmnJson *json = pmn_alloc(env, sizeof(*json) + name_size);
	PmnBuffer marked;
	PmnCode code;

	*out = NULL;
	if (json == NULL)
		return PMN_NO_MEMORY;
	json->env = env;
	json->alloc_size = sizeof(*json) + name_size;
	memcpy(json->name, name, name_size);
	pmn_buffer_init(&marked, env);
	code = pmn_json_scan(env, text, name, &marked);
	if (code == PMN_OK)
	{
		json->root = cJSON_ParseWithLengthOpts((const char *) marked.data,
											   marked.size, NULL, 0);
		if (json->root == NULL)
			code = pmn_fail_memory(env, marked.size);
	}
	pmn_buffer_free(&marked);
	if (code == PMN_OK)
		code = check_tree(json, json->root);
	if (code != PMN_OK)
	{
		pmn_json_free(json);
		return code;
	}
	*out = json;
	return PMN_OK;
}

void
pmn_json_free(PmnJson *json)
{
	if (json == NULL)
		return;
	cJSON_Delete(json->root);
	pmn_free(json->env, json, json->alloc_size);
}

const PmnJsonNode *
pmn_json_root(const PmnJson *json)
{
	return json->root;
}

/* The text of a number that became a string, or NULL. */
static const char *
marked_number(const PmnJsonNode *node)
{
	if (!cJSON_IsString(node) || node->valuestring[0] != PMN_JSON_NUMBER_MARK)
		return NULL;
	return node->valuestring + 1;
}

PmnJsonKind
pmn_json_kind(const PmnJsonNode *node)
{
	if (cJSON_IsObject(node))
		return PMN_JSON_OBJECT;
	if (cJSON_IsArray(node))
		return PMN_JSON_ARRAY;
	if (cJSON_IsString(node))
		return marked_number(node) != NULL ? PMN_JSON_NUMBER : PMN_JSON_STRING;
	if (cJSON_IsNumber(node))
		return PMN_JSON_NUMBER;
	if (cJSON_IsBool(node))
		return PMN_JSON_BOOL;
	return PMN_JSON_NULL;
}

const PmnJsonNode *
pmn_json_member(const PmnJsonNode *object, const char *key)
{
	const cJSON *node = NULL;

	if (cJSON_IsObject(object))
		node = cJSON_GetObjectItemCaseSensitive(object, key);
	return node == NULL || cJSON_IsNull(node) ? NULL : node;
}

uint32_t
pmn_json_count(const PmnJsonNode *node)
{
	uint32_t count = 0;

	for (node = pmn_json_first(node); node != NULL; node = node->next)
		count++;
	return count;
}

const PmnJsonNode *
pmn_json_first(const PmnJsonNode *node)
{
	return cJSON_IsArray(node) || cJSON_IsObject(node) ? node->child : NULL;
}

const PmnJsonNode *
pmn_json_next(const PmnJsonNode *node)
{
	return node->next;
}

const char *
pmn_json_key(const PmnJsonNode *member)
{
	return member->string;
}

const char *
pmn_json_text(const PmnJsonNode *node)
{
	if (!cJSON_IsString(node) || marked_number(node) != NULL)
		return NULL;
	return node->valuestring;
}

bool
pmn_json_int64(const PmnJsonNode *node, int64_t *out)
{
	/* Up to here a double holds every whole number. */
	const double exact_max = 9007199254740992.0;
	const char *text = marked_number(node);
	char *end;
	long long value;

	if (text == NULL)
	{
		if (!cJSON_IsNumber(node) || !(node->valuedouble <= exact_max) ||
			!(node->valuedouble >= -exact_max) ||
			node->valuedouble != (double) (int64_t) node->valuedouble)
			return false;
		*out = (int64_t) node->valuedouble;
		return true;
	}
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*out = value;
	return true;
}

bool
pmn_json_bool(const PmnJsonNode *node, bool *out)
{
	if (!cJSON_IsBool(node))
		return false;
	*out = cJSON_IsTrue(node);
	return true;
}

static PmnCode
wrong_kind(const PmnJson *json, const char *kind, const char *key)
{
	return pmn_fail(json->env, PMN_CORRUPT, "\"%s\" in file \"%s\" is not a %s",
					key, json->name, kind);
}

PmnCode
pmn_json_opt_int64(const PmnJson *json, const PmnJsonNode *object,
				   const char *key, int64_t *out, bool *present)
{
	const PmnJsonNode *node = pmn_json_member(object, key);

	*present = false;
	if (node == NULL)
		return PMN_OK;
	if (!pmn_json_int64(node, out))
		return wrong_kind(json, "64-bit integer", key);
	*present = true;
	return PMN_OK;
}

PmnCode
pmn_json_get_int64(const PmnJson *json, const PmnJsonNode *object,
				   const char *key, int64_t *out)
{
	bool present;

	PMN_TRY(pmn_json_opt_int64(json, object, key, out, &present));
	if (!present)
		return pmn_fail(json->env, PMN_CORRUPT, "file \"%s\" has no \"%s\"",
						json->name, key);
	return PMN_OK;
}

PmnCode
pmn_json_opt_string(const PmnJson *json, const PmnJsonNode *object,
					const char *key, PmnArena *arena, const char **out)
{
	const PmnJsonNode *node = pmn_json_member(object, key);
	const char *text;

	*out = NULL;
	if (node == NULL)
		return PMN_OK;
	text = pmn_json_text(node);
	if (text == NULL)
		return wrong_kind(json, "string", key);
	*out = pmn_arena_string(arena, text);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

PmnCode
pmn_json_get_string(const PmnJson *json, const PmnJsonNode *object,
					const char *key, PmnArena *arena, const char **out)
{
	PMN_TRY(pmn_json_opt_string(json, object, key, arena, out));
	if (*out == NULL)
		return pmn_fail(json->env, PMN_CORRUPT, "file \"%s\" has no \"%s\"",
						json->name, key);
	return PMN_OK;
}
