/*
 * pmn_nested.h
 *
 * Values of nested types. A column of a nested type is a BYTES vector, so
 * that merges, sorts and spills treat it as any other; each element holds one
 * value, written out flat, in the form that PmnNestedReader reads and
 * PmnNestedWriter writes:
 *
 *   ARRAY, VECTOR   count, then that many slots
 *   MAP             count, then key slot, value slot, key slot, ...
 *   MULTISET        count, then element slot, INT slot (how often), ...
 *   ROW             one slot for each field of the type
 *   VARIANT         two slots as of ROW<value BYTES, metadata BYTES>
 *
 * A count is 4 bytes, little-endian. A slot is a byte (1 = null, and that is
 * all) and then the element as its vector kind has it (pmn_batch.h), not
 * aligned; BYTES are a 4-byte size and the bytes, and so is a nested value
 * within. The form lives in memory and spill files only, never in a table.
 * Equal values of one type have equal bytes, apart from -0.0, NaN and the
 * order of a MAP's entries.
 */
#ifndef PMN_NESTED_H
#define PMN_NESTED_H

#include "pmn_batch.h"

#ifdef __cplusplus
extern "C"
{
#endif

	/* Whether values of the type have the form above. */
	bool pmn_type_is_nested(const PmnType *type);

	typedef struct PmnNestedReader
	{
		const uint8_t *at;
		const uint8_t *end;
	} PmnNestedReader;

	PmnNestedReader pmn_nested_reader(PmnBytes value);

	/*
	 * Both return false where the bytes end too soon, which only a fault of
	 * this module can cause; the reader is then at its end. A count is at most
	 * the number of bytes that follow. Bytes of out point into the value.
	 */
	bool pmn_nested_read_count(PmnNestedReader *reader, uint32_t *count);
	bool pmn_nested_read_slot(PmnNestedReader *reader, PmnVectorKind kind,
							  PmnValue *out);

	/*
	 * Bytes that grow. env gives the memory; free it at the end. One writer
	 * makes many values, one after the other.
	 */
	typedef struct PmnNestedWriter
	{
		PmnEnv *env;
		uint8_t *data;
		size_t size;
		size_t capacity;
	} PmnNestedWriter;

	void pmn_nested_writer_init(PmnNestedWriter *writer, PmnEnv *env);
	void pmn_nested_writer_free(PmnNestedWriter *writer);

	PMN_CHECKED PmnCode pmn_nested_write_count(PmnNestedWriter *writer,
											   uint32_t count);
	PMN_CHECKED PmnCode pmn_nested_write_slot(PmnNestedWriter *writer,
											  PmnVectorKind kind,
											  const PmnValue *value);

	/*
	 * Element row of vector as a slot: what slots are made from when the
	 * children of a nested column are columns themselves.
	 */
	PMN_CHECKED PmnCode pmn_nested_write_element(PmnNestedWriter *writer,
												 const PmnVector *vector,
												 uint32_t row);

	/*
	 * A slot that is a nested value: begin, write the inner value, end with
	 * what begin gave. A count that is known only afterwards: write 0, keep
	 * writer->size from before, and set it.
	 */
	PMN_CHECKED PmnCode pmn_nested_begin(PmnNestedWriter *writer, size_t *mark);
	void pmn_nested_end(PmnNestedWriter *writer, size_t mark);
	void pmn_nested_set_count(PmnNestedWriter *writer, size_t at,
							  uint32_t count);

	/* The bytes written so far; they live until the next write. The next value
	 * begins with pmn_nested_reset. */
	PmnBytes pmn_nested_bytes(const PmnNestedWriter *writer);
	void pmn_nested_reset(PmnNestedWriter *writer);

#ifdef __cplusplus
}
#endif
#endif /* PMN_NESTED_H */
