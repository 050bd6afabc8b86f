/*
 * meta_message_bytes.h
 *
 * A commit message as bytes, to be kept in a row of a database until somebody
 * publishes it, and back.
 */
#ifndef META_MESSAGE_BYTES_H
#define META_MESSAGE_BYTES_H

#include "meta_commit_message.h"

/* Append the message to out. */
PMN_CHECKED PmnCode pmn_message_encode(const PmnMessage *message,
									   PmnBuffer *out);

/*
 * pmn_message_decode -- the message again, with memory of its own. What it
 * says is checked as the entries of a manifest are.
 * Errors    PMN_CORRUPT, PMN_UNSUPPORTED (written by a newer version)
 */
PMN_CHECKED PmnCode pmn_message_decode(PmnEnv *env, PmnBytes bytes,
									   PmnMessage **out);

#endif /* META_MESSAGE_BYTES_H */
