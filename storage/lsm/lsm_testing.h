/*
 * lsm_testing.h
 *
 * A small table for the tests of this folder: five columns, any of them the
 * key, rows as C structs, and their way into batches and back. Tests only.
 */
#ifndef LSM_TESTING_H
#define LSM_TESTING_H

#include "../testing/testing.h"
#include "lsm_merge_reader.h"
#include "lsm_sort_buffer.h"

#define TEST_FIELDS 5
#define TEST_ROWS_MAX 70000

/* a INT, b STRING, c BIGINT, d STRING, e INT; nullable unless in the key. */
typedef struct TestTable
{
	PmnLsm lsm;
	PmnSchema schema;
	PmnTableOptions options;
	PmnField fields[TEST_FIELDS];
	uint32_t key_fields[TEST_FIELDS];
	const PmnType *key_types[TEST_FIELDS];
	uint32_t sequence_field;
	const PmnType *sequence_type;
} TestTable;

/* One row. Which parts of the key are used depends on the table: a key is
 * spread over all of them by number. d is text of the payload. */
typedef struct TestRow
{
	uint32_t key; /* number; keys are in this order */
	int64_t sequence;
	uint8_t kind;
	int32_t e;		  /* user sequence; -1 = null */
	uint32_t payload; /* 0 = null */
} TestRow;

static inline void
test_field(TestTable *table, uint32_t i, const char *name, PmnTypeKind kind)
{
	table->fields[i].id = (int32_t) i;
	table->fields[i].name = name;
	table->fields[i].type.kind = kind;
	table->fields[i].type.is_nullable = true;
	table->fields[i].type.length =
		kind == PMN_TYPE_VARCHAR ? PMN_LENGTH_MAX : 0;
}

/* key: letters of the key columns, "bc". */
static inline void
test_table_init(TestTable *table, PmnEnv *env, const char *key)
{
	memset(table, 0, sizeof(*table));
	test_field(table, 0, "a", PMN_TYPE_INT);
	test_field(table, 1, "b", PMN_TYPE_VARCHAR);
	test_field(table, 2, "c", PMN_TYPE_BIGINT);
	test_field(table, 3, "d", PMN_TYPE_VARCHAR);
	test_field(table, 4, "e", PMN_TYPE_INT);
	table->schema.fields = table->fields;
	table->schema.field_count = TEST_FIELDS;
	table->schema.highest_field_id = TEST_FIELDS - 1;
	table->options.bucket = 1;
	table->options.file_format = "parquet";
	table->options.file_compression = "zstd";
	table->options.zstd_level = 1;
	table->options.data_file_prefix = "data-";
	table->options.partition_default_name = "__DEFAULT_PARTITION__";
	table->options.target_file_size = INT64_C(128) << 20;
	table->options.compaction_trigger = 5;
	table->options.num_levels = 6;
	table->options.max_size_amplification_percent = 200;
	table->options.size_ratio = 1;
	table->options.small_file_ratio = 0.7;
	table->options.stats_dense_store = true;
	table->options.stats_mode.kind = PMN_STATS_TRUNCATE;
	table->options.stats_mode.length = 16;
	table->options.stats_keep_first_n = -1;
	table->lsm.env = env;
	table->lsm.schema = &table->schema;
	table->lsm.options = &table->options;
	table->lsm.path.root = "/warehouse/db.db/t";
	table->lsm.is_keyed = key[0] != '\0';
	for (const char *c = key; *c != '\0'; c++)
	{
		uint32_t field = (uint32_t) (*c - 'a');

		table->fields[field].type.is_nullable = false;
		table->key_fields[table->lsm.key_count] = field;
		table->key_types[table->lsm.key_count++] = &table->fields[field].type;
	}
	table->lsm.key_fields = table->key_fields;
	table->lsm.key_types = table->key_types;
}

/* Make e the user sequence. */
static inline void
test_table_sequence(TestTable *table, bool is_descending)
{
	table->sequence_field = 4;
	table->sequence_type = &table->fields[4].type;
	table->lsm.sequence_fields = &table->sequence_field;
	table->lsm.sequence_types = &table->sequence_type;
	table->lsm.sequence_count = 1;
	table->options.sequence_descending = is_descending;
}

/* Rows as a batch of all fields, in arena. */
static inline PmnCode
test_batch(PmnArena *arena, const TestRow *rows, uint32_t count, PmnBatch *out,
		   uint8_t **kinds)
{
	PmnVector *columns = pmn_arena_alloc(arena, TEST_FIELDS * sizeof(*columns));
	int32_t *a = pmn_arena_alloc(arena, count * sizeof(*a));
	PmnBytes *b = pmn_arena_alloc(arena, count * sizeof(*b));
	int64_t *c = pmn_arena_alloc(arena, count * sizeof(*c));
	PmnBytes *d = pmn_arena_alloc(arena, count * sizeof(*d));
	uint8_t *d_nulls = pmn_arena_alloc(arena, count);
	int32_t *e = pmn_arena_alloc(arena, count * sizeof(*e));
	uint8_t *e_nulls = pmn_arena_alloc(arena, count);
	PmnVector filled[TEST_FIELDS] = {{PMN_VECTOR_I32, NULL, a},
									 {PMN_VECTOR_BYTES, NULL, b},
									 {PMN_VECTOR_I64, NULL, c},
									 {PMN_VECTOR_BYTES, d_nulls, d},
									 {PMN_VECTOR_I32, e_nulls, e}};

	*kinds = pmn_arena_alloc(arena, count);
	if (columns == NULL || a == NULL || b == NULL || c == NULL || d == NULL ||
		d_nulls == NULL || e == NULL || e_nulls == NULL || *kinds == NULL)
		return PMN_NO_MEMORY;
	memcpy(columns, filled, sizeof(filled));
	for (uint32_t i = 0; i < count; i++)
	{
		char *key_text =
			pmn_arena_format(arena, "customer-%05u", rows[i].key / 10);
		char *text = pmn_arena_format(arena, "payload %u", rows[i].payload);

		if (key_text == NULL || text == NULL)
			return PMN_NO_MEMORY;
		a[i] = (int32_t) rows[i].key - 1000;
		b[i] = pmn_bytes_string(key_text);
		c[i] = rows[i].key % 10;
		d[i] = pmn_bytes_string(text);
		d_nulls[i] = rows[i].payload == 0;
		e[i] = rows[i].e;
		e_nulls[i] = rows[i].e < 0;
		(*kinds)[i] = rows[i].kind;
	}
	memset(out, 0, sizeof(*out));
	out->columns = columns;
	out->column_count = TEST_FIELDS;
	out->row_count = count;
	out->selected_count = count;
	return PMN_OK;
}

/* Rows as a key-value batch of all fields, in arena; memory must not be out. */
static inline void
test_kv_batch(PmnArena *arena, const TestRow *rows, uint32_t count,
			  PmnBatch *out)
{
	PmnBatch plain;
	uint8_t *kinds;
	PmnVector *columns = pmn_arena_alloc(arena, (PMN_KV_FIELDS + TEST_FIELDS) *
													sizeof(*columns));
	int64_t *sequences = pmn_arena_alloc(arena, count * sizeof(int64_t));
	int32_t *row_kinds = pmn_arena_alloc(arena, count * sizeof(int32_t));

	CHECK(test_batch(arena, rows, count, &plain, &kinds) == PMN_OK);
	for (uint32_t i = 0; i < count; i++)
	{
		sequences[i] = rows[i].sequence;
		row_kinds[i] = rows[i].kind;
	}
	columns[PMN_KV_SEQUENCE].kind = PMN_VECTOR_I64;
	columns[PMN_KV_SEQUENCE].values = sequences;
	columns[PMN_KV_KIND].kind = PMN_VECTOR_I32;
	columns[PMN_KV_KIND].values = row_kinds;
	memcpy(columns + PMN_KV_FIELDS, plain.columns,
		   TEST_FIELDS * sizeof(*columns));
	*out = plain;
	out->columns = columns;
	out->column_count = PMN_KV_FIELDS + TEST_FIELDS;
}

/* Rows with their own sequence numbers into a buffer. */
static inline PmnCode
test_fill_buffer(PmnSortBuffer *buffer, PmnArena *arena, const TestRow *rows,
				 uint32_t count)
{
	PmnBatch batch;
	uint8_t *kinds;

	PMN_TRY(test_batch(arena, rows, count, &batch, &kinds));
	for (uint32_t i = 0; i < count; i++)
		PMN_TRY(pmn_sort_buffer_add(buffer, &batch, kinds, &i, 1,
									rows[i].sequence));
	return PMN_OK;
}

/* Whether row r of a key-value batch with all fields is what was put in. */
static inline bool
test_row_is(const PmnBatch *batch, uint32_t r, const TestRow *row)
{
	const PmnVector *columns = batch->columns;
	const PmnVector *fields = columns + PMN_KV_FIELDS;
	PmnBytes b = ((const PmnBytes *) fields[1].values)[r];
	PmnBytes d = ((const PmnBytes *) fields[3].values)[r];
	bool d_null = fields[3].nulls != NULL && fields[3].nulls[r];
	bool e_null = fields[4].nulls != NULL && fields[4].nulls[r];
	char text[32];
	bool same = true;

	same &= ((const int64_t *) columns[0].values)[r] == row->sequence;
	same &= ((const int32_t *) columns[1].values)[r] == row->kind;
	same &=
		((const int32_t *) fields[0].values)[r] == (int32_t) row->key - 1000;
	snprintf(text, sizeof(text), "customer-%05u", row->key / 10);
	same &= pmn_bytes_equal(b, pmn_bytes_string(text));
	same &= ((uintptr_t) b.data & 3) == 0;
	same &= ((const int64_t *) fields[2].values)[r] == row->key % 10;
	same &= d_null == (row->payload == 0);
	snprintf(text, sizeof(text), "payload %u", row->payload);
	same &= d_null || pmn_bytes_equal(d, pmn_bytes_string(text));
	same &= e_null == (row->e < 0);
	same &= e_null || ((const int32_t *) fields[4].values)[r] == row->e;
	return same;
}

#endif /* LSM_TESTING_H */
