/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_ERR_H
#define GALSYNC_BASE_ERR_H

/*
 * The error value. Functions that can fail return 0 or -1 and fill a caller-owned `struct err`;
 * it needs no allocation and no release. It answers what a synchronization engine must know: what
 * is given up, and whether it may be tried again.
 *
 * The innermost cause comes first in TEXT; callers add context behind it with err_ctx() and never
 * a new cause. Secrets never enter an err. Remote text is escaped when it enters one.
 */

#include <errno.h>

#include "dsa/base/mem.h"

enum err_src { ERR_SRC_NONE, ERR_SYS, ERR_LDAP, ERR_SASL, ERR_LMDB, ERR_CONF, ERR_DATA };
/* What is abandoned: one entry, the whole link, the connection to a peer, or the daemon. */
enum err_scope { ERR_ENTRY, ERR_LINK, ERR_PEER, ERR_DAEMON };
/* May it be tried again: never, after reading the object again, or later. */
enum err_retry { ERR_NEVER, ERR_REREAD, ERR_LATER };

struct err {
	enum err_src src;
	enum err_scope scope;
	enum err_retry retry;
	int code; /* errno, LDAP result or LMDB code, by SRC; 0 where there is none */
	const char *file, *func;
	int line;
	char text[512];
};

/* All of these return -1, so that a failing function ends `return err_sys(err, ...)`. */
#define err_set(e, src, scope, retry, code, ...)                                                   \
	err_set_at(e, ERR_HERE, src, scope, retry, code, __VA_ARGS__)
/* From errno number EN: no space and no memory end the daemon's cycle and may pass later. */
#define err_sys(e, en, ...) err_sys_at(e, ERR_HERE, en, __VA_ARGS__)
/* Foreign data of one entry that can never work as it is. */
#define err_data(e, ...) err_set(e, ERR_DATA, ERR_ENTRY, ERR_NEVER, 0, __VA_ARGS__)
/* A mistake in the configuration: the daemon cannot start with it. */
#define err_conf(e, ...) err_set(e, ERR_CONF, ERR_DAEMON, ERR_NEVER, 0, __VA_ARGS__)
#define err_nomem(e) err_sys(e, ENOMEM, "out of memory")

/* The place in the code where an error was made. */
struct err_place {
	const char *file, *func;
	int line;
};
#define ERR_HERE ((struct err_place){__FILE__, __func__, __LINE__})
int err_set_at(struct err *e, struct err_place at, enum err_src src, enum err_scope scope,
    enum err_retry retry, int code, const char *fmt, ...) PRINTF_LIKE(7, 8);
int err_sys_at(struct err *e, struct err_place at, int en, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Appends ": <context>" to the text. Keeps cause, scope and retry. */
int err_ctx(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Copies V (remote text) into DST of SIZE octets as escape.h shows a name, as much as fits in whole
 * characters; always terminated. What is not UTF-8 as a whole is no text: all its octets of 0x80
 * and more are then \xHH. */
void err_escape(char *dst, size_t size, struct bytes v);

#endif
