/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_ROSTER_H
#define GALSYNC_VIEW_ROSTER_H

/*
 * The correspondences of a map as a list that is searched, filtered, sorted and shown by pages,
 * again and again, while the daemon writes.
 *
 * The map finds a record by its names; it has no order by anything else. So a roster keeps of each
 * record a row of some 200 octets: what it is filtered and sorted by, and its names, folded as a
 * directory would. roster_refresh() brings it up to date: nothing if the map was not written since;
 * else a walk over the marks of the records (store_each_mark()), and only those are read that have
 * changed. An order is made when it is asked for, and mended when it is asked for again. What a
 * page shows is read from the map: 50 records, not all.
 *
 * It belongs to one thread at a time; its caller sees to that.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/rules/progress.h"
#include "mapping/store.h"

/* By what the rows are sorted; the numbers are nothing that lasts. */
enum roster_order {
	ROSTER_BY_NAME,
	ROSTER_BY_ADDRESS,
	ROSTER_BY_STATE,
	ROSTER_BY_SIDE,
	ROSTER_BY_PROGRESS,
	ROSTER_BY_WAVE,
	ROSTER_BY_OU,
	ROSTER_BY_SWITCHED,
	ROSTER_BY_WRITTEN,
	ROSTER_ORDER_MAX
};
/* "name", "address", "state", ...; ROSTER_ORDER_MAX for a name of none. */
const char *roster_order_name(enum roster_order o);
enum roster_order roster_order_of(const char *name);

/* Where originals are: the DN above them. */
struct roster_ou {
	char *dn;
	uint32_t rank; /* in the order of their texts */
	bool picked;   /* used while rows are chosen */
};

/* One correspondence. A return flow's is turned as view_turn() turns it. */
struct roster_row {
	uint64_t id, mark;
	uint64_t age; /* of the roster when it was made */
	struct guid original;
	uint32_t link;	      /* the number of its flow */
	uint32_t wave;	      /* the last one that it is in and that was not cancelled; 0: none */
	struct roster_ou *ou; /* the roster's */
	int64_t synced_at, switched_at;
	struct progress_facts facts;
	enum kind kind;
	enum side active, origin;
	bool dead;	     /* it is another row, or none, by now */
	bool picked;	     /* used while rows are chosen */
	uint16_t address_at; /* in `text` */
	char text[];	     /* folded: the name, '\n', the address, '\n', the alias */
};

struct roster;

int roster_new(struct roster **ret, struct err *err) MUST_CHECK;
void roster_free(struct roster *r);
DEFINE_CLEANUP(struct roster *, roster_free)
/* Brings R up to what T sees. After an error R is empty, and is filled by the next one. */
int roster_refresh(struct roster *r, struct store_txn *t, struct err *err) MUST_CHECK;
/* It is to be read anew: the map is another file. */
void roster_forget(struct roster *r);

size_t roster_count(const struct roster *r);
unsigned roster_percent(const struct roster_row *row);
/* The rows in the order O, ascending; what is equal in it is in the order of names. Borrowed until
 * the next roster_refresh(). */
int roster_sorted(struct roster *r, enum roster_order o, struct roster_row *const **ret,
    struct err *err) MUST_CHECK;
/* All rows, in no order. */
struct roster_row *const *roster_rows(const struct roster *r);
/* The row of the record ID, or NULL. */
struct roster_row *roster_find(const struct roster *r, uint64_t id);
/* The row of the original in the flow LINK, or NULL. */
struct roster_row *roster_find_guid(
    const struct roster *r, uint32_t link, const struct guid *original);
/* Where originals are, in the order of their texts. */
size_t roster_ous(const struct roster *r, struct roster_ou *const **ret);
/* A digest of what the roster was made of: what is shown of the same version is the same. */
uint64_t roster_version(const struct roster *r);

#endif
