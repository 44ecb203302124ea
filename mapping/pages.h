/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_PAGES_H
#define GALSYNC_MAPPING_PAGES_H

/*
 * The file of the map as LMDB lays it out, looked at without LMDB. LMDB believes its file: where a
 * page is cut off, zeroed or has a wrong bit it reads behind the end of the file, ends the process,
 * or writes over what is in use. So the file is looked at by these functions first; they read it by
 * pread() and survive any octets.
 *
 * What a page says of itself is compared with what points to it: its number, its sort, where its
 * pairs begin and end, their order, how many there are; and no page may be used twice, or be in use
 * and free. What is in the values is store_db.c's business: they have sums.
 *
 * LMDB's format 1, which 0.9 has. DIR is for the words alone. Every error is that of
 * store_damaged(), or of the system.
 */

#include "dsa/base/err.h"

/* The two pages with which the file begins, and its size: what has to be right before LMDB opens
 * it. *CUT: the file ends before its last page. That is damage if the page is in use; only
 * pages_check() knows. An empty file is none yet, and no error. */
int pages_check_head(int fd, const char *dir, bool *cut, struct err *err) MUST_CHECK;
/* Everything that can be reached from the state of transaction TXN, which a reader holds, or from
 * the newest one if TXN is 0: nobody may write then. -1 with ERR_LATER: TXN is not among the states
 * of the file any more. */
int pages_check(int fd, const char *dir, uint64_t txn, struct err *err) MUST_CHECK;

#endif
