/*
 * type_name.c
 *
 * Types from their SQL spelling (format/metadata.md 2.2); type_spell.c is the
 * way back. Follows Paimon's own little grammar: a keyword, optional
 * parameters, then NULL, NOT NULL or nothing (nullable). Keywords ignore
 * case. One token of look-ahead is enough.
 *
 *   type    := atom nullability [("ARRAY" | "MULTISET") nullability]
 *   atom    := keyword ["(" parameter {"," parameter} ")"] | "VECTOR<" ...
 *            | "ARRAY<" type ">" | "MULTISET<" type ">"
 *            | "MAP<" type "," type ">"
 *            | "ROW<" [name type ["'" comment "'"] {"," ...}] ">"
 *
 * Schema files spell nested types as JSON objects and never in brackets, so
 * these are read for people only (pmn_type_parse_sql).
 *
 * Invariant: what is printed for an atomic type parses to an equal type.
 */
#include <strings.h>

#include "type_name.h"

#define PARAMETER_SIZE_MAX 128

typedef enum TokenKind
{
	TOKEN_END,
	TOKEN_WORD,	  /* keyword or bare identifier */
	TOKEN_NUMBER, /* digits only */
	TOKEN_QUOTED, /* 'x', unescaped into value */
	TOKEN_NAME,	  /* `x`, unescaped into value */
	TOKEN_MARK	  /* one of < > ( ) , . */
} TokenKind;

typedef struct NameParser
{
	PmnEnv *env;
	PmnArena *arena; /* NULL: atomic types only */
	bool is_sql;	 /* nested types in brackets are read */
	const char *text;
	PmnCode wrong;
	size_t at; /* behind the token */
	TokenKind kind;
	char value[PARAMETER_SIZE_MAX + 1];
	int32_t number;
} NameParser;

/* How a keyword goes on. */
typedef enum NameForm
{
	FORM_PLAIN,
	FORM_LENGTH,
	FORM_LONGEST,
	FORM_DECIMAL,
	FORM_DOUBLE,
	FORM_TIME,
	FORM_TIMESTAMP,
	FORM_TIMESTAMP_LTZ,
	FORM_GEOSPATIAL,
	FORM_VECTOR,
	FORM_NESTED
} NameForm;

typedef struct Keyword
{
	const char *name;
	PmnTypeKind kind;
	NameForm form;
} Keyword;

static const Keyword keywords[] = {
	{"BOOLEAN", PMN_TYPE_BOOLEAN, FORM_PLAIN},
	{"TINYINT", PMN_TYPE_TINYINT, FORM_PLAIN},
	{"SMALLINT", PMN_TYPE_SMALLINT, FORM_PLAIN},
	{"INT", PMN_TYPE_INT, FORM_PLAIN},
	{"INTEGER", PMN_TYPE_INT, FORM_PLAIN},
	{"BIGINT", PMN_TYPE_BIGINT, FORM_PLAIN},
	{"FLOAT", PMN_TYPE_FLOAT, FORM_PLAIN},
	{"DOUBLE", PMN_TYPE_DOUBLE, FORM_DOUBLE},
	{"DECIMAL", PMN_TYPE_DECIMAL, FORM_DECIMAL},
	{"NUMERIC", PMN_TYPE_DECIMAL, FORM_DECIMAL},
	{"DEC", PMN_TYPE_DECIMAL, FORM_DECIMAL},
	{"CHAR", PMN_TYPE_CHAR, FORM_LENGTH},
	{"VARCHAR", PMN_TYPE_VARCHAR, FORM_LENGTH},
	{"STRING", PMN_TYPE_VARCHAR, FORM_LONGEST},
	{"BINARY", PMN_TYPE_BINARY, FORM_LENGTH},
	{"VARBINARY", PMN_TYPE_VARBINARY, FORM_LENGTH},
	{"BYTES", PMN_TYPE_VARBINARY, FORM_LONGEST},
	{"DATE", PMN_TYPE_DATE, FORM_PLAIN},
	{"TIME", PMN_TYPE_TIME, FORM_TIME},
	{"TIMESTAMP", PMN_TYPE_TIMESTAMP, FORM_TIMESTAMP},
	{"TIMESTAMP_LTZ", PMN_TYPE_TIMESTAMP_LTZ, FORM_TIMESTAMP_LTZ},
	{"VARIANT", PMN_TYPE_VARIANT, FORM_PLAIN},
	{"BLOB", PMN_TYPE_BLOB, FORM_PLAIN},
	{"GEOMETRY", PMN_TYPE_GEOMETRY, FORM_GEOSPATIAL},
	{"GEOGRAPHY", PMN_TYPE_GEOGRAPHY, FORM_GEOSPATIAL},
	{"VECTOR", PMN_TYPE_VECTOR, FORM_VECTOR},
	{"ARRAY", PMN_TYPE_ARRAY, FORM_NESTED},
	{"MULTISET", PMN_TYPE_MULTISET, FORM_NESTED},
	{"MAP", PMN_TYPE_MAP, FORM_NESTED},
	{"ROW", PMN_TYPE_ROW, FORM_NESTED},
};

static const char *const edge_algorithms[] = {"spherical", "vincenty", "thomas",
											  "andoyer", "karney"};

static PmnCode next_token(NameParser *parser);
static PmnCode not_a_type(NameParser *parser);
static PmnCode parse_type(NameParser *parser, int depth, PmnType *out);

PmnCode
pmn_type_parse_name(PmnEnv *env, const char *name, PmnType *out)
{
	return pmn_type_parse_text(env, NULL, name, PMN_INVALID, out);
}

PmnCode
pmn_type_parse_sql(PmnEnv *env, const char *name, PmnParsedType **out)
{
	PmnArena *arena = NULL;
	NameParser parser = {.env = env, .text = name, .wrong = PMN_INVALID};
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_arena_create(env, 0, &arena));
	parser.arena = arena;
	parser.is_sql = true;
	*out = pmn_arena_alloc(arena, sizeof(**out));
	code = *out == NULL ? PMN_NO_MEMORY : next_token(&parser);
	if (code == PMN_OK)
		code = parse_type(&parser, 0, &(*out)->type);
	if (code == PMN_OK && parser.kind != TOKEN_END)
		code = not_a_type(&parser);
	if (code != PMN_OK)
	{
		pmn_arena_destroy(arena);
		*out = NULL;
		return code;
	}
	(*out)->arena = arena;
	return PMN_OK;
}

void
pmn_parsed_type_free(PmnParsedType *parsed)
{
	if (parsed != NULL)
		pmn_arena_destroy(parsed->arena);
}

PmnCode
pmn_type_parse_text(PmnEnv *env, PmnArena *arena, const char *text,
					PmnCode wrong, PmnType *out)
{
	NameParser parser = {0};

	parser.env = env;
	parser.arena = arena;
	parser.text = text;
	parser.wrong = wrong;
	PMN_TRY(next_token(&parser));
	PMN_TRY(parse_type(&parser, 0, out));
	if (parser.kind != TOKEN_END)
		return pmn_fail(env, wrong, "\"%.200s\" is not a data type", text);
	return PMN_OK;
}

bool
pmn_type_is_vector_element(const PmnType *type)
{
	return type->kind <= PMN_TYPE_DOUBLE;
}

static PmnCode
not_a_type(NameParser *parser)
{
	return pmn_fail(parser->env, parser->wrong, "\"%.200s\" is not a data type",
					parser->text);
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_mark(char c)
{
	return c == '<' || c == '>' || c == '(' || c == ')' || c == ',' || c == '.';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* 'it''s' into value; at stands on the opening quote. */
static PmnCode
quoted_token(NameParser *parser)
{
	const char *text = parser->text;
	char quote = text[parser->at];
	size_t size = 0;

	for (parser->at++; text[parser->at] != '\0'; parser->at++)
	{
		if (text[parser->at] == quote)
		{
			parser->at++;
			if (text[parser->at] != quote)
			{
				parser->value[size] = '\0';
				return PMN_OK;
			}
		}
		if (size == PARAMETER_SIZE_MAX)
			break;
		parser->value[size++] = text[parser->at];
	}
	return not_a_type(parser);
}

static PmnCode
word_token(NameParser *parser)
{
	const char *text = parser->text;
	bool is_number = is_digit(text[parser->at]);
	int64_t number = 0;
	size_t size = 0;

	while (text[parser->at] != '\0' && !is_space(text[parser->at]) &&
		   !is_mark(text[parser->at]))
	{
		char c = text[parser->at];

		if (is_number && !is_digit(c))
			break;
		if (size == PARAMETER_SIZE_MAX)
			return not_a_type(parser);
		parser->value[size++] = c;
		parser->at++;
		if (is_number && number <= INT32_MAX)
			number = number * 10 + (c - '0');
	}
	parser->value[size] = '\0';
	if (number > INT32_MAX)
		return not_a_type(parser);
	parser->kind = is_number ? TOKEN_NUMBER : TOKEN_WORD;
	parser->number = (int32_t) number;
	return PMN_OK;
}

static PmnCode
next_token(NameParser *parser)
{
	const char *text = parser->text;
	char c;

	while (is_space(text[parser->at]))
		parser->at++;
	c = text[parser->at];
	if (c == '\0')
	{
		parser->kind = TOKEN_END;
		parser->value[0] = '\0';
		return PMN_OK;
	}
	if (is_mark(c))
	{
		parser->kind = TOKEN_MARK;
		parser->value[0] = c;
		parser->value[1] = '\0';
		parser->at++;
		return PMN_OK;
	}
	if (c == '\'' || c == '`')
	{
		parser->kind = c == '`' ? TOKEN_NAME : TOKEN_QUOTED;
		return quoted_token(parser);
	}
	return word_token(parser);
}

static bool
at_word(const NameParser *parser, const char *word)
{
	return parser->kind == TOKEN_WORD && strcasecmp(parser->value, word) == 0;
}

static bool
at_mark(const NameParser *parser, char mark)
{
	return parser->kind == TOKEN_MARK && parser->value[0] == mark;
}

static PmnCode
expect_word(NameParser *parser, const char *word)
{
	if (!at_word(parser, word))
		return not_a_type(parser);
	return next_token(parser);
}

static PmnCode
expect_mark(NameParser *parser, char mark)
{
	if (!at_mark(parser, mark))
		return not_a_type(parser);
	return next_token(parser);
}

static PmnCode
expect_number(NameParser *parser, int32_t min, int32_t max, int32_t *out)
{
	if (parser->kind != TOKEN_NUMBER || parser->number < min ||
		parser->number > max)
		return not_a_type(parser);
	*out = parser->number;
	return next_token(parser);
}

/* "(n)", or nothing and *out stays. */
static PmnCode
optional_number(NameParser *parser, int32_t min, int32_t max, int32_t *out)
{
	if (!at_mark(parser, '('))
		return PMN_OK;
	PMN_TRY(next_token(parser));
	PMN_TRY(expect_number(parser, min, max, out));
	return expect_mark(parser, ')');
}

static PmnCode
parse_decimal(NameParser *parser, PmnType *out)
{
	out->precision = 10;
	out->scale = 0;
	if (!at_mark(parser, '('))
		return PMN_OK;
	PMN_TRY(next_token(parser));
	PMN_TRY(
		expect_number(parser, 1, PMN_DECIMAL_PRECISION_MAX, &out->precision));
	if (at_mark(parser, ','))
	{
		PMN_TRY(next_token(parser));
		PMN_TRY(expect_number(parser, 0, out->precision, &out->scale));
	}
	return expect_mark(parser, ')');
}

static PmnCode
parse_time_zone(NameParser *parser, PmnType *out)
{
	if (at_word(parser, "WITHOUT"))
	{
		PMN_TRY(next_token(parser));
	}
	else if (out->kind == PMN_TYPE_TIMESTAMP && at_word(parser, "WITH"))
	{
		PMN_TRY(next_token(parser));
		PMN_TRY(expect_word(parser, "LOCAL"));
		out->kind = PMN_TYPE_TIMESTAMP_LTZ;
	}
	else
	{
		return PMN_OK;
	}
	PMN_TRY(expect_word(parser, "TIME"));
	return expect_word(parser, "ZONE");
}

static PmnCode
parse_vector(NameParser *parser, int depth, PmnType *out)
{
	PmnType *element;

	if (parser->arena == NULL)
		return pmn_fail(parser->env, PMN_UNSUPPORTED,
						"type \"%.200s\" is not supported", parser->text);
	element = pmn_arena_alloc(parser->arena, sizeof(*element));
	if (element == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(expect_mark(parser, '<'));
	PMN_TRY(parse_type(parser, depth + 1, element));
	if (!pmn_type_is_vector_element(element))
		return not_a_type(parser);
	out->element = element;
	PMN_TRY(expect_mark(parser, ','));
	PMN_TRY(expect_number(parser, 1, PMN_LENGTH_MAX, &out->length));
	return expect_mark(parser, '>');
}

static PmnCode
parse_parameter(NameParser *parser, char dst[PARAMETER_SIZE_MAX + 1])
{
	bool is_text = parser->kind == TOKEN_WORD || parser->kind == TOKEN_QUOTED ||
				   parser->kind == TOKEN_NAME;

	if (!is_text || parser->value[0] == '\0')
		return not_a_type(parser);
	memcpy(dst, parser->value, PARAMETER_SIZE_MAX + 1);
	return next_token(parser);
}

/* Keep what is not the default in the hidden field. */
static PmnCode
set_geospatial(NameParser *parser, PmnType *out, const char *crs,
			   const char *algorithm)
{
	PmnField *field;

	if (strcmp(crs, PMN_TYPE_CRS) == 0 &&
		strcmp(algorithm, PMN_TYPE_EDGE_ALGORITHM) == 0)
		return PMN_OK;
	if (parser->arena == NULL)
		return pmn_fail(parser->env, PMN_UNSUPPORTED,
						"type \"%.200s\" is not supported", parser->text);
	field = pmn_arena_alloc(parser->arena, sizeof(*field));
	if (field == NULL)
		return PMN_NO_MEMORY;
	field->name = pmn_arena_string(parser->arena, crs);
	field->default_value = algorithm;
	if (field->name == NULL)
		return PMN_NO_MEMORY;
	out->fields = field;
	return PMN_OK;
}

static PmnCode
parse_geospatial(NameParser *parser, PmnType *out)
{
	char crs[PARAMETER_SIZE_MAX + 1] = PMN_TYPE_CRS;
	char word[PARAMETER_SIZE_MAX + 1] = PMN_TYPE_EDGE_ALGORITHM;

	if (!at_mark(parser, '('))
		return PMN_OK;
	PMN_TRY(next_token(parser));
	PMN_TRY(parse_parameter(parser, crs));
	if (out->kind == PMN_TYPE_GEOGRAPHY && at_mark(parser, ','))
	{
		PMN_TRY(next_token(parser));
		PMN_TRY(parse_parameter(parser, word));
	}
	PMN_TRY(expect_mark(parser, ')'));
	for (size_t i = 0; i < sizeof(edge_algorithms) / sizeof(char *); i++)
		if (strcasecmp(word, edge_algorithms[i]) == 0)
			return set_geospatial(parser, out, crs, edge_algorithms[i]);
	return not_a_type(parser);
}

static PmnCode
parse_nullability(NameParser *parser, bool *is_nullable)
{
	*is_nullable = true;
	if (at_word(parser, "NOT"))
	{
		*is_nullable = false;
		PMN_TRY(next_token(parser));
		return expect_word(parser, "NULL");
	}
	if (at_word(parser, "NULL"))
		return next_token(parser);
	return PMN_OK;
}

/* ---- types in brackets ------------------------------------------------- */

static PmnCode
parse_child(NameParser *parser, int depth, const PmnType **out)
{
	PmnType *child = pmn_arena_alloc(parser->arena, sizeof(*child));

	if (child == NULL)
		return PMN_NO_MEMORY;
	*out = child;
	return parse_type(parser, depth + 1, child);
}

static PmnCode
parse_field(NameParser *parser, int depth, PmnField *out)
{
	bool is_name = parser->kind == TOKEN_WORD || parser->kind == TOKEN_NAME;

	if (!is_name || parser->value[0] == '\0')
		return not_a_type(parser);
	out->name = pmn_arena_string(parser->arena, parser->value);
	if (out->name == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(next_token(parser));
	PMN_TRY(parse_type(parser, depth + 1, &out->type));
	if (parser->kind != TOKEN_QUOTED)
		return PMN_OK;
	out->description = pmn_arena_string(parser->arena, parser->value);
	if (out->description == NULL)
		return PMN_NO_MEMORY;
	return next_token(parser);
}

/* The fields so far, in twice the room. */
static PmnCode
grow_fields(NameParser *parser, PmnField **fields, uint32_t count)
{
	PmnField *larger;

	if (count >= PMN_COLUMN_COUNT_MAX)
		return not_a_type(parser);
	if (count != 0 && (count & (count - 1)) != 0)
		return PMN_OK;
	larger = pmn_arena_alloc(
		parser->arena, (count == 0 ? 1 : (size_t) count * 2) * sizeof(*larger));
	if (larger == NULL)
		return PMN_NO_MEMORY;
	if (count > 0)
		memcpy(larger, *fields, count * sizeof(*larger));
	*fields = larger;
	return PMN_OK;
}

static PmnCode
parse_fields(NameParser *parser, int depth, PmnType *out)
{
	PmnField *fields = NULL;
	uint32_t count = 0;

	while (!at_mark(parser, '>'))
	{
		if (count > 0)
			PMN_TRY(expect_mark(parser, ','));
		PMN_TRY(grow_fields(parser, &fields, count));
		PMN_TRY(parse_field(parser, depth, &fields[count]));
		for (uint32_t i = 0; i < count; i++)
		{
			if (strcmp(fields[i].name, fields[count].name) == 0)
				return pmn_fail(parser->env, parser->wrong,
								"\"%.200s\" has two fields \"%s\"",
								parser->text, fields[i].name);
		}
		fields[count].id = (int32_t) count;
		count++;
	}
	out->fields = fields;
	out->field_count = count;
	return PMN_OK;
}

static PmnCode
parse_nested(NameParser *parser, int depth, PmnType *out)
{
	PMN_TRY(expect_mark(parser, '<'));
	if (out->kind == PMN_TYPE_ROW)
		PMN_TRY(parse_fields(parser, depth, out));
	else
	{
		if (out->kind == PMN_TYPE_MAP)
		{
			PMN_TRY(parse_child(parser, depth, &out->key));
			PMN_TRY(expect_mark(parser, ','));
		}
		PMN_TRY(parse_child(parser, depth, &out->element));
	}
	return expect_mark(parser, '>');
}

static PmnCode
parse_form(NameParser *parser, NameForm form, int depth, PmnType *out)
{
	switch (form)
	{
		case FORM_PLAIN:
			return PMN_OK;
		case FORM_LENGTH:
			out->length = 1;
			return optional_number(parser, 1, PMN_LENGTH_MAX, &out->length);
		case FORM_LONGEST:
			out->length = PMN_LENGTH_MAX;
			return PMN_OK;
		case FORM_DECIMAL:
			return parse_decimal(parser, out);
		case FORM_DOUBLE:
			return at_word(parser, "PRECISION") ? next_token(parser) : PMN_OK;
		case FORM_TIME:
			PMN_TRY(optional_number(parser, 0, 9, &out->precision));
			return parse_time_zone(parser, out);
		case FORM_TIMESTAMP:
			out->precision = 6;
			PMN_TRY(optional_number(parser, 0, 9, &out->precision));
			return parse_time_zone(parser, out);
		case FORM_TIMESTAMP_LTZ:
			out->precision = 6;
			return optional_number(parser, 0, 9, &out->precision);
		case FORM_GEOSPATIAL:
			return parse_geospatial(parser, out);
		case FORM_VECTOR:
			return parse_vector(parser, depth, out);
		case FORM_NESTED:
			if (parser->is_sql)
				return parse_nested(parser, depth, out);
			break;
	}
	if (parser->arena == NULL)
		return pmn_fail(parser->env, PMN_UNSUPPORTED,
						"type \"%.200s\" is not supported", parser->text);
	return not_a_type(parser);
}

/* "INT ARRAY", "INT MULTISET": the type so far becomes the element. */
static PmnCode
parse_suffix(NameParser *parser, PmnType *out)
{
	bool is_array = at_word(parser, "ARRAY");
	PmnType *element;

	if (!is_array && !at_word(parser, "MULTISET"))
		return PMN_OK;
	if (parser->arena == NULL)
		return pmn_fail(parser->env, PMN_UNSUPPORTED,
						"type \"%.200s\" is not supported", parser->text);
	element = pmn_arena_copy(parser->arena, out, sizeof(*out));
	if (element == NULL)
		return PMN_NO_MEMORY;
	memset(out, 0, sizeof(*out));
	out->kind = is_array ? PMN_TYPE_ARRAY : PMN_TYPE_MULTISET;
	out->element = element;
	PMN_TRY(next_token(parser));
	return parse_nullability(parser, &out->is_nullable);
}

static PmnCode
parse_type(NameParser *parser, int depth, PmnType *out)
{
	const Keyword *keyword = NULL;

	memset(out, 0, sizeof(*out));
	if (depth > PMN_TYPE_DEPTH_MAX)
		return not_a_type(parser);
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (at_word(parser, keywords[i].name))
			keyword = &keywords[i];
	if (keyword == NULL)
		return not_a_type(parser);
	PMN_TRY(next_token(parser));
	out->kind = keyword->kind;
	PMN_TRY(parse_form(parser, keyword->form, depth, out));
	PMN_TRY(parse_nullability(parser, &out->is_nullable));
	return parse_suffix(parser, out);
}
