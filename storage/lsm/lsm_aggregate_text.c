/*
 * lsm_aggregate_text.c
 *
 * listagg: texts one behind the other, with a delimiter between. A text that
 * is blank (nothing but whitespace, as Java's Character.isWhitespace has it)
 * counts as absent.
 *
 * With "distinct" the newer text is split at the delimiter and only those of
 * its parts are added that are neither blank nor there already. The older text
 * is taken as it is, however often it holds a part. An empty delimiter splits
 * at single spaces and joins by nothing; so does Paimon.
 */
#include "lsm_aggregate_internal.h"

/* Size of the whitespace character at text, or 0. */
static uint32_t
whitespace_size(const uint8_t *text, uint32_t size)
{
	uint32_t code;

	if ((text[0] >= 0x09 && text[0] <= 0x0D) ||
		(text[0] >= 0x1C && text[0] <= 0x20))
		return 1;
	if (size < 3 || (text[0] & 0xF0) != 0xE0)
		return 0;
	code = (uint32_t) (text[0] & 0x0F) << 12 |
		   (uint32_t) (text[1] & 0x3F) << 6 | (text[2] & 0x3F);
	/* Space, line and paragraph separators that may break a line. */
	if (code == 0x1680 ||
		(code >= 0x2000 && code <= 0x200A && code != 0x2007) ||
		code == 0x2028 || code == 0x2029 || code == 0x205F || code == 0x3000)
		return 3;
	return 0;
}

static bool
is_blank(PmnBytes text)
{
	uint32_t at = 0;

	while (at < text.size)
	{
		uint32_t size = whitespace_size(text.data + at, text.size - at);

		if (size == 0)
			return false;
		at += size;
	}
	return true;
}

/* The part of text up to the next delimiter; false at the end. */
static bool
next_part(PmnBytes text, PmnBytes delimiter, uint32_t *at, PmnBytes *part)
{
	const uint8_t *found;

	if (*at >= text.size)
		return false;
	found = memmem(text.data + *at, text.size - *at, delimiter.data,
				   delimiter.size);
	if (found == NULL)
	{
		*part = pmn_bytes(text.data + *at, text.size - *at);
		*at = text.size;
		return true;
	}
	*part = pmn_bytes(text.data + *at, (size_t) (found - text.data) - *at);
	*at = (uint32_t) (found - text.data) + delimiter.size;
	return true;
}

static PmnCode
append_distinct(PmnAggregateFold *fold, PmnBytes old, PmnBytes in,
				PmnBuffer *out)
{
	PmnBytes joint = pmn_bytes_string(fold->options->delimiter);
	PmnBytes delimiter = joint.size == 0 ? pmn_bytes_string(" ") : joint;
	PmnSpanMap *seen = &fold->scratch->map;
	PmnBytes part;
	PmnSpan *span;
	bool is_new;

	PMN_TRY(pmn_span_map_reset(seen, 0));
	for (uint32_t at = 0; next_part(old, delimiter, &at, &part);)
		PMN_TRY(pmn_span_map_put(seen, part, &span, &is_new));
	for (uint32_t at = 0; next_part(in, delimiter, &at, &part);)
	{
		if (is_blank(part))
			continue;
		PMN_TRY(pmn_span_map_put(seen, part, &span, &is_new));
		if (!is_new)
			continue;
		PMN_TRY(pmn_buffer_append(out, joint.data, joint.size));
		PMN_TRY(pmn_buffer_append(out, part.data, part.size));
	}
	return PMN_OK;
}

static PmnCode
listagg_pair(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
			 PmnBuffer *out, PmnPairResult *result)
{
	PmnBytes joint = pmn_bytes_string(fold->options->delimiter);

	if (in == NULL || is_blank(*in))
	{
		*result = old == NULL ? PMN_PAIR_NULL : PMN_PAIR_OLD;
		return PMN_OK;
	}
	if (old == NULL || is_blank(*old))
	{
		*result = PMN_PAIR_IN;
		return PMN_OK;
	}
	*result = PMN_PAIR_APPENDED;
	if (fold->options->is_distinct)
		return append_distinct(fold, *old, *in, out);
	PMN_TRY(pmn_buffer_append(out, joint.data, joint.size));
	return pmn_buffer_append(out, in->data, in->size);
}

PmnCode
pmn_aggregate_listagg(PmnAggregateFold *fold)
{
	return pmn_aggregate_pairs(fold, listagg_pair, NULL);
}
