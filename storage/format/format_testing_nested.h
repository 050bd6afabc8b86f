/*
 * format_testing_nested.h
 *
 * Nested values compared with golden rows: the part of
 * format_testing_spell.h that walks them. Entries of maps may come in any
 * order. Tests only; included there.
 */
#ifndef FORMAT_TESTING_NESTED_H
#define FORMAT_TESTING_NESTED_H

/* The entry is one of the map's, which golden rows have as pairs. */
static bool
has_entry(const PmnType *key_type, const PmnType *value_type,
		  const PmnValue *key, const PmnValue *value, const PmnJsonNode *map)
{
	const PmnJsonNode *pair = pmn_json_first(map);

	for (; pair != NULL; pair = pmn_json_next(pair))
	{
		const PmnJsonNode *golden = pmn_json_first(pair);

		if (same_as_golden(key_type, key, golden) &&
			same_as_golden(value_type, value, pmn_json_next(golden)))
			return true;
	}
	return false;
}

static bool
same_map(const PmnType *key_type, const PmnType *value_type, PmnBytes bytes,
		 const PmnJsonNode *node)
{
	PmnNestedReader reader = pmn_nested_reader(bytes);
	PmnValue key;
	PmnValue value;
	uint32_t count;

	if (!pmn_nested_read_count(&reader, &count) ||
		count != pmn_json_count(node))
		return false;
	for (uint32_t i = 0; i < count; i++)
	{
		if (!pmn_nested_read_slot(&reader, pmn_type_vector_kind(key_type),
								  &key) ||
			!pmn_nested_read_slot(&reader, pmn_type_vector_kind(value_type),
								  &value) ||
			!has_entry(key_type, value_type, &key, &value, node))
			return false;
	}
	return reader.at == reader.end;
}

static bool
same_list(const PmnType *element, PmnBytes bytes, const PmnJsonNode *node)
{
	PmnNestedReader reader = pmn_nested_reader(bytes);
	PmnValue value;
	uint32_t count;

	if (!pmn_nested_read_count(&reader, &count) ||
		count != pmn_json_count(node))
		return false;
	node = pmn_json_first(node);
	for (uint32_t i = 0; i < count; i++, node = pmn_json_next(node))
	{
		if (!pmn_nested_read_slot(&reader, pmn_type_vector_kind(element),
								  &value) ||
			!same_as_golden(element, &value, node))
			return false;
	}
	return reader.at == reader.end;
}

static bool
same_fields(const PmnType *type, PmnBytes bytes, const PmnJsonNode *node)
{
	PmnNestedReader reader = pmn_nested_reader(bytes);
	PmnValue value;

	for (uint32_t i = 0; i < type->field_count; i++)
	{
		const PmnField *field = &type->fields[i];

		if (!pmn_nested_read_slot(&reader, pmn_type_vector_kind(&field->type),
								  &value) ||
			!same_as_golden(&field->type, &value,
							pmn_json_member(node, field->name)))
			return false;
	}
	return reader.at == reader.end;
}

/* The text of a variant is not compared here, only that it is one. */
static bool
same_variant(PmnBytes bytes)
{
	PmnNestedReader reader = pmn_nested_reader(bytes);
	PmnValue value;
	PmnValue metadata;

	return pmn_nested_read_slot(&reader, PMN_VECTOR_BYTES, &value) &&
		   pmn_nested_read_slot(&reader, PMN_VECTOR_BYTES, &metadata) &&
		   reader.at == reader.end && !value.is_null && !metadata.is_null &&
		   value.as.bytes.size > 0 && metadata.as.bytes.size >= 3 &&
		   (metadata.as.bytes.data[0] & 15) == 1;
}

static bool
same_nested(const PmnType *type, PmnBytes bytes, const PmnJsonNode *node)
{
	static const PmnType how_often = {.kind = PMN_TYPE_INT};

	if (type->kind == PMN_TYPE_MAP)
		return same_map(type->key, type->element, bytes, node);
	if (type->kind == PMN_TYPE_MULTISET)
		return same_map(type->element, &how_often, bytes, node);
	if (type->kind == PMN_TYPE_ROW)
		return same_fields(type, bytes, node);
	if (type->kind == PMN_TYPE_VARIANT)
		return same_variant(bytes);
	return same_list(type->element, bytes, node);
}

#endif /* FORMAT_TESTING_NESTED_H */
