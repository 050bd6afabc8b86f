/*
 * fdw_option.c
 *
 * Options of servers, user mappings, foreign tables and columns: which names
 * there are, which values they take, and what they resolve to.
 *
 * Snake-case names are the wrapper's own and are looked up in one const
 * table. Anything with a "." or "-" in a table's OPTIONS is Paimon's; those
 * that steer a read stay with the foreign table, the others are kept in the
 * schema of the lake table. Plain words are refused with the nearest name
 * as a hint, because they are nearly always misspelt.
 *
 * A warehouse on the server's own disks is guarded like COPY's files. The
 * check runs when the server is made and again whenever a table is used,
 * then for the owner of the foreign table: a GRANT on the table, or a view,
 * is how the owner lets others see what lies there.
 */
#include "fdw_option.h"
#include "fdw_system.h"

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

typedef enum OptionValue
{
	VALUE_TEXT,
	VALUE_BOOL,
	VALUE_WAREHOUSE,
	VALUE_CATALOG,
	VALUE_INSERT_MODE,
	VALUE_NAME, /* a name of something in the lake: no "/", not empty */
	VALUE_NAME_LIST,
	VALUE_PAIMON_TYPE
} OptionValue;

typedef struct OptionName
{
	const char *name;
	Oid catalog;
	OptionValue value;
	bool is_required;
} OptionName;

static const OptionName option_names[] = {
	{"warehouse", ForeignServerRelationId, VALUE_WAREHOUSE, true},
	{"catalog", ForeignServerRelationId, VALUE_CATALOG, false},
	{"s3_endpoint", ForeignServerRelationId, VALUE_TEXT, false},
	{"s3_region", ForeignServerRelationId, VALUE_TEXT, false},
	{"s3_path_style", ForeignServerRelationId, VALUE_BOOL, false},
	{"webhdfs_url", ForeignServerRelationId, VALUE_TEXT, false},
	{"s3_access_key", UserMappingRelationId, VALUE_TEXT, false},
	{"s3_secret_key", UserMappingRelationId, VALUE_TEXT, false},
	{"s3_session_token", UserMappingRelationId, VALUE_TEXT, false},
	{"hdfs_user", UserMappingRelationId, VALUE_TEXT, false},
	{"hdfs_delegation_token", UserMappingRelationId, VALUE_TEXT, false},
	{"database", ForeignTableRelationId, VALUE_NAME, false},
	{"table", ForeignTableRelationId, VALUE_NAME, false},
	{"branch", ForeignTableRelationId, VALUE_NAME, false},
	{"primary_key", ForeignTableRelationId, VALUE_NAME_LIST, false},
	{"partition_by", ForeignTableRelationId, VALUE_NAME_LIST, false},
	{"insert_mode", ForeignTableRelationId, VALUE_INSERT_MODE, false},
	{"updatable", ForeignTableRelationId, VALUE_BOOL, false},
	{"comment", ForeignTableRelationId, VALUE_TEXT, false},
	{"column_name", AttributeRelationId, VALUE_NAME, false},
	{"paimon_type", AttributeRelationId, VALUE_PAIMON_TYPE, false},
};

PG_FUNCTION_INFO_V1(paimon_fdw_validator);

static const OptionName *find_option(const char *name, Oid catalog);
static void fail_unknown(const char *name, Oid catalog);
static void check_value(const char *name, OptionValue kind, const char *value);
static void check_slip(const char *name);
static void check_paimon_option(const char *name, const char *value);
static void check_server(List *options);

Datum
paimon_fdw_validator(PG_FUNCTION_ARGS)
{
	pfdw_options_validate(untransformRelOptions(PG_GETARG_DATUM(0)),
						  PG_GETARG_OID(1));
	PG_RETURN_VOID();
}

void
pfdw_options_validate(List *options, Oid catalog)
{
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *def = lfirst_node(DefElem, cell);
		const OptionName *known = find_option(def->defname, catalog);

		if (known != NULL)
			check_value(def->defname, known->value, defGetString(def));
		else if (catalog == ForeignTableRelationId &&
				 pfdw_option_kind(def->defname) != PFDW_OPTION_UNKNOWN)
			check_paimon_option(def->defname, defGetString(def));
		else
			fail_unknown(def->defname, catalog);
	}
	if (catalog == ForeignServerRelationId)
		check_server(options);
	if (catalog == ForeignTableRelationId)
		pfdw_option_read_check_all(options);
}

PfdwOptionKind
pfdw_option_kind(const char *name)
{
	if (find_option(name, ForeignTableRelationId) != NULL)
		return PFDW_OPTION_OWN;
	if (strncmp(name, "scan.", 5) == 0 || strncmp(name, "read.", 5) == 0 ||
		strncmp(name, "incremental-", 12) == 0)
		return PFDW_OPTION_READ;
	if (strcmp(name, "primary-key") == 0)
		return PFDW_OPTION_UNKNOWN; /* the hint names primary_key */
	/* With names of columns inside, and lists of them. */
	if (strncmp(name, "fields.", 7) == 0 && strchr(name, '=') == NULL)
		return PFDW_OPTION_STORED;
	if (strcmp(name, "bucket") == 0 || strpbrk(name, ".-") != NULL)
	{
		size_t allowed = strspn(name, "abcdefghijklmnopqrstuvwxyz"
									  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
									  "0123456789._-");

		return name[allowed] == '\0' ? PFDW_OPTION_STORED : PFDW_OPTION_UNKNOWN;
	}
	return PFDW_OPTION_UNKNOWN;
}

static const OptionName *
find_option(const char *name, Oid catalog)
{
	for (size_t i = 0; i < lengthof(option_names); i++)
	{
		if (option_names[i].catalog == catalog &&
			strcmp(option_names[i].name, name) == 0)
			return &option_names[i];
	}
	return NULL;
}

/* Where a name belongs that was given in the wrong place; NULL: nowhere. */
static const char *
other_place(const char *name)
{
	for (size_t i = 0; i < lengthof(option_names); i++)
	{
		if (strcmp(option_names[i].name, name) != 0)
			continue;
		switch (option_names[i].catalog)
		{
			case ForeignServerRelationId:
				return "server";
			case UserMappingRelationId:
				return "user mapping";
			case ForeignTableRelationId:
				return "foreign table";
			default:
				return "column";
		}
	}
	return NULL;
}

static void
fail_unknown(const char *name, Oid catalog)
{
	const int distance_max = 4;
	const char *place = other_place(name);
	const char *nearest = NULL;
	int nearest_distance = distance_max + 1;
	int length = Min(strlen(name), 255);
	bool has_any = false;

	for (size_t i = 0; place == NULL && i < lengthof(option_names); i++)
	{
		const char *candidate = option_names[i].name;
		int distance;

		if (option_names[i].catalog != catalog)
			continue;
		has_any = true;
		distance = varstr_levenshtein_less_equal(name, length, candidate,
												 strlen(candidate), 1, 1, 1,
												 distance_max, true);
		if (distance < nearest_distance && distance <= length / 2)
		{
			nearest = candidate;
			nearest_distance = distance;
		}
	}
	if (catalog == ForeignTableRelationId && nearest == NULL && place == NULL &&
		varstr_levenshtein_less_equal(name, length, "bucket", 6, 1, 1, 1, 2,
									  true) <= 2)
		nearest = "bucket";
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 place != NULL
				 ? errhint("Option \"%s\" belongs to a %s.", name, place)
			 : nearest != NULL
				 ? errhint("Perhaps you meant the option \"%s\".", nearest)
			 : has_any ? 0
					   : errhint("There are no valid options in this "
								 "context.")));
}

void
pfdw_option_fail(const char *name, const char *value, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", name, value),
			 errhint("%s", wanted)));
}

static void
check_warehouse(const char *name, const char *value)
{
	const char *path = value;

	if (strncmp(value, "s3://", 5) == 0 && value[5] != '\0')
		return;
	if (strncmp(value, "hdfs://", 7) == 0 && value[7] != '\0')
		return;
	if (strncmp(value, "file://", 7) == 0)
		path = value + 7;
	if (path[0] != '/')
		pfdw_option_fail(name, value,
						 "Write \"file:///path\", \"/path\", "
						 "\"s3://bucket/prefix\" or \"hdfs://host/path\".");
	for (const char *part = path; part != NULL; part = strchr(part, '/'))
	{
		part++;
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
			pfdw_option_fail(name, value, "The path must not contain \"..\".");
	}
}

static void
check_catalog(const char *name, const char *value)
{
	if (strcmp(value, "filesystem") == 0)
		return;
	if (strcmp(value, "jdbc") == 0 || strcmp(value, "rest") == 0 ||
		strcmp(value, "hive") == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("catalog \"%s\" is not supported yet", value),
						errdetail("Option \"%s\" is \"%s\".", name, value)));
	pfdw_option_fail(name, value, "Use \"filesystem\".");
}

static void
check_paimon_type(const char *name, const char *value)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon type check", ALLOCSET_SMALL_SIZES);
	PfdwEnv *env = pfdw_env_create(context, "paimon type check");
	PmnParsedType *parsed;
	PmnCode code =
		pmn_type_parse_sql(&env->base, pfdw_name_to_lake(value), &parsed);

	if (code == PMN_INVALID)
		pfdw_option_fail(name, value, pstrdup(env->base.error.message));
	pfdw_check(env, code);
	MemoryContextDelete(context);
}

void
pfdw_option_check_name(const char *name, const char *value)
{
	if (value[0] == '\0' || strlen(value) > 255 ||
		strpbrk(value, "/\\") != NULL || strcmp(value, ".") == 0 ||
		strcmp(value, "..") == 0)
		pfdw_option_fail(
			name, value,
			"Write a name of 1 to 255 bytes without \"/\" or \"\\\".");
	for (const char *at = value; *at != '\0'; at++)
	{
		if ((unsigned char) *at < 0x20)
			pfdw_option_fail(name, value,
							 "A name must not contain control characters.");
	}
}

static void
check_value(const char *name, OptionValue kind, const char *value)
{
	bool boolean;

	switch (kind)
	{
		case VALUE_TEXT:
			break;
		case VALUE_BOOL:
			if (!parse_bool(value, &boolean))
				pfdw_option_fail(name, value, "Write \"true\" or \"false\".");
			break;
		case VALUE_WAREHOUSE:
			check_warehouse(name, value);
			break;
		case VALUE_CATALOG:
			check_catalog(name, value);
			break;
		case VALUE_INSERT_MODE:
			if (strcmp(value, "upsert") != 0 && strcmp(value, "strict") != 0)
				pfdw_option_fail(name, value, "Use \"upsert\" or \"strict\".");
			break;
		case VALUE_NAME:
			pfdw_option_check_name(name, value);
			break;
		case VALUE_NAME_LIST:
			(void) pfdw_option_name_list(name, value);
			break;
		case VALUE_PAIMON_TYPE:
			check_paimon_type(name, value);
			break;
	}
}

/*
 * A name that is stored as it is, but can hardly be meant: "partition-by" for
 * partition_by, "file.fromat" for "file.format".
 */
static void
check_slip(const char *name)
{
	char *own = pstrdup(name);
	const char *meant;

	for (char *at = own; *at != '\0'; at++)
	{
		if (*at == '-' || *at == '.')
			*at = '_';
	}
	meant = find_option(own, ForeignTableRelationId) != NULL
				? own
				: pfdw_option_near(name);
	if (meant != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\"", name),
				 errhint("Perhaps you meant the option \"%s\".", meant)));
}

static void
check_paimon_option(const char *name, const char *value)
{
	if (pfdw_option_kind(name) == PFDW_OPTION_READ)
		pfdw_option_read_check(name, value);
	else
		check_slip(name);
}

static const char *
option_value(List *options, const char *name)
{
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *def = lfirst_node(DefElem, cell);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

static void
check_server(List *options)
{
	const char *warehouse;

	for (size_t i = 0; i < lengthof(option_names); i++)
	{
		if (option_names[i].catalog == ForeignServerRelationId &&
			option_names[i].is_required &&
			option_value(options, option_names[i].name) == NULL)
			ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
							errmsg("option \"%s\" is required for a server of "
								   "paimon_fdw",
								   option_names[i].name)));
	}
	warehouse = option_value(options, "warehouse");
	pfdw_warehouse_check(warehouse, GetUserId(), false);
}

void
pfdw_warehouse_check(const char *warehouse, Oid userid, bool for_write)
{
	bool is_local = warehouse[0] == '/' || strncmp(warehouse, "file:", 5) == 0;
	Oid role =
		for_write ? ROLE_PG_WRITE_SERVER_FILES : ROLE_PG_READ_SERVER_FILES;

	if (!is_local || superuser_arg(userid) || has_privs_of_role(userid, role))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for a warehouse on the server's disks"),
			 errdetail("Role \"%s\" must be a superuser or a member of %s.",
					   GetUserNameFromId(userid, false),
					   for_write ? "pg_write_server_files"
								 : "pg_read_server_files")));
}

/* ---- reading options -------------------------------------------------- */

List *
pfdw_option_name_list(const char *option, const char *value)
{
	List *names = NIL;
	const char *at = value;

	while (true)
	{
		const char *comma = strchr(at, ',');
		const char *end = comma != NULL ? comma : at + strlen(at);
		char *name;
		ListCell *cell;

		while (at < end && isspace((unsigned char) *at))
			at++;
		while (end > at && isspace((unsigned char) end[-1]))
			end--;
		if (end == at)
			pfdw_option_fail(option, value,
							 "Write column names with commas between them.");
		name = pnstrdup(at, end - at);
		foreach (cell, names)
		{
			if (strcmp((char *) lfirst(cell), name) == 0)
				pfdw_option_fail(option, value, "A column is named twice.");
		}
		names = lappend(names, name);
		if (comma == NULL)
			return names;
		at = comma + 1;
	}
}

static void
read_own_option(PfdwOptions *options, const char *name, char *value)
{
	if (strcmp(name, "database") == 0)
		options->ref.database = pfdw_name_to_lake(value);
	else if (strcmp(name, "table") == 0)
		options->ref.table = pfdw_name_to_lake(value);
	else if (strcmp(name, "branch") == 0)
		options->ref.branch =
			strcmp(value, "main") == 0 ? NULL : pfdw_name_to_lake(value);
	else if (strcmp(name, "primary_key") == 0)
		options->primary_key = value;
	else if (strcmp(name, "partition_by") == 0)
		options->partition_by = value;
	else if (strcmp(name, "comment") == 0)
		options->comment = pfdw_name_to_lake(value);
	else if (strcmp(name, "insert_mode") == 0)
		options->insert_mode = strcmp(value, "strict") == 0
								   ? PFDW_INSERT_STRICT
								   : PFDW_INSERT_UPSERT;
	else if (strcmp(name, "updatable") == 0)
		(void) parse_bool(value, &options->updatable);
}

PfdwOptions *
pfdw_options_from_list(ForeignServer *server, const char *schema_name,
					   const char *table_name, List *options)
{
	PfdwOptions *result = palloc0(sizeof(*result));
	ListCell *cell;

	result->ref.warehouse = pfdw_server_warehouse(server);
	result->ref.database = pfdw_name_to_lake(pstrdup(schema_name));
	result->ref.table = pfdw_name_to_lake(pstrdup(table_name));
	result->updatable = true;
	foreach (cell, options)
	{
		DefElem *def = lfirst_node(DefElem, cell);
		char *value = pstrdup(defGetString(def));

		switch (pfdw_option_kind(def->defname))
		{
			case PFDW_OPTION_OWN:
				read_own_option(result, def->defname, value);
				break;
			case PFDW_OPTION_READ:
				pfdw_option_read(result, def->defname, value);
				break;
			case PFDW_OPTION_STORED:
				result->paimon_options = lappend(
					result->paimon_options,
					makeDefElem(pstrdup(def->defname),
								(Node *) makeString(pfdw_name_to_lake(value)),
								-1));
				break;
			case PFDW_OPTION_UNKNOWN:
				fail_unknown(def->defname, ForeignTableRelationId);
				break;
		}
	}
	pfdw_system_parse(result);
	return result;
}

PfdwOptions *
pfdw_options_read(Oid relid)
{
	ForeignTable *table = GetForeignTable(relid);

	return pfdw_options_from_list(GetForeignServer(table->serverid),
								  get_namespace_name(get_rel_namespace(relid)),
								  get_rel_name(relid), table->options);
}

char *
pfdw_server_warehouse(ForeignServer *server)
{
	const char *warehouse = option_value(server->options, "warehouse");

	if (warehouse == NULL)
		ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
						errmsg("server \"%s\" has no option \"warehouse\"",
							   server->servername)));
	return pstrdup(warehouse);
}

bool
pfdw_server_is_ours(ForeignServer *server)
{
	ForeignDataWrapper *wrapper = GetForeignDataWrapper(server->fdwid);
	HeapTuple tuple;
	bool is_ours = false;
	bool is_null;
	Datum source;

	if (!OidIsValid(wrapper->fdwhandler))
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(wrapper->fdwhandler));
	if (!HeapTupleIsValid(tuple))
		return false;
	source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &is_null);
	if (!is_null)
	{
		char *symbol = TextDatumGetCString(source);

		is_ours = strcmp(symbol, "paimon_fdw_handler") == 0;
		pfree(symbol);
	}
	ReleaseSysCache(tuple);
	return is_ours;
}

void
pfdw_travel_get(const PfdwOptions *options, PmnTravel *travel)
{
	*travel = options->travel;
	if (pfdw_as_of != NULL && pfdw_as_of[0] != '\0')
		pfdw_travel_parse(pfdw_as_of, travel);
}

void
pfdw_travel_settle(PfdwTable *table, PmnTravel *travel)
{
	pfdw_check(table->env, pmn_table_settle_travel(table->table, travel));
}
