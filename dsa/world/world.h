/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_WORLD_WORLD_H
#define GALSYNC_WORLD_WORLD_H

/*
 * The world of a cycle: what was read of both forests, found by number or by key, and what is
 * claimed by what. Everything that asks what has a name, an address, a GUID or a stamp asks here.
 *
 * In a full cycle both forests are read whole (world_read_all()). In a delta the world begins with
 * the objects that changed, and grows: before a key is looked up, the objects that have it are
 * searched in the directory, once for each key in a cycle. So the passes decide the same in both.
 * While planning, nothing is read: a key that was not searched yet is put down (world_unknown()),
 * and world_fetch() reads all of them in a step of its own.
 *
 * A claim is a name or an address that was given away in this cycle, on the source to a source
 * entry, on the target to its counterpart. A claim counts like an object that has the value.
 *
 * Entries are numbered from 0 in the order they were read, which is whatever order the server
 * answers in. Nothing may depend on that: the values of an entry are put in order as it comes in,
 * hits are told by age, and what goes through all entries asks world_order(). Each side may be used
 * by a thread of its own as long as nothing but entries of that side is asked for.
 *
 *   feed -> [entry] -> match -> project -> diff -> plan -> exec -> record
 */

#include "dsa/directory/entry.h"
#include "dsa/rules/table.h"
#include "dsa/run/run.h"
#include "dsa/world/workset.h"
#include "mapping/match.h"

#define WORLD_NONE UINT32_MAX

/* The filter of the bulk reads: every recipient, and whatever else holds a name or an address. */
#define WORLD_FILTER                                                                               \
	"(|(objectClass=user)(objectClass=contact)(objectClass=group)"                             \
	"(objectClass=msExchDynamicDistributionList)(objectClass=publicFolder))"

/* The RID of the primary group of nearly everybody (MS-DTYP 2.4.2.4). A full cycle does not find by
 * it who has it. */
#define WORLD_DOMAIN_USERS "513"

struct world;

/* A world without objects. RUN (its directories are open; its map is asked too) and TABLE are
 * borrowed. */
int world_new(const struct run *run, const struct table *table, struct world **ret,
    struct err *err) MUST_CHECK;
void world_free(struct world *w);
DEFINE_CLEANUP(struct world *, world_free)

/* ---- entries ---- */

uint32_t world_count(const struct world *w, enum side side);
/* A fresh copy of entry INDEX. */
int world_get(struct world *w, enum side side, uint32_t index, struct entry **ret,
    struct err *err) MUST_CHECK;
/* Stores E as entry *INDEX, or as a new one if that is WORLD_NONE, and makes it findable. Puts E's
 * values in order. */
int world_put(
    struct world *w, enum side side, struct entry *e, uint32_t *index, struct err *err) MUST_CHECK;
/* The numbers of SIDE's entries from FROM on, the oldest object first: of two that want the same
 * the one that was there before comes first. The caller frees *RET, which has world_count() - FROM
 * of them. */
int world_order(
    struct world *w, enum side side, uint32_t from, uint32_t **ret, struct err *err) MUST_CHECK;
/* Entry INDEX is gone: what remains of it answers to nothing any more, and has an empty DN. */
int world_vanish(struct world *w, enum side side, uint32_t index, struct err *err) MUST_CHECK;
/* How many entries of SIDE were read. */
uint64_t world_read_count(const struct world *w, enum side side);
/* Blobs by number beside the entries of SIDE (workset.h). Borrowed. */
struct workset *world_workset(struct world *w, enum side side);

/* ---- reading ---- */

/* Reads both forests whole, side by side in two threads. */
int world_read_all(struct world *w, struct err *err) MUST_CHECK;
/* Reads one object again, by GUID or, if that is zero, by DN, as entry *INDEX (or as a new one).
 * One that is gone vanishes; *INDEX stays WORLD_NONE if it was unknown. */
int world_refresh(struct world *w, enum side side, const struct guid *g, const char *dn,
    uint32_t *index, struct err *err) MUST_CHECK;

/* The attributes that are read of an object of SIDE. */
const char *const *world_attrs(const struct world *w, enum side side);
/* The run that W is of. */
const struct run *world_run(const struct world *w);

/* ---- one reading for two flows (reading.h) ---- */

/* Hashes of normalized DNs (MATCH_KEY_DN). */
struct world_names {
	uint64_t *v;
	size_t n, cap;
};

/* What a world read: its entries, without what was found out about them. */
struct world_reading;
void world_reading_free(struct world_reading *r);
DEFINE_CLEANUP(struct world_reading *, world_reading_free)
/* From now on W reads also what a flow the other way round with the table OTHER needs. Its own
 * entries do not show that. */
int world_widen(struct world *w, const struct table *other, struct err *err) MUST_CHECK;
/* The names that entries of SIDE had since they were first read, and have not any more. Borrowed;
 * the caller may put them in another order. W was widened, or began with what one left that was. */
struct world_names *world_former_names(struct world *w, enum side side);
/* Takes its entries from W, which is of no use any more but to be freed. NULL without memory, or if
 * W was not widened. */
struct world_reading *world_leave_reading(struct world *w) MUST_CHECK;
/* W, which is empty, begins with the entries of R, sides the other way round. R is of no use any
 * more but to be freed, also after a failure. *RET false: R lacks an attribute, and nothing was
 * done. */
int world_begin_with(
    struct world *w, struct world_reading *r, bool *ret, struct err *err) MUST_CHECK;

/* ---- finding ---- */

struct world_query {
	enum side side;
	unsigned key; /* enum match_key */
	struct bytes value;
	bool entries_only;  /* claims are no hits */
	uint32_t but_entry; /* this entry is no hit, nor */
	uint32_t but_claim; /* the claim of this source entry; WORLD_NONE for none */
	bool by_all_means;  /* a delta reads source objects by GUID and DN for it too */
	bool as_read;	    /* nothing is read for it, nor put down to be */
};

static inline struct world_query
world_query(enum side side, unsigned key, struct bytes value)
{
	return (struct world_query){side, key, value, false, WORLD_NONE, WORLD_NONE, false, false};
}

static inline struct world_query
world_query_entries(enum side side, unsigned key, struct bytes value)
{
	return (struct world_query){side, key, value, true, WORLD_NONE, WORLD_NONE, false, false};
}

struct world_hit {
	uint32_t index; /* of the entry; of the source entry if it is a claim */
	bool claim;
	struct entry *entry; /* freed after the call unless it is taken (TAKE) */
};
/* 0: go on; 1: enough; -1: ERR. */
typedef int world_hit_fn(struct world_hit *hit, void *arg, struct err *err);

/* Calls FN for everything that has Q's value: entries, the oldest object first, then claims.
 * An entry is a hit only if it really has the value now (hashes collide, and objects change). What
 * a replication conflict has left (dn_is_mangled()) is found by GUID, DN and the names that the
 * directory keeps unique, and by nothing else. There is no bound on the hits. Returns what FN
 * returned last, 0 if nothing was found. */
int world_find_each(struct world *w, const struct world_query *q, world_hit_fn *fn, void *arg,
    struct err *err) MUST_CHECK;
/* The number of the entry of SIDE named DN (any spelling), or WORLD_NONE. */
int world_find_dn(
    struct world *w, enum side side, const char *dn, uint32_t *ret, struct err *err) MUST_CHECK;
/* The same among what was read already: of the target a delta puts nothing down for it. */
int world_find_read_dn(
    struct world *w, enum side side, const char *dn, uint32_t *ret, struct err *err) MUST_CHECK;
/* As world_find_dn(), by GUID. */
int world_find_guid(struct world *w, enum side side, const struct guid *g, uint32_t *ret,
    struct err *err) MUST_CHECK;
/* What holds ADDRESS ("smtp:..." or "X500:...") on SIDE other than entry SELF: in proxyAddresses,
 * as mail or as legacyExchangeDN, by a claim of another source entry than CLAIMANT, or, by the map,
 * as a counterpart of another link that this server has not received yet: of that the entry has the
 * name and, if it is known, the GUID. Within the domain the map is believed for RUN_REPLICATION_S
 * after the last write. *RET NULL if none does; the entry of a claim is the claiming source object.
 * Caller frees. */
int world_find_holder(struct world *w, enum side side, struct bytes address, uint32_t self,
    uint32_t claimant, struct entry **ret, struct err *err) MUST_CHECK;
/* The same, without those entries of which MAY_GO says 1: they let go of it. 0: it stays; -1: ERR.
 */
typedef int world_may_go_fn(uint32_t index, const struct entry *holder, void *arg, struct err *err);
struct world_holding {
	enum side side;
	struct bytes address;
	uint32_t self, claimant;
	world_may_go_fn *may_go;
	void *arg;
};
int world_find_lasting_holder(
    struct world *w, const struct world_holding *h, struct entry **ret, struct err *err) MUST_CHECK;

/* ---- claims ---- */

/* VALUE under KEY belongs to source entry SOURCE (on the target: to its counterpart). */
int world_claim(struct world *w, enum side side, unsigned key, struct bytes value, uint32_t source,
    struct err *err) MUST_CHECK;
/* The same of an address of proxyAddresses. */
int world_claim_address(struct world *w, enum side side, struct bytes address, uint32_t source,
    struct err *err) MUST_CHECK;
/* Target entry TARGET is the counterpart of source entry SOURCE. */
int world_set_owner(struct world *w, uint32_t target, uint32_t source, struct err *err) MUST_CHECK;
/* The source entry of which TARGET was last said to be the counterpart, or WORLD_NONE. */
int world_get_owner(struct world *w, uint32_t target, uint32_t *ret, struct err *err) MUST_CHECK;

/* ---- demand ---- */

/* From now on a look-up reads what it needs (the beginning), or puts it down. */
void world_let_read(struct world *w, bool may_read);
/* How often something was asked for that is not read yet. A plan during which this grew is made
 * again after world_fetch(). */
size_t world_unknown(const struct world *w);
/* Puts down that VALUE under KEY of SIDE will be asked for, unless it was read already. Without
 * effect in a full cycle. */
int world_demand(
    struct world *w, enum side side, unsigned key, struct bytes value, struct err *err) MUST_CHECK;
int world_demand_guids(struct world *w, enum side side, const struct guid *guids, size_t n,
    struct err *err) MUST_CHECK;
/* What holds one of the addresses of A (NULL: none). */
int world_demand_addresses(
    struct world *w, enum side side, const struct attr *a, struct err *err) MUST_CHECK;
/* What the match rules may find for SOURCE. */
int world_demand_candidates(
    struct world *w, const struct entry *source, struct err *err) MUST_CHECK;
/* Reads what was put down for SIDE, many in one request. */
int world_fetch(struct world *w, enum side side, struct err *err) MUST_CHECK;
/* Reads the objects of PARENT in the target whose name begins like RDN: whatever the naming rule
 * may try; whether PARENT is there is known then. A name that differs in accents only is not found
 * by every server; it is refused by those that mind, and then the object is read and named again.
 */
int world_fetch_names(
    struct world *w, const char *parent, const char *rdn, struct err *err) MUST_CHECK;

/* Is E of the target in a privileged group (dsa/run/guard.h)? The groups are read once in a cycle,
 * when that is first asked. */
int world_find_privileged(
    struct world *w, const struct entry *e, bool *ret, struct err *err) MUST_CHECK;

/* ---- OUs of the target ---- */

enum world_ou { WORLD_OU_UNKNOWN, WORLD_OU_MISSING, WORLD_OU_THERE };
/* Is OU (any spelling) there? Read once in a cycle. WORLD_OU_UNKNOWN while nothing may be read. */
int world_find_ou(struct world *w, const char *ou, enum world_ou *ret, struct err *err) MUST_CHECK;
/* OU, which was missing, is going to be made. */
int world_add_ou(struct world *w, const char *ou, struct err *err) MUST_CHECK;
/* Forgets what is known of OUs, and which are going to be made. */
void world_forget_ous(struct world *w);

#endif
