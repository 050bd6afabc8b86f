/*
 * codec_json_internal.h
 *
 * Between the scanner (codec_json_scan.c), which checks a text and marks its
 * long numbers, and the rest.
 */
#ifndef CODEC_JSON_INTERNAL_H
#define CODEC_JSON_INTERNAL_H

#include "codec_json.h"

#define PMN_JSON_SIZE_MAX ((size_t) 64 * 1024 * 1024)
#define PMN_JSON_DEPTH_MAX 64
/* A value costs cJSON 64 bytes and more, whatever its text. */
#define PMN_JSON_VALUE_COUNT_MAX ((uint32_t) 4 * 1000 * 1000)
/* Numbers of so many characters may not fit a double. */
#define PMN_JSON_LONG_NUMBER 16
/*
 * First byte of the string a long number becomes. It is in no UTF-8 text,
 * and the scanner lets only UTF-8 pass.
 */
#define PMN_JSON_NUMBER_MARK '\xff'

/* Check text and append it to out with long numbers as marked strings. */
PmnCode pmn_json_scan(PmnEnv *env, PmnBytes text, const char *name,
					  PmnBuffer *out);

/* Bytes of the UTF-8 character at text (1 .. 4), 0 when it isn't one. */
size_t pmn_utf8_size(const uint8_t *text, size_t size);

#endif /* CODEC_JSON_INTERNAL_H */
