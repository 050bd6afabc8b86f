/*
 * codec_json_scan.c
 *
 * The pass before cJSON. cJSON turns every number into a double and forgets
 * its text, takes bytes after the end, raw control characters, "01", broken
 * UTF-8 and "\u0000" (where its C string then ends), and nests a thousand
 * deep. So the text is first read by this strict scanner, which
 *
 *   - refuses all that, with the byte where it is wrong;
 *   - copies it with every number of 16 or more characters put into a string
 *     that begins with byte 0xFF, so that its digits survive;
 *   - bounds depth and count of values before any is allocated.
 *
 * What passes here, cJSON parses; its NULL can then only mean memory.
 */
#include "codec_json_internal.h"

typedef struct Scan
{
	PmnEnv *env;
	const char *name;
	const uint8_t *start;
	const uint8_t *at;
	const uint8_t *end;
	uint8_t *out;		   /* room was reserved for the longest outcome */
	const uint8_t *copied; /* text before this is in out */
	uint32_t value_count;
} Scan;

static PmnCode scan_value(Scan *scan, int depth);

static PmnCode
broken(Scan *scan, const char *what)
{
	return pmn_fail(scan->env, PMN_CORRUPT,
					"file \"%s\" is not valid JSON: %s at byte %zu", scan->name,
					what, (size_t) (scan->at - scan->start));
}

size_t
pmn_utf8_size(const uint8_t *text, size_t size)
{
	uint8_t lead = text[0];
	uint32_t value;
	size_t needed;

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	needed = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (size < needed)
		return 0;
	value = lead & (0xffu >> (needed + 1));
	for (size_t i = 1; i < needed; i++)
	{
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (text[i] & 0x3fu);
	}
	if ((needed == 3 && value < 0x800) || (needed == 4 && value < 0x10000) ||
		value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	return needed;
}

static void
skip_space(Scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' ||
									*scan->at == '\r' || *scan->at == '\t'))
		scan->at++;
}

static bool
is_digit(const Scan *scan)
{
	return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

/* Whether the next byte is this one; steps over it then. */
static bool
accept(Scan *scan, char byte)
{
	if (scan->at == scan->end || *scan->at != (uint8_t) byte)
		return false;
	scan->at++;
	return true;
}

static PmnCode
scan_digits(Scan *scan)
{
	if (!is_digit(scan))
		return broken(scan, "a digit is missing");
	while (is_digit(scan))
		scan->at++;
	return PMN_OK;
}

static void
copy_until(Scan *scan, const uint8_t *until)
{
	size_t size = (size_t) (until - scan->copied);

	memcpy(scan->out, scan->copied, size);
	scan->out += size;
	scan->copied = until;
}

static PmnCode
scan_number(Scan *scan)
{
	const uint8_t *first = scan->at;

	(void) accept(scan, '-');
	if (!accept(scan, '0'))
		PMN_TRY(scan_digits(scan));
	if (accept(scan, '.'))
		PMN_TRY(scan_digits(scan));
	if (accept(scan, 'e') || accept(scan, 'E'))
	{
		if (!accept(scan, '+'))
			(void) accept(scan, '-');
		PMN_TRY(scan_digits(scan));
	}
	if (scan->at - first < PMN_JSON_LONG_NUMBER)
		return PMN_OK;
	copy_until(scan, first);
	*scan->out++ = '"';
	*scan->out++ = (uint8_t) PMN_JSON_NUMBER_MARK;
	copy_until(scan, scan->at);
	*scan->out++ = '"';
	return PMN_OK;
}

/* Four hexadecimal digits. */
static PmnCode
scan_hex(Scan *scan, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < 4; i++)
	{
		uint8_t byte = scan->at < scan->end ? *scan->at : 0;
		uint32_t digit;

		if (byte >= '0' && byte <= '9')
			digit = byte - (uint32_t) '0';
		else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
			digit = (byte | 0x20u) - 'a' + 10;
		else
			return broken(scan, "a hexadecimal digit is missing");
		*value = *value << 4 | digit;
		scan->at++;
	}
	return PMN_OK;
}

/* What follows a backslash. */
static PmnCode
scan_escape(Scan *scan)
{
	uint32_t value;
	uint32_t low;

	if (!accept(scan, 'u'))
	{
		if (scan->at == scan->end || *scan->at == '\0' ||
			strchr("\"\\/bfnrt", *scan->at) == NULL)
			return broken(scan, "an unknown escape");
		scan->at++;
		return PMN_OK;
	}
	PMN_TRY(scan_hex(scan, &value));
	if (value == 0)
		return broken(scan, "\\u0000");
	if (value >= 0xdc00 && value <= 0xdfff)
		return broken(scan, "half of a surrogate pair");
	if (value < 0xd800 || value > 0xdbff)
		return PMN_OK;
	if (!accept(scan, '\\') || !accept(scan, 'u'))
		return broken(scan, "half of a surrogate pair");
	PMN_TRY(scan_hex(scan, &low));
	if (low < 0xdc00 || low > 0xdfff)
		return broken(scan, "half of a surrogate pair");
	return PMN_OK;
}

static PmnCode
scan_string(Scan *scan)
{
	if (!accept(scan, '"'))
		return broken(scan, "a string is missing");
	while (!accept(scan, '"'))
	{
		size_t size;

		if (scan->at == scan->end)
			return broken(scan, "a string without end");
		if (*scan->at < 0x20)
			return broken(scan, "a control character");
		if (accept(scan, '\\'))
		{
			PMN_TRY(scan_escape(scan));
			continue;
		}
		size = pmn_utf8_size(scan->at, (size_t) (scan->end - scan->at));
		if (size == 0)
			return broken(scan, "bytes that are not UTF-8");
		scan->at += size;
	}
	return PMN_OK;
}

static PmnCode
scan_word(Scan *scan, const char *word)
{
	for (const char *c = word; *c != '\0'; c++)
		if (!accept(scan, *c))
			return broken(scan, "an unknown word");
	return PMN_OK;
}

/* Items up to the closing bracket; the opening one was read. */
static PmnCode
scan_items(Scan *scan, bool is_object, int depth)
{
	char closing = is_object ? '}' : ']';

	skip_space(scan);
	if (accept(scan, closing))
		return PMN_OK;
	while (true)
	{
		skip_space(scan);
		if (is_object)
		{
			PMN_TRY(scan_string(scan));
			skip_space(scan);
			if (!accept(scan, ':'))
				return broken(scan, "a colon is missing");
		}
		PMN_TRY(scan_value(scan, depth));
		skip_space(scan);
		if (accept(scan, closing))
			return PMN_OK;
		if (!accept(scan, ','))
			return broken(scan, "a comma or closing bracket is missing");
	}
}

static PmnCode
scan_value(Scan *scan, int depth)
{
	skip_space(scan);
	if (scan->at == scan->end)
		return broken(scan, "a value is missing");
	if (++scan->value_count > PMN_JSON_VALUE_COUNT_MAX)
		return broken(scan, "too many values");
	switch (*scan->at)
	{
		case '{':
		case '[':
			if (depth == PMN_JSON_DEPTH_MAX)
				return broken(scan, "too many levels");
			scan->at++;
			return scan_items(scan, scan->at[-1] == '{', depth + 1);
		case '"':
			return scan_string(scan);
		case 't':
			return scan_word(scan, "true");
		case 'f':
			return scan_word(scan, "false");
		case 'n':
			return scan_word(scan, "null");
		default:
			return scan_number(scan);
	}
}

PmnCode
pmn_json_scan(PmnEnv *env, PmnBytes text, const char *name, PmnBuffer *out)
{
	/* Each marked number has 16 characters and grows by 3. */
	size_t room = text.size + text.size / PMN_JSON_LONG_NUMBER * 3 + 1;
	Scan scan = {.env = env, .name = name};

	if (text.size == 0)
		return pmn_fail(env, PMN_CORRUPT, "file \"%s\" is empty", name);
	if (text.size > PMN_JSON_SIZE_MAX)
		return pmn_fail(env, PMN_CORRUPT,
						"file \"%s\" is %" PRIu32
						" bytes, at most %zu are read as JSON",
						name, text.size, PMN_JSON_SIZE_MAX);
	PMN_TRY(pmn_buffer_reserve(out, room));
	scan.start = scan.at = scan.copied = text.data;
	scan.end = text.data + text.size;
	scan.out = out->data + out->size;
	PMN_TRY(scan_value(&scan, 0));
	skip_space(&scan);
	if (scan.at != scan.end)
		return broken(&scan, "bytes after the value");
	copy_until(&scan, scan.end);
	out->size = (size_t) (scan.out - out->data);
	PMN_ASSERT(out->size < out->capacity);
	return PMN_OK;
}
