/*
 * format_testing_spell.h
 *
 * Values as the golden tables spell them, and their comparison with what a
 * reader returned. Tests only; each test file includes it once.
 */
#ifndef FORMAT_TESTING_SPELL_H
#define FORMAT_TESTING_SPELL_H

#include <cjson/cJSON.h>
#include <math.h>

#include "../codec/codec_json.h"
#include "../type/type.h"

static void
spell_date(int64_t day, char *dst, size_t size)
{
	int64_t z = day + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;

	snprintf(dst, size, "%04d-%02d-%02d",
			 (int) (yoe + era * 400 + (month <= 2)), (int) month,
			 (int) (doy - (153 * mp + 2) / 5 + 1));
}

static int64_t
floor_divide(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

static void
spell_instant(const PmnType *type, const PmnValue *value, char *dst,
			  size_t size)
{
	int64_t seconds;
	int64_t nanos;
	int64_t day;
	char date[32];

	if (type->precision > 6)
	{
		seconds = floor_divide(value->as.ts96.millis, 1000);
		nanos = (value->as.ts96.millis - seconds * 1000) * 1000000 +
				value->as.ts96.nano;
	}
	else
	{
		int64_t unit = type->precision <= 3 ? 1000 : 1000000;

		seconds = floor_divide(value->as.i64, unit);
		nanos = (value->as.i64 - seconds * unit) * (1000000000 / unit);
	}
	day = floor_divide(seconds, 86400);
	seconds -= day * 86400;
	spell_date(day, date, sizeof(date));
	snprintf(dst, size, "%sT%02d:%02d:%02d.%09d%s", date,
			 (int) (seconds / 3600), (int) (seconds / 60 % 60),
			 (int) (seconds % 60), (int) nanos,
			 type->kind == PMN_TYPE_TIMESTAMP_LTZ ? "Z" : "");
}

static void
spell_decimal(const PmnType *type, const PmnValue *value, char *dst)
{
	bool is_wide = type->precision > 18;
	PmnInt128 number = is_wide ? value->as.dec128 : (PmnInt128) value->as.i64;
	bool is_negative = number < 0;
	char digits[64];
	int count = 0;

	if (is_negative)
		number = -number;
	while (number > 0 || count <= type->scale)
	{
		if (count == type->scale && type->scale > 0)
			digits[count++ + 0] = '.';
		digits[count++] = (char) ('0' + (int) (number % 10));
		number /= 10;
		if (number == 0 && count > type->scale + (type->scale > 0))
			break;
	}
	if (is_negative)
		*dst++ = '-';
	while (count > 0)
		*dst++ = digits[--count];
	*dst = '\0';
}

static void
spell_bytes(const PmnType *type, PmnBytes bytes, char *dst)
{
	bool is_text =
		type->kind == PMN_TYPE_CHAR || type->kind == PMN_TYPE_VARCHAR;

	for (uint32_t i = 0; i < bytes.size; i++)
		if (is_text)
			*dst++ = (char) (bytes.data[i] == 0 ? 1 : bytes.data[i]);
		else
			dst += snprintf(dst, 3, "%02x", bytes.data[i]);
	*dst = '\0';
}

static bool
same_real(const PmnJsonNode *node, double value, bool is_single)
{
	const char *text = pmn_json_text(node);
	double expected = ((const cJSON *) node)->valuedouble;

	if (text != NULL && strcmp(text, "NaN") == 0)
		return isnan(value);
	if (text == NULL)
		text = ((const cJSON *) node)->valuestring;
	/* Long numbers are kept as text behind a mark. */
	while (text != NULL && *text != '\0' &&
		   strchr("+-0123456789IN", *text) == NULL)
		text++;
	if (text != NULL)
		expected = strtod(text, NULL);
	return is_single ? (float) expected == (float) value : expected == value;
}

static bool same_nested(const PmnType *type, PmnBytes bytes,
						const PmnJsonNode *node);

static bool
same_as_golden(const PmnType *type, const PmnValue *value,
			   const PmnJsonNode *node)
{
	static char text[1 << 20];
	int64_t number = 0;
	bool flag = false;

	if (node != NULL && pmn_json_kind(node) == PMN_JSON_NULL)
		node = NULL;
	if (node == NULL || value->is_null)
		return (node == NULL) == value->is_null;
	if (pmn_type_is_nested(type))
		return same_nested(type, value->as.bytes, node);
	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
			return pmn_json_bool(node, &flag) && flag == (value->as.i64 != 0);
		case PMN_VECTOR_F32:
		case PMN_VECTOR_F64:
			return same_real(node, value->as.f64, type->kind == PMN_TYPE_FLOAT);
		case PMN_VECTOR_BYTES:
			spell_bytes(type, value->as.bytes, text);
			break;
		case PMN_VECTOR_TS96:
			spell_instant(type, value, text, sizeof(text));
			break;
		case PMN_VECTOR_DEC128:
			spell_decimal(type, value, text);
			break;
		case PMN_VECTOR_I32:
		case PMN_VECTOR_I64:
		case PMN_VECTOR_NONE:
			if (type->kind == PMN_TYPE_DATE)
				spell_date(value->as.i64, text, sizeof(text));
			else if (type->kind == PMN_TYPE_TIME)
				snprintf(text, sizeof(text), "%02d:%02d:%02d.%03d",
						 (int) (value->as.i64 / 3600000),
						 (int) (value->as.i64 / 60000 % 60),
						 (int) (value->as.i64 / 1000 % 60),
						 (int) (value->as.i64 % 1000));
			else if (type->kind == PMN_TYPE_DECIMAL)
				spell_decimal(type, value, text);
			else if (type->kind == PMN_TYPE_TIMESTAMP ||
					 type->kind == PMN_TYPE_TIMESTAMP_LTZ)
				spell_instant(type, value, text, sizeof(text));
			else
				return pmn_json_int64(node, &number) && number == value->as.i64;
			break;
	}
	return pmn_json_text(node) != NULL &&
		   strcmp(pmn_json_text(node), text) == 0;
}

#include "format_testing_nested.h"

#endif /* FORMAT_TESTING_SPELL_H */
