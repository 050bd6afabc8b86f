/*
 * lsm_engine_testing_text.h
 *
 * A part of lsm_engine_testing.h: values between text and their binary form.
 * Included from there only.
 */
#ifndef LSM_ENGINE_TESTING_TEXT_H
#define LSM_ENGINE_TESTING_TEXT_H

static inline PmnCode engine_parse(EngineTable *t, const PmnType *type,
								   const char *text, PmnValue *out);

/* "[a;b]", "{k=v;k=v}" or "(a;b)" as a nested value. */
static inline PmnCode
engine_parse_nested(EngineTable *t, const PmnType *type, const char *text,
					PmnBytes *out)
{
	PmnNestedWriter writer;
	const char *at = pmn_arena_string_n(t->arena, text + 1, strlen(text) - 2);
	bool is_map = type->kind == PMN_TYPE_MAP;
	uint32_t count = 0;
	PmnCode code = PMN_OK;

	pmn_nested_writer_init(&writer, &t->own.base);
	if (type->kind != PMN_TYPE_ROW)
		code = pmn_nested_write_count(&writer, 0);
	while (code == PMN_OK && *at != '\0')
	{
		bool is_key = is_map && count % 2 == 0;
		const PmnType *part = is_key ? type->key
							  : type->kind == PMN_TYPE_ROW
								  ? &type->fields[count].type
								  : type->element;
		PmnValue value;

		code = engine_parse(
			t, part, engine_word(t->arena, &at, is_key ? "=" : ";"), &value);
		if (code == PMN_OK)
			code = pmn_nested_write_slot(&writer, pmn_type_vector_kind(part),
										 &value);
		count++;
	}
	if (code == PMN_OK && type->kind != PMN_TYPE_ROW)
		pmn_nested_set_count(&writer, 0, is_map ? count / 2 : count);
	*out = pmn_bytes(
		pmn_arena_copy(t->arena, pmn_nested_bytes(&writer).data, writer.size),
		writer.size);
	pmn_nested_writer_free(&writer);
	return out->data == NULL ? PMN_NO_MEMORY : code;
}

static inline PmnCode
engine_parse(EngineTable *t, const PmnType *type, const char *text,
			 PmnValue *out)
{
	PmnVectorKind kind = pmn_type_vector_kind(type);
	bool is_negative;
	PmnInt128 value = 0;

	memset(out, 0, sizeof(*out));
	if (text == NULL)
		return PMN_NO_MEMORY;
	out->is_null = strcmp(text, "null") == 0;
	if (out->is_null)
		return PMN_OK;
	if (pmn_type_is_nested(type))
		return engine_parse_nested(t, type, text, &out->as.bytes);
	if (kind == PMN_VECTOR_BYTES)
	{
		out->as.bytes = pmn_bytes_string(text);
		return PMN_OK;
	}
	if (kind == PMN_VECTOR_F32 || kind == PMN_VECTOR_F64)
	{
		out->as.f64 = strtod(text, NULL);
		return PMN_OK;
	}
	is_negative = text[0] == '-';
	for (const char *c = text + is_negative; *c != '\0'; c++)
		value = value * 10 + (*c - '0');
	value = is_negative ? -value : value;
	if (kind == PMN_VECTOR_DEC128)
		out->as.dec128 = value;
	else if (kind == PMN_VECTOR_TS96)
		out->as.ts96.millis = (int64_t) value;
	else
		out->as.i64 = (int64_t) value;
	return PMN_OK;
}

static inline void
engine_print(PmnBuffer *out, const PmnType *type, const PmnValue *value)
{
	PmnNestedReader reader = {0};
	bool is_row = type->kind == PMN_TYPE_ROW;
	bool is_map = type->kind == PMN_TYPE_MAP;
	uint32_t count = type->field_count;
	PmnVectorKind kind = pmn_type_vector_kind(type);

	if (value->is_null)
		CHECK(pmn_buffer_string(out, "null") == PMN_OK);
	else if (pmn_type_is_nested(type))
	{
		reader = pmn_nested_reader(value->as.bytes);
		CHECK(is_row || pmn_nested_read_count(&reader, &count));
		CHECK(pmn_buffer_byte(out, is_row ? '(' : is_map ? '{' : '[') == 0);
		for (uint32_t i = 0; i < (is_map ? 2 : 1) * count; i++)
		{
			bool is_key = is_map && i % 2 == 0;
			const PmnType *part = is_row   ? &type->fields[i].type
								  : is_key ? type->key
										   : type->element;
			PmnValue inner;

			CHECK(pmn_nested_read_slot(&reader, pmn_type_vector_kind(part),
									   &inner));
			if (i > 0)
				CHECK(pmn_buffer_byte(out, is_map && !is_key ? '=' : ';') == 0);
			engine_print(out, part, &inner);
		}
		CHECK(reader.at == reader.end);
		CHECK(pmn_buffer_byte(out, is_row ? ')' : is_map ? '}' : ']') == 0);
	}
	else if (kind == PMN_VECTOR_BYTES)
		CHECK(pmn_buffer_append(out, value->as.bytes.data,
								value->as.bytes.size) == PMN_OK);
	else if (kind == PMN_VECTOR_F32 || kind == PMN_VECTOR_F64)
		CHECK(pmn_buffer_format(out, "%g", value->as.f64) == PMN_OK);
	else if (kind == PMN_VECTOR_DEC128)
		CHECK(pmn_buffer_format(out, "%lld", (long long) value->as.dec128) ==
			  0);
	else if (kind == PMN_VECTOR_TS96)
		CHECK(pmn_buffer_format(out, "%lld",
								(long long) value->as.ts96.millis) == 0);
	else
		CHECK(pmn_buffer_format(out, "%lld", (long long) value->as.i64) == 0);
}

#endif /* LSM_ENGINE_TESTING_TEXT_H */
