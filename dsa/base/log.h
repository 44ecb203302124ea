/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_LOG_H
#define GALSYNC_BASE_LOG_H

/*
 * Structured logging. A line goes to the journal with its fields if standard error is the journal
 * (systemd says so in $JOURNAL_STREAM), else to standard error as text: "<4>text" for whatever
 * reads it there, without the "<4>" on a terminal.
 *
 * Levels: LOG_ERR an operator must act; LOG_WARNING something was skipped; LOG_NOTICE a state
 * changed; LOG_INFO one summary a cycle; LOG_DEBUG every decision and why. Each event has a message
 * id, and conf/galsync.catalog says what the event means and what to do about it.
 *
 * All functions may be called from any thread. Control characters and broken UTF-8 in the text and
 * in the fields are escaped here, so that remote text cannot forge a line. Secrets are the
 * caller's business: never pass one.
 */

#include <stdbool.h>
#include <syslog.h>

#include "dsa/base/err.h"

/* What happened. The number is nothing that lasts; the 128-bit id behind it is. */
enum log_id {
	LOG_ID_NONE, /* no event of its own: mostly LOG_DEBUG */
	LOG_ID_STARTED,
	LOG_ID_STOPPED,
	LOG_ID_CONFIG_BAD,
	LOG_ID_CONFIG_RELOADED,
	LOG_ID_CONNECTED,
	LOG_ID_DISCONNECTED,
	LOG_ID_CYCLE_BEGIN,
	LOG_ID_CYCLE_END,
	LOG_ID_CYCLE_FAILED,
	LOG_ID_FULL_RESYNC,
	LOG_ID_CHANGE,
	LOG_ID_ENTRY_SKIPPED,
	LOG_ID_ENTRY_QUARANTINED,
	LOG_ID_CONFLICT,
	LOG_ID_HELD,
	LOG_ID_RELEASED,
	LOG_ID_STORE,
	LOG_ID_SWITCH,
	LOG_ID_INVARIANT,
	LOG_ID_MOVED,
	LOG_ID_HOOK_FAILED,
	LOG_ID_RIGHTS,
	LOG_ID_ENTRY_CLEARED,
	LOG_ID_CONFLICT_RESOLVED,
	LOG_ID_WAVE,
	LOG_ID_DECIDED,
	LOG_ID_MAP_ANEW,
	LOG_ID_MAX
};

/* What is known beside the text. Every pointer may be NULL: the field is then left out. Filled with
 * designated initializers, or copied from a worker's own and completed. */
struct log_fields {
	const char *cycle;     /* GALSYNC_CYCLE: id of one run */
	const char *link;      /* GALSYNC_LINK */
	const char *peer;      /* GALSYNC_PEER: the DC spoken to */
	const char *op;	       /* GALSYNC_OP: add, modify, rename, delete, ... */
	const char *dn;	       /* GALSYNC_DN */
	const char *guid;      /* GALSYNC_GUID: of the source object, as text */
	const char *side;      /* GALSYNC_SIDE: source or target */
	const char *attrs;     /* GALSYNC_ATTRS: the attributes written */
	const struct err *err; /* ERRNO, or GALSYNC_LDAP_RC and GALSYNC_LDAP_DIAG, by its source */
};

/* Looks where standard error goes. Call it once, before threads exist; without it lines go to
 * standard error as text. */
void log_init(void);
/* Lines less urgent than LEVEL are dropped. LOG_INFO at first. */
void log_set_level(int level);
bool log_wants(int level);
/* True if lines go to the journal, with their fields. */
bool log_to_journal(void);
/* "err", "warning", "notice", "info", "debug" and the others of syslog(3); -1 if unknown. */
int log_level_from_name(const char *name);
/* The id as 32 hexadecimal digits, "" for LOG_ID_NONE. */
const char *log_id_text(enum log_id id);

/* LEVEL, id, fields (or NULL), text. The arguments are not evaluated for a line that is dropped. */
#define log_event(level, id, fields, ...)                                                          \
	do {                                                                                       \
		if (log_wants(level))                                                              \
			log_event_at(                                                              \
			    __FILE__, __LINE__, __func__, level, id, fields, __VA_ARGS__);         \
	} while (0)
void log_event_at(const char *file, int line, const char *func, int level, enum log_id id,
    const struct log_fields *fields, const char *fmt, ...) PRINTF_LIKE(7, 8);

#endif
