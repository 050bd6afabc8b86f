/*
 * meta_merge.c
 *
 * From the options of a keyed table to what merging a key means. Column
 * options are spelled "fields.<column>.<what>"; a sequence group is
 * "fields.<ordering>,<ordering>.sequence-group" = "<column>,<column>". As in
 * Paimon nothing is trimmed in a group's lists, the table's own key columns
 * belong to no group, and an aggregate function of partial-update needs a
 * group around its column, apart from last_non_null_value.
 *
 * Paimon walks the options in the order of a hash map, so that tables whose
 * groups share a column mean different things in different processes. Those
 * are refused.
 *
 * Options of columns that the schema lacks are passed over when they cannot
 * matter (an old snapshot is read under today's options); a group that names
 * such a column is invalid.
 */
#include "meta_merge.h"

#include <strings.h>

typedef enum ArgumentType
{
	TAKES_ANY,
	TAKES_NUMBER,
	TAKES_COMPARABLE,
	TAKES_BOOLEAN,
	TAKES_STRING, /* unbounded */
	TAKES_VARBINARY,
	TAKES_ARRAY,
	TAKES_ARRAY_OF_ROW,
	TAKES_MAP,
	TAKES_MAP_OF_ROW
} ArgumentType;

typedef struct FunctionRow
{
	const char *name;
	ArgumentType takes;
} FunctionRow;

static const FunctionRow functions[PMN_AGGREGATE_COUNT] = {
	[PMN_AGGREGATE_NONE] = {"", TAKES_ANY},
	[PMN_AGGREGATE_PRIMARY_KEY] = {"primary-key", TAKES_ANY},
	[PMN_AGGREGATE_LAST_VALUE] = {"last_value", TAKES_ANY},
	[PMN_AGGREGATE_LAST_NON_NULL_VALUE] = {"last_non_null_value", TAKES_ANY},
	[PMN_AGGREGATE_FIRST_VALUE] = {"first_value", TAKES_ANY},
	[PMN_AGGREGATE_FIRST_NON_NULL_VALUE] = {"first_non_null_value", TAKES_ANY},
	[PMN_AGGREGATE_SUM] = {"sum", TAKES_NUMBER},
	[PMN_AGGREGATE_PRODUCT] = {"product", TAKES_NUMBER},
	[PMN_AGGREGATE_MAX] = {"max", TAKES_COMPARABLE},
	[PMN_AGGREGATE_MIN] = {"min", TAKES_COMPARABLE},
	[PMN_AGGREGATE_BOOL_AND] = {"bool_and", TAKES_BOOLEAN},
	[PMN_AGGREGATE_BOOL_OR] = {"bool_or", TAKES_BOOLEAN},
	[PMN_AGGREGATE_LISTAGG] = {"listagg", TAKES_STRING},
	[PMN_AGGREGATE_COLLECT] = {"collect", TAKES_ARRAY},
	[PMN_AGGREGATE_MERGE_MAP] = {"merge_map", TAKES_MAP},
	[PMN_AGGREGATE_MERGE_MAP_WITH_KEYTIME] = {"merge_map_with_keytime",
											  TAKES_MAP_OF_ROW},
	[PMN_AGGREGATE_NESTED_UPDATE] = {"nested_update", TAKES_ARRAY_OF_ROW},
	[PMN_AGGREGATE_NESTED_PARTIAL_UPDATE] = {"nested_partial_update",
											 TAKES_ARRAY_OF_ROW},
	[PMN_AGGREGATE_RBM32] = {"rbm32", TAKES_VARBINARY},
};

/* The option's older spelling of first_non_null_value. */
static const char first_not_null[] = "first_not_null_value";

typedef struct Parser
{
	PmnArena *arena;
	PmnEnv *env;
	const PmnSchema *schema;
	const PmnTableOptions *table;
	PmnMergeOptions *out;
} Parser;

const char *
pmn_aggregate_name(PmnAggregateFunction function)
{
	return functions[function].name;
}

bool
pmn_merge_needs_lookup(const PmnTableOptions *options)
{
	return options->merge_engine != PMN_MERGE_FIRST_ROW &&
		   (options->changelog_producer == PMN_CHANGELOG_LOOKUP ||
			options->deletion_vectors || options->force_lookup);
}

/* ---- looking options up ------------------------------------------------ */

/* "fields.<column>.<what>", compared in place: names may be long. */
static const PmnOption *
column_option(const Parser *parser, const char *column, const char *what)
{
	const PmnSchema *schema = parser->schema;
	size_t size = strlen(column);

	for (uint32_t i = 0; i < schema->option_count; i++)
	{
		const char *key = schema->options[i].key;

		if (strncmp(key, "fields.", 7) == 0 &&
			strncmp(key + 7, column, size) == 0 && key[7 + size] == '.' &&
			strcmp(key + 8 + size, what) == 0)
			return &schema->options[i];
	}
	return NULL;
}

static PmnCode
invalid_value(const Parser *parser, const PmnOption *option)
{
	return pmn_fail(parser->env, PMN_INVALID,
					"invalid value \"%s\" for table option \"%s\"",
					option->value, option->key);
}

static PmnCode
option_bool(const Parser *parser, const PmnOption *option, bool *out)
{
	*out = false;
	if (option == NULL || strcasecmp(option->value, "false") == 0)
		return PMN_OK;
	*out = true;
	return strcasecmp(option->value, "true") == 0
			   ? PMN_OK
			   : invalid_value(parser, option);
}

static PmnCode
table_bool(const Parser *parser, const char *key, bool *out)
{
	PmnOption option = {key, pmn_schema_option(parser->schema, key)};

	return option_bool(parser, option.value == NULL ? NULL : &option, out);
}

static bool
is_primary_key(const PmnSchema *schema, const char *name)
{
	for (uint32_t i = 0; i < schema->primary_key_count; i++)
	{
		if (strcmp(schema->primary_keys[i], name) == 0)
			return true;
	}
	return false;
}

static int32_t
field_named(const PmnField *fields, uint32_t count, const char *name,
			size_t size)
{
	for (uint32_t i = 0; i < count; i++)
	{
		if (strlen(fields[i].name) == size &&
			memcmp(fields[i].name, name, size) == 0)
			return (int32_t) i;
	}
	return -1;
}

/*
 * Names of a list, separated by commas, as positions in fields. A list of
 * nested fields may have blanks around its names.
 */
static PmnCode
name_list(const Parser *parser, const char *option, const char *text,
		  size_t text_size, const PmnField *fields, uint32_t field_count,
		  bool is_trimmed, const uint32_t **out, uint32_t *count)
{
	size_t room = 1;
	uint32_t *positions;

	for (size_t i = 0; i < text_size; i++)
		room += text[i] == ',';
	positions = pmn_arena_alloc(parser->arena, room * sizeof(*positions));
	if (positions == NULL)
		return PMN_NO_MEMORY;
	*out = positions;
	*count = 0;
	for (size_t at = 0; at <= text_size;)
	{
		const char *comma = memchr(text + at, ',', text_size - at);
		size_t end = comma == NULL ? text_size : (size_t) (comma - text);
		size_t first = at;
		size_t last = end;
		int32_t position;

		at = end + 1;
		while (is_trimmed && first < last && text[first] == ' ')
			first++;
		while (is_trimmed && first < last && text[last - 1] == ' ')
			last--;
		position = field_named(fields, field_count, text + first, last - first);
		if (position < 0)
			return pmn_fail(parser->env, PMN_INVALID,
							"table option \"%s\" names column \"%.*s\", which "
							"does not exist",
							option,
							(int) (last - first > 200 ? 200 : last - first),
							text + first);
		positions[(*count)++] = (uint32_t) position;
	}
	return PMN_OK;
}

/* ---- sequence groups --------------------------------------------------- */

static PmnCode
join_group(Parser *parser, const char *option, uint32_t field, bool is_ordering)
{
	PmnMergeColumn *column = &parser->out->columns[field];
	const PmnField *info = &parser->schema->fields[field];
	int32_t group = (int32_t) parser->out->group_count;

	if (is_primary_key(parser->schema, info->name))
		return pmn_fail(parser->env, PMN_INVALID,
						"table option \"%s\" names column \"%s\" of the "
						"primary key",
						option, info->name);
	if (is_ordering && !pmn_type_is_comparable(&info->type))
		return pmn_fail(parser->env, PMN_UNSUPPORTED,
						"table option \"%s\" orders by column \"%s\", whose "
						"type has no order",
						option, info->name);
	/* The group's own ordering columns may be listed as protected too. */
	if (column->group == group && column->is_ordering)
		return PMN_OK;
	if (column->group >= 0)
		return pmn_fail(parser->env, PMN_INVALID,
						"table option \"%s\" names column \"%s\", which is "
						"in a sequence group already",
						option, info->name);
	column->group = group;
	column->is_ordering = is_ordering;
	return PMN_OK;
}

static PmnCode
parse_group(Parser *parser, const PmnOption *option)
{
	static const size_t around = sizeof("fields..sequence-group") - 1;
	const PmnSchema *schema = parser->schema;
	PmnSequenceGroup *group = &parser->out->groups[parser->out->group_count];
	const PmnType **types;
	const uint32_t *members;
	uint32_t member_count;

	PMN_TRY(name_list(parser, option->key, option->key + 7,
					  strlen(option->key) - around, schema->fields,
					  schema->field_count, false, &group->ordering,
					  &group->ordering_count));
	PMN_TRY(name_list(parser, option->key, option->value, strlen(option->value),
					  schema->fields, schema->field_count, false, &members,
					  &member_count));
	types =
		pmn_arena_alloc(parser->arena, group->ordering_count * sizeof(*types));
	if (types == NULL)
		return PMN_NO_MEMORY;
	group->types = types;
	for (uint32_t i = 0; i < group->ordering_count; i++)
	{
		types[i] = &schema->fields[group->ordering[i]].type;
		PMN_TRY(join_group(parser, option->key, group->ordering[i], true));
	}
	for (uint32_t i = 0; i < member_count; i++)
		PMN_TRY(join_group(parser, option->key, members[i], false));
	parser->out->group_count++;
	return PMN_OK;
}

static PmnCode
parse_groups(Parser *parser)
{
	static const char prefix[] = "fields.";
	static const char suffix[] = ".sequence-group";
	const PmnSchema *schema = parser->schema;

	parser->out->groups = pmn_arena_alloc(
		parser->arena, schema->option_count * sizeof(*parser->out->groups));
	if (parser->out->groups == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < schema->option_count; i++)
	{
		const char *key = schema->options[i].key;
		size_t size = strlen(key);

		if (size > sizeof(prefix) + sizeof(suffix) - 2 &&
			strncmp(key, prefix, sizeof(prefix) - 1) == 0 &&
			strcmp(key + size - (sizeof(suffix) - 1), suffix) == 0)
			PMN_TRY(parse_group(parser, &schema->options[i]));
	}
	return PMN_OK;
}

static PmnCode
parse_removing_groups(Parser *parser, bool *has_any)
{
	static const char key[] = "partial-update.remove-record-on-sequence-group";
	const char *text = pmn_schema_option(parser->schema, key);
	const uint32_t *fields;
	uint32_t count;

	*has_any = text != NULL;
	if (text == NULL)
		return PMN_OK;
	PMN_TRY(name_list(parser, key, text, strlen(text), parser->schema->fields,
					  parser->schema->field_count, false, &fields, &count));
	for (uint32_t i = 0; i < count; i++)
	{
		const PmnMergeColumn *column = &parser->out->columns[fields[i]];

		if (!column->is_ordering)
			return pmn_fail(parser->env, PMN_INVALID,
							"table option \"%s\" names column \"%s\", which "
							"no sequence group is ordered by",
							key, parser->schema->fields[fields[i]].name);
		parser->out->groups[column->group].removes_record = true;
	}
	return PMN_OK;
}

/* ---- aggregate functions ----------------------------------------------- */

static bool
is_number(PmnTypeKind kind)
{
	return kind == PMN_TYPE_TINYINT || kind == PMN_TYPE_SMALLINT ||
		   kind == PMN_TYPE_INT || kind == PMN_TYPE_BIGINT ||
		   kind == PMN_TYPE_FLOAT || kind == PMN_TYPE_DOUBLE ||
		   kind == PMN_TYPE_DECIMAL;
}

static bool
takes_type(ArgumentType takes, const PmnType *type)
{
	bool has_row = type->element != NULL && type->element->kind == PMN_TYPE_ROW;

	switch (takes)
	{
		case TAKES_ANY:
			return true;
		case TAKES_NUMBER:
			return is_number(type->kind);
		case TAKES_COMPARABLE:
			return pmn_type_is_comparable(type);
		case TAKES_BOOLEAN:
			return type->kind == PMN_TYPE_BOOLEAN;
		case TAKES_STRING:
			return type->kind == PMN_TYPE_VARCHAR &&
				   type->length == PMN_LENGTH_MAX;
		case TAKES_VARBINARY:
			return type->kind == PMN_TYPE_VARBINARY;
		case TAKES_ARRAY:
			return type->kind == PMN_TYPE_ARRAY;
		case TAKES_ARRAY_OF_ROW:
			return type->kind == PMN_TYPE_ARRAY && has_row;
		case TAKES_MAP:
			return type->kind == PMN_TYPE_MAP;
		case TAKES_MAP_OF_ROW:
			return type->kind == PMN_TYPE_MAP && has_row &&
				   type->element->field_count >= 2;
	}
	return false;
}

static PmnCode
find_function(const Parser *parser, const PmnOption *option,
			  PmnAggregateFunction *out)
{
	for (uint32_t i = PMN_AGGREGATE_NONE + 1; i < PMN_AGGREGATE_COUNT; i++)
	{
		*out = (PmnAggregateFunction) i;
		if (strcmp(option->value, functions[i].name) == 0)
			return PMN_OK;
	}
	*out = PMN_AGGREGATE_FIRST_NON_NULL_VALUE;
	if (strcmp(option->value, first_not_null) == 0)
		return PMN_OK;
	(void) pmn_fail(parser->env, PMN_UNSUPPORTED,
					"aggregate function \"%s\" is not supported",
					option->value);
	return pmn_detail(parser->env, "option \"%s\" is \"%s\"", option->key,
					  option->value);
}

static PmnCode
parse_nested_key(const Parser *parser, const PmnField *field,
				 PmnMergeColumn *column)
{
	const PmnType *row = field->type.element;
	const PmnOption *key = column_option(parser, field->name, "nested-key");
	const PmnOption *sequence =
		column_option(parser, field->name, "nested-sequence-field");
	const PmnOption *nulls =
		column_option(parser, field->name, "nested-key-null-strategy");
	const PmnOption *orphan = sequence != NULL ? sequence : nulls;

	if (key == NULL && orphan != NULL)
		return pmn_fail(parser->env, PMN_INVALID,
						"table option \"%s\" requires \"fields.%s.nested-key\"",
						orphan->key, field->name);
	if (key == NULL && column->function == PMN_AGGREGATE_NESTED_PARTIAL_UPDATE)
		return pmn_fail(parser->env, PMN_INVALID,
						"aggregate function \"nested_partial_update\" "
						"requires table option \"fields.%s.nested-key\"",
						field->name);
	if (key != NULL)
		PMN_TRY(name_list(parser, key->key, key->value, strlen(key->value),
						  row->fields, row->field_count, true,
						  &column->nested_key, &column->nested_key_count));
	if (sequence != NULL)
		PMN_TRY(name_list(parser, sequence->key, sequence->value,
						  strlen(sequence->value), row->fields,
						  row->field_count, true, &column->nested_sequence,
						  &column->nested_sequence_count));
	for (uint32_t i = 0; i < column->nested_sequence_count; i++)
	{
		if (!pmn_type_is_comparable(
				&row->fields[column->nested_sequence[i]].type))
			return invalid_value(parser, sequence);
	}
	if (nulls == NULL || strcasecmp(nulls->value, "merge") == 0)
		column->nested_key_nulls = PMN_NESTED_KEY_MERGE;
	else if (strcasecmp(nulls->value, "ignore") == 0)
		column->nested_key_nulls = PMN_NESTED_KEY_IGNORE;
	else if (strcasecmp(nulls->value, "error") == 0)
		column->nested_key_nulls = PMN_NESTED_KEY_ERROR;
	else
		return invalid_value(parser, nulls);
	return PMN_OK;
}

static PmnCode
parse_count_limit(const Parser *parser, const PmnField *field,
				  PmnMergeColumn *column)
{
	const PmnOption *option = column_option(parser, field->name, "count-limit");
	int64_t value = 0;
	const char *digit;
	bool is_negative;

	column->count_limit = INT32_MAX;
	if (option == NULL)
		return PMN_OK;
	is_negative = option->value[0] == '-';
	digit = option->value + (is_negative ? 1 : 0);
	if (*digit == '\0')
		return invalid_value(parser, option);
	for (; *digit != '\0'; digit++)
	{
		value = value * 10 + (*digit - '0');
		if (*digit < '0' || *digit > '9' || value > INT32_MAX)
			return invalid_value(parser, option);
	}
	column->count_limit = (int32_t) (is_negative ? -value : value);
	return PMN_OK;
}

static PmnCode
parse_time_field(const Parser *parser, const PmnField *field,
				 PmnMergeColumn *column)
{
	const PmnType *row = field->type.element;
	const PmnOption *option = column_option(parser, field->name, "ts-field");
	int32_t position;

	column->time_field = row->field_count - 1;
	if (option != NULL)
	{
		position = field_named(row->fields, row->field_count, option->value,
							   strlen(option->value));
		if (position < 0)
			return invalid_value(parser, option);
		column->time_field = (uint32_t) position;
	}
	/* Java reads the field as text whatever it is. */
	if (row->fields[column->time_field].type.kind != PMN_TYPE_VARCHAR &&
		row->fields[column->time_field].type.kind != PMN_TYPE_CHAR)
		return pmn_fail(parser->env, PMN_UNSUPPORTED,
						"the time field of aggregate function "
						"\"merge_map_with_keytime\" on column \"%s\" is not "
						"a string",
						field->name);
	return PMN_OK;
}

/* Type and options of a column whose function is known. */
static PmnCode
check_function(const Parser *parser, const PmnField *field,
			   PmnMergeColumn *column)
{
	char type[128];
	bool removes = false;
	const PmnOption *delimiter =
		column_option(parser, field->name, "list-agg-delimiter");

	if (!takes_type(functions[column->function].takes, &field->type))
		return pmn_fail(parser->env, PMN_INVALID,
						"aggregate function \"%s\" does not take column "
						"\"%s\" of type %s",
						functions[column->function].name, field->name,
						pmn_type_name(&field->type, type, sizeof(type)));
	PMN_TRY(option_bool(parser,
						column_option(parser, field->name, "ignore-retract"),
						&column->ignore_retract));
	PMN_TRY(
		table_bool(parser, "aggregation.remove-record-on-delete", &removes));
	if (removes && column->ignore_retract)
		return pmn_fail(parser->env, PMN_INVALID,
						"table option \"fields.%s.ignore-retract\" excludes "
						"\"aggregation.remove-record-on-delete\"",
						field->name);
	PMN_TRY(option_bool(parser, column_option(parser, field->name, "distinct"),
						&column->is_distinct));
	column->delimiter = delimiter == NULL ? "," : delimiter->value;
	if (column->function == PMN_AGGREGATE_MERGE_MAP_WITH_KEYTIME)
		return parse_time_field(parser, field, column);
	if (column->function != PMN_AGGREGATE_NESTED_UPDATE &&
		column->function != PMN_AGGREGATE_NESTED_PARTIAL_UPDATE)
		return PMN_OK;
	PMN_TRY(parse_count_limit(parser, field, column));
	return parse_nested_key(parser, field, column);
}

static bool
is_sequence_field(const Parser *parser, const char *name)
{
	for (uint32_t i = 0; i < parser->table->sequence_field_count; i++)
	{
		if (strcmp(parser->table->sequence_fields[i], name) == 0)
			return true;
	}
	return false;
}

/* Function of a column by its own option or the table's default one. */
static PmnCode
chosen_function(const Parser *parser, const PmnField *field,
				const PmnOption **option, PmnAggregateFunction *out)
{
	static const char default_key[] = "fields.default-aggregate-function";
	const PmnSchema *schema = parser->schema;

	*out = PMN_AGGREGATE_NONE;
	*option = column_option(parser, field->name, "aggregate-function");
	for (uint32_t i = 0; *option == NULL && i < schema->option_count; i++)
	{
		if (strcmp(schema->options[i].key, default_key) == 0)
			*option = &schema->options[i];
	}
	return *option == NULL ? PMN_OK : find_function(parser, *option, out);
}

static PmnCode
parse_partial_update_column(Parser *parser, uint32_t position)
{
	const PmnField *field = &parser->schema->fields[position];
	PmnMergeColumn *column = &parser->out->columns[position];
	const PmnOption *option = NULL;

	if (column->is_ordering)
		return PMN_OK;
	if (is_primary_key(parser->schema, field->name))
		column->function = PMN_AGGREGATE_PRIMARY_KEY;
	else
		PMN_TRY(chosen_function(parser, field, &option, &column->function));
	if (column->function == PMN_AGGREGATE_NONE)
		return PMN_OK;
	if (option != NULL && column->group < 0 &&
		column->function != PMN_AGGREGATE_LAST_NON_NULL_VALUE)
		return pmn_fail(parser->env, PMN_INVALID,
						"table option \"%s\" gives column \"%s\" aggregate "
						"function \"%s\", which needs a sequence group",
						option->key, field->name, option->value);
	return check_function(parser, field, column);
}

static PmnCode
parse_aggregation_column(Parser *parser, uint32_t position)
{
	const PmnField *field = &parser->schema->fields[position];
	PmnMergeColumn *column = &parser->out->columns[position];
	const PmnOption *option = NULL;

	if (is_sequence_field(parser, field->name))
		column->function = PMN_AGGREGATE_LAST_VALUE;
	else if (is_primary_key(parser->schema, field->name))
		column->function = PMN_AGGREGATE_PRIMARY_KEY;
	else
		PMN_TRY(chosen_function(parser, field, &option, &column->function));
	if (column->function == PMN_AGGREGATE_NONE)
		column->function = PMN_AGGREGATE_LAST_NON_NULL_VALUE;
	return check_function(parser, field, column);
}

/* ---- engines ----------------------------------------------------------- */

static PmnCode
excludes(const Parser *parser, const char *one, const char *other)
{
	return pmn_fail(parser->env, PMN_INVALID,
					"table option \"%s\" excludes \"%s\"", one, other);
}

static PmnCode
parse_partial_update(Parser *parser)
{
	static const char on_delete[] = "partial-update.remove-record-on-delete";
	static const char on_group[] =
		"partial-update.remove-record-on-sequence-group";
	bool removes_by_group = false;

	PMN_TRY(parse_groups(parser));
	PMN_TRY(table_bool(parser, on_delete, &parser->out->remove_on_delete));
	PMN_TRY(parse_removing_groups(parser, &removes_by_group));
	if (parser->table->ignore_delete && parser->out->remove_on_delete)
		return excludes(parser, "ignore-delete", on_delete);
	if (parser->table->ignore_delete && removes_by_group)
		return excludes(parser, "ignore-delete", on_group);
	if (parser->out->remove_on_delete && parser->out->group_count > 0)
		return excludes(parser, on_delete, "fields.*.sequence-group");
	for (uint32_t i = 0; i < parser->schema->field_count; i++)
		PMN_TRY(parse_partial_update_column(parser, i));
	return PMN_OK;
}

static PmnCode
parse_aggregation(Parser *parser)
{
	PMN_TRY(table_bool(parser, "aggregation.remove-record-on-delete",
					   &parser->out->remove_on_delete));
	for (uint32_t i = 0; i < parser->schema->field_count; i++)
		PMN_TRY(parse_aggregation_column(parser, i));
	return PMN_OK;
}

static PmnCode
check_first_row(const Parser *parser)
{
	if (parser->table->sequence_field_count > 0)
		return excludes(parser, "sequence.field", "merge-engine = first-row");
	if (parser->table->changelog_producer == PMN_CHANGELOG_INPUT ||
		parser->table->changelog_producer == PMN_CHANGELOG_FULL_COMPACTION)
		return pmn_fail(parser->env, PMN_INVALID,
						"merge engine \"first-row\" takes only \"none\" and "
						"\"lookup\" for table option \"changelog-producer\"");
	return PMN_OK;
}

/* Sequence fields are each there once and have no function. */
static PmnCode
check_sequence_fields(const Parser *parser)
{
	const PmnTableOptions *table = parser->table;

	for (uint32_t i = 0; i < table->sequence_field_count; i++)
	{
		const char *name = table->sequence_fields[i];

		if (column_option(parser, name, "aggregate-function") != NULL)
			return pmn_fail(parser->env, PMN_INVALID,
							"column \"%s\" of table option "
							"\"sequence.field\" has an aggregate function",
							name);
		for (uint32_t j = 0; j < i; j++)
		{
			if (strcmp(name, table->sequence_fields[j]) == 0)
				return pmn_fail(parser->env, PMN_INVALID,
								"table option \"sequence.field\" names "
								"column \"%s\" twice",
								name);
		}
	}
	return PMN_OK;
}

PmnCode
pmn_merge_options_parse(PmnArena *arena, PmnEnv *env, const PmnSchema *schema,
						const PmnTableOptions *options, PmnMergeOptions **out)
{
	Parser parser = {arena, env, schema, options, NULL};

	*out = NULL;
	parser.out = pmn_arena_alloc(arena, sizeof(*parser.out));
	if (parser.out == NULL)
		return PMN_NO_MEMORY;
	parser.out->columns = pmn_arena_alloc(
		arena, schema->field_count * sizeof(*parser.out->columns));
	if (parser.out->columns == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < schema->field_count; i++)
		parser.out->columns[i].group = -1;
	PMN_TRY(check_sequence_fields(&parser));
	switch (options->merge_engine)
	{
		case PMN_MERGE_DEDUPLICATE:
			break;
		case PMN_MERGE_FIRST_ROW:
			PMN_TRY(check_first_row(&parser));
			break;
		case PMN_MERGE_PARTIAL_UPDATE:
			PMN_TRY(parse_partial_update(&parser));
			break;
		case PMN_MERGE_AGGREGATION:
			PMN_TRY(parse_aggregation(&parser));
			break;
	}
	*out = parser.out;
	return PMN_OK;
}
