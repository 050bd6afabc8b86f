/*
 * meta_path.c
 *
 * Names of directories and files, and nothing else: what is at a path is the
 * business of fs/. All of a table's layout is decided here, so a reader who
 * wonders where something lies needs one file only.
 *
 * A branch has its own schema, snapshot and tag directories; manifests and
 * data files always lie below the table's root. The directory of a partition
 * is computed from the values in the manifest, never found by listing, so the
 * text of a value must agree with Paimon's to the byte: two renderings exist,
 * chosen by the option "partition.legacy-name".
 */
#include "meta_path.h"

#include "../fs/fs.h"

#define NAME_SIZE_MAX 255
#define MILLIS_PER_DAY INT64_C(86400000)

char *
pmn_path_database(PmnArena *arena, const char *warehouse, const char *database)
{
	char *directory = pmn_arena_format(arena, "%s.db", database);

	if (directory == NULL)
		return NULL;
	return pmn_path_join(arena, warehouse, directory, NULL);
}

char *
pmn_path_table(PmnArena *arena, const char *warehouse, const char *database,
			   const char *table)
{
	char *directory = pmn_path_database(arena, warehouse, database);

	if (directory == NULL)
		return NULL;
	return pmn_path_join(arena, directory, table, NULL);
}

char *
pmn_path_branch_directory(PmnArena *arena, const PmnTablePath *path,
						  const char *directory)
{
	if (path->branch == NULL)
		return pmn_path_join(arena, path->root, directory, NULL);
	return pmn_arena_format(arena, "%s/branch/branch-%s/%s", path->root,
							path->branch, directory);
}

static char *
numbered(PmnArena *arena, const PmnTablePath *path, const char *directory,
		 int64_t id)
{
	char *parent = pmn_path_branch_directory(arena, path, directory);

	if (parent == NULL)
		return NULL;
	return pmn_arena_format(arena, "%s/%s-%" PRId64, parent, directory, id);
}

char *
pmn_path_schema(PmnArena *arena, const PmnTablePath *path, int64_t id)
{
	return numbered(arena, path, "schema", id);
}

char *
pmn_path_snapshot(PmnArena *arena, const PmnTablePath *path, int64_t id)
{
	return numbered(arena, path, "snapshot", id);
}

char *
pmn_path_tag(PmnArena *arena, const PmnTablePath *path, const char *name)
{
	char *parent = pmn_path_branch_directory(arena, path, "tag");

	if (parent == NULL)
		return NULL;
	return pmn_arena_format(arena, "%s/tag-%s", parent, name);
}

char *
pmn_path_manifest(PmnArena *arena, const PmnTablePath *path, PmnBytes name)
{
	return pmn_arena_format(arena, "%s/manifest/%.*s", path->root,
							(int) name.size, (const char *) name.data);
}

bool
pmn_path_name_is_valid(PmnBytes name)
{
	uint32_t bad = 0;

	if (name.size == 0 || name.size > NAME_SIZE_MAX)
		return false;
	/* To the end, whatever comes: that is a loop for vectors. */
	for (uint32_t i = 0; i < name.size; i++)
	{
		uint8_t byte = name.data[i];

		bad |= (uint32_t) (byte < 0x20) | (uint32_t) (byte == 0x7F) |
			   (uint32_t) (byte == '/') | (uint32_t) (byte == '\\');
	}
	return bad == 0 &&
		   !(name.data[0] == '.' &&
			 (name.size == 1 || (name.size == 2 && name.data[1] == '.')));
}

int64_t
pmn_path_parse_id(const char *name, const char *prefix)
{
	size_t prefix_size = strlen(prefix);
	const char *digits;
	int64_t id = 0;

	if (strncmp(name, prefix, prefix_size) != 0)
		return -1;
	digits = name + prefix_size;
	/* "01" names no file that we would ever look for. */
	if (digits[0] == '\0' || (digits[0] == '0' && digits[1] != '\0'))
		return -1;
	for (; *digits != '\0'; digits++)
	{
		if (*digits < '0' || *digits > '9')
			return -1;
		if (__builtin_mul_overflow(id, 10, &id) ||
			__builtin_add_overflow(id, *digits - '0', &id))
			return -1;
	}
	return id;
}

/* ---- partitions ------------------------------------------------------- */

static bool
must_escape(uint8_t byte)
{
	if (byte < 0x20 || byte == 0x7F)
		return true;
	return byte < 0x80 && strchr("\"#%'*/:=?\\{}[]^", byte) != NULL;
}

static PmnCode
append_escaped(PmnBuffer *dst, const uint8_t *text, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < size; i++)
	{
		uint8_t escaped[3] = {'%', (uint8_t) hex[text[i] >> 4],
							  (uint8_t) hex[text[i] & 15]};

		if (must_escape(text[i]))
			PMN_TRY(pmn_buffer_append(dst, escaped, sizeof(escaped)));
		else
			PMN_TRY(pmn_buffer_byte(dst, text[i]));
	}
	return PMN_OK;
}

/* Java's Character.isWhitespace for one code point. */
static bool
is_java_whitespace(uint32_t point)
{
	if (point <= 0x20)
		return (point >= 0x09 && point <= 0x0D) || point >= 0x1C;
	return point == 0x1680 ||
		   (point >= 0x2000 && point <= 0x200A && point != 0x2007) ||
		   point == 0x2028 || point == 0x2029 || point == 0x205F ||
		   point == 0x3000;
}

/* Length of the UTF-8 sequence at text, its code point; 0 = not UTF-8. */
static size_t
utf8_point(const uint8_t *text, size_t size, uint32_t *point)
{
	size_t length = text[0] < 0x80			 ? 1
					: (text[0] >> 5) == 0x06 ? 2
					: (text[0] >> 4) == 0x0E ? 3
					: (text[0] >> 3) == 0x1E ? 4
											 : 0;
	uint32_t value;

	if (length == 0 || length > size)
		return 0;
	value = length == 1 ? text[0] : text[0] & (0x7Fu >> length);
	for (size_t i = 1; i < length; i++)
	{
		if ((text[i] & 0xC0) != 0x80)
			return 0;
		value = (value << 6) | (text[i] & 0x3F);
	}
	*point = value;
	return length;
}

static bool
is_blank(const uint8_t *text, size_t size)
{
	size_t length;
	uint32_t point = 0;

	for (size_t i = 0; i < size; i += length)
	{
		length = utf8_point(text + i, size - i, &point);
		if (length == 0 || !is_java_whitespace(point))
			return false;
	}
	return true;
}

static bool
is_utf8(PmnBytes text)
{
	size_t length;
	uint32_t point;

	for (size_t i = 0; i < text.size; i += length)
	{
		length = utf8_point(text.data + i, text.size - i, &point);
		if (length == 0)
			return false;
	}
	return true;
}

/* Floor division: days before 1970 are negative. */
static int64_t
floor_divide(int64_t value, int64_t by)
{
	int64_t quotient = value / by;

	return value % by < 0 ? quotient - 1 : quotient;
}

/* "2024-02-29" as Java's LocalDate prints it, any year. */
static PmnCode
append_date(PmnBuffer *dst, int64_t days)
{
	/* Civil calendar from days, by eras of 400 years that start in March. */
	int64_t shifted = days + 719468;
	int64_t era = floor_divide(shifted, 146097);
	int64_t day_of_era = shifted - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
						   day_of_era / 146096) /
						  365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_index = (5 * day_of_year + 2) / 153;
	int64_t day = day_of_year - (153 * month_index + 2) / 5 + 1;
	int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
	int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
	const char *sign = year < 0 ? "-" : year > 9999 ? "+" : "";

	return pmn_buffer_format(dst, "%s%04" PRId64 "-%02" PRId64 "-%02" PRId64,
							 sign, year < 0 ? -year : year, month, day);
}

/*
 * Java's LocalDateTime.toString: seconds left out when they and the fraction
 * are zero, the fraction in groups of three digits.
 */
static PmnCode
append_local_date_time(PmnBuffer *dst, int64_t millis, int32_t nano_of_milli)
{
	int64_t days = floor_divide(millis, MILLIS_PER_DAY);
	int64_t of_day = millis - days * MILLIS_PER_DAY;
	int seconds = (int) (of_day / 1000);
	int nanos = (int) (of_day % 1000) * 1000000 + nano_of_milli;

	PMN_TRY(append_date(dst, days));
	PMN_TRY(pmn_buffer_format(dst, "T%02d:%02d", seconds / 3600,
							  seconds / 60 % 60));
	if (seconds % 60 != 0 || nanos != 0)
		PMN_TRY(pmn_buffer_format(dst, ":%02d", seconds % 60));
	if (nanos == 0)
		return PMN_OK;
	if (nanos % 1000000 == 0)
		return pmn_buffer_format(dst, ".%03d", nanos / 1000000);
	if (nanos % 1000 == 0)
		return pmn_buffer_format(dst, ".%06d", nanos / 1000);
	return pmn_buffer_format(dst, ".%09d", nanos);
}

static PmnCode
append_legacy_timestamp(PmnBuffer *dst, const PmnType *type,
						const PmnValue *value)
{
	int64_t millis;
	int32_t micros;

	if (pmn_type_vector_kind(type) == PMN_VECTOR_TS96)
		return append_local_date_time(dst, value->as.ts96.millis,
									  value->as.ts96.nano);
	if (type->precision <= 3)
		return append_local_date_time(dst, value->as.i64, 0);
	millis = floor_divide(value->as.i64, 1000);
	/* Modulo, as the product of millis may lie below INT64_MIN. */
	micros = (int32_t) (value->as.i64 % 1000);
	return append_local_date_time(dst, millis,
								  (micros < 0 ? micros + 1000 : micros) * 1000);
}

/* The text of a value before escaping. */
static PmnCode
append_value(PmnBuffer *dst, const PmnPartitionNaming *naming, uint32_t column,
			 const PmnValue *value)
{
	const PmnType *type = naming->types[column];
	bool is_binary =
		type->kind == PMN_TYPE_BINARY || type->kind == PMN_TYPE_VARBINARY;

	if (value->is_null)
		return PMN_OK;
	if (is_binary && (naming->legacy_name || !is_utf8(value->as.bytes)))
		return pmn_fail(dst->env, PMN_UNSUPPORTED,
						"partition column \"%s\" of a binary type has no "
						"directory name",
						naming->names[column]);
	if (is_binary)
		return pmn_buffer_append(dst, value->as.bytes.data,
								 value->as.bytes.size);
	if (naming->legacy_name &&
		(type->kind == PMN_TYPE_DATE || type->kind == PMN_TYPE_TIME))
		return pmn_buffer_format(dst, "%" PRId64, value->as.i64);
	if (naming->legacy_name && (type->kind == PMN_TYPE_TIMESTAMP ||
								type->kind == PMN_TYPE_TIMESTAMP_LTZ))
		return append_legacy_timestamp(dst, type, value);
	return pmn_value_append_text(dst, type, value);
}

static PmnCode
append_component(PmnBuffer *dst, PmnBuffer *text,
				 const PmnPartitionNaming *naming, uint32_t column,
				 const PmnValue *value)
{
	const char *name = naming->names[column];
	const uint8_t *shown;
	size_t size;
	size_t start = dst->size;

	pmn_buffer_reset(text);
	PMN_TRY(append_value(text, naming, column, value));
	shown = text->data;
	size = text->size;
	if (is_blank(shown, size))
	{
		shown = (const uint8_t *) naming->default_name;
		size = strlen(naming->default_name);
	}
	PMN_TRY(append_escaped(dst, (const uint8_t *) name, strlen(name)));
	PMN_TRY(pmn_buffer_byte(dst, '='));
	PMN_TRY(append_escaped(dst, shown, size));
	/* The "=" rules out "." and ".."; what is left is the length. */
	if (dst->size - start > NAME_SIZE_MAX)
		return pmn_fail(dst->env, PMN_INVALID,
						"the directory of a value of partition column \"%s\" "
						"needs a name of %zu bytes, at most %d fit",
						name, dst->size - start, NAME_SIZE_MAX);
	return pmn_buffer_byte(dst, '/');
}

PmnCode
pmn_path_partition(PmnBuffer *dst, const PmnPartitionNaming *naming,
				   const PmnValue *values)
{
	PmnBuffer text;
	PmnCode code = PMN_OK;

	pmn_buffer_init(&text, dst->env);
	for (uint32_t i = 0; i < naming->count && code == PMN_OK; i++)
		code = append_component(dst, &text, naming, i, &values[i]);
	pmn_buffer_free(&text);
	return code;
}

/* ---- data files ------------------------------------------------------- */

char *
pmn_path_bucket(PmnArena *arena, const PmnTablePath *path,
				const char *partition, int32_t bucket)
{
	const char *directory = path->data_directory;
	const char *before = directory == NULL ? "" : "/";

	if (directory == NULL)
		directory = "";
	if (bucket == -2)
		return pmn_arena_format(arena, "%s%s%s/%sbucket-postpone", path->root,
								before, directory, partition);
	return pmn_arena_format(arena, "%s%s%s/%sbucket-%" PRId32, path->root,
							before, directory, partition, bucket);
}

/* Every component of a relative path is a plain name. */
static bool
components_are_valid(const char *text)
{
	for (;;)
	{
		size_t size = strcspn(text, "/");

		if (!pmn_path_name_is_valid(pmn_bytes(text, size)))
			return false;
		if (text[size] == '\0')
			return true;
		text += size + 1;
	}
}

/*
 * An absolute path, with or without "file:", anywhere in the file system:
 * Paimon puts files below the roots of option data-file.external-paths, which
 * may have changed since.
 */
static PmnCode
resolve_external(PmnArena *arena, PmnEnv *env, const PmnBytes *external_path,
				 char **out)
{
	char *text = pmn_arena_string_n(arena, (const char *) external_path->data,
									external_path->size);
	size_t skip = 0;

	if (text == NULL)
		return PMN_NO_MEMORY;
	if (strncmp(text, "file:", 5) == 0)
		skip = 5;
	if (strncmp(text + skip, "///", 3) == 0)
		skip += 2;
	if (strlen(text) != external_path->size || text[skip] != '/' ||
		!components_are_valid(text + skip + 1))
	{
		pmn_fail(env, PMN_UNSUPPORTED,
				 "files in another file system than the table are not "
				 "supported");
		return pmn_detail(env, "external path \"%s\"", text);
	}
	*out = text + skip;
	return PMN_OK;
}

static PmnCode
resolve_file(PmnArena *arena, PmnEnv *env, const PmnTablePath *path,
			 const char *directory, PmnBytes file_name,
			 const PmnBytes *external_path, char **out)
{
	*out = NULL;
	if (!pmn_path_name_is_valid(file_name))
		return pmn_fail(env, PMN_CORRUPT,
						"a manifest of table \"%s\" has an impossible file "
						"name",
						path->root);
	if (external_path != NULL)
		return resolve_external(arena, env, external_path, out);
	*out = pmn_arena_format(arena, "%s/%.*s", directory, (int) file_name.size,
							(const char *) file_name.data);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

PmnCode
pmn_path_data_file(PmnArena *arena, PmnEnv *env, const PmnTablePath *path,
				   const char *bucket_directory, PmnBytes file_name,
				   const PmnBytes *external_path, char **out)
{
	return resolve_file(arena, env, path, bucket_directory, file_name,
						external_path, out);
}

PmnCode
pmn_path_index_file(PmnArena *arena, PmnEnv *env, const PmnTablePath *path,
					const char *bucket_directory, PmnBytes file_name,
					const PmnBytes *external_path, char **out)
{
	const char *directory = bucket_directory;

	*out = NULL;
	if (directory == NULL)
		directory = pmn_arena_format(arena, "%s/index", path->root);
	if (directory == NULL)
		return PMN_NO_MEMORY;
	return resolve_file(arena, env, path, directory, file_name, external_path,
						out);
}

/* Position after the last "." of text before end, or -1. */
static int32_t
after_last_dot(const char *text, int32_t end)
{
	for (int32_t i = end - 1; i >= 0; i--)
	{
		if (text[i] == '.')
			return i + 1;
	}
	return -1;
}

char *
pmn_path_format(PmnArena *arena, PmnBytes file_name)
{
	/* What Hadoop appends to compressed text files: "x.csv.gz". */
	static const char *const compressions[] = {
		"gz", "bz2", "deflate", "snappy", "lz4", "zst", "lzo"};
	const char *text = (const char *) file_name.data;
	int32_t end = (int32_t) file_name.size;
	int32_t start = after_last_dot(text, end);

	if (start < 0)
		return pmn_arena_string(arena, "");
	for (size_t i = 0; i < sizeof(compressions) / sizeof(*compressions); i++)
	{
		size_t size = strlen(compressions[i]);
		int32_t before = after_last_dot(text, start - 1);

		if ((size_t) (end - start) == size && before >= 0 &&
			memcmp(text + start, compressions[i], size) == 0)
			return pmn_arena_string_n(arena, text + before,
									  (size_t) (start - 1 - before));
	}
	return pmn_arena_string_n(arena, text + start, (size_t) (end - start));
}
