/*
 * codec_avro_image.h
 *
 * An Avro file unpacked in memory, whose records can be decoded one by one,
 * in any order, any number of times, and only as far as somebody asks. What
 * is cached of a manifest is such an image.
 */
#ifndef CODEC_AVRO_IMAGE_H
#define CODEC_AVRO_IMAGE_H

#include "codec_avro.h"

typedef struct PmnAvroImage PmnAvroImage;

/* A record while the image is made; index counts from 0. Bytes in row live
 * during the call. */
typedef PmnCode (*PmnAvroVisitor)(void *context, uint32_t index,
								  const void *row);

/*
 * pmn_avro_image_make -- unpack a whole file and find its records. views are
 * the ways to look at a record; visit sees each in terms of views[0]. The
 * file's bytes are not needed afterwards. Everything is env's memory.
 * Errors    those of pmn_avro_open and pmn_avro_next, and visit's
 */
PMN_CHECKED PmnCode pmn_avro_image_make(PmnEnv *env, PmnBytes file,
										const char *name,
										const PmnAvroRecord *const *views,
										uint32_t view_count,
										PmnAvroVisitor visit, void *context,
										PmnAvroImage **out);
void pmn_avro_image_free(PmnAvroImage *image); /* NULL allowed */

/* Bytes of memory it takes. */
size_t pmn_avro_image_size(const PmnAvroImage *image);

/*
 * pmn_avro_image_read -- decode record index by views[view] into row, which
 * is zeroed first; bytes are copied into arena. env takes the message of a
 * failure.
 */
PMN_CHECKED PmnCode pmn_avro_image_read(PmnAvroImage *image, PmnEnv *env,
										uint32_t view, uint32_t index,
										PmnArena *arena, void *row);

#endif /* CODEC_AVRO_IMAGE_H */
