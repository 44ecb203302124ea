/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TURNS_H
#define GALSYNC_JOBS_TURNS_H

/* Switches and undoes of a link's mailboxes (dsa/jobs/turn_run.h), set up from its configuration.
 */

#include "dsa/config/conf.h"
#include "dsa/jobs/turn_run.h"

/* ENV for LINK, whose directories are open; the callbacks are left to the caller. */
void turns_env(const struct conf_link *link, struct dir *const dir[SIDES], struct store *store,
    uint32_t link_id, struct turn_env *ret);
/* Finishes what was interrupted of LINK: its turns, with the results to ENV, and its toggles. Must
 * be done before anything else is begun, since the map keeps one operation of a mailbox. */
int turns_resume(const struct conf_link *link, struct turn_env *env, struct err *err) MUST_CHECK;
/* Opens the directories, finishes what was interrupted, and turns the N mailboxes. The callbacks of
 * ENV must be set; the rest of it is filled in. */
int turns_run(const struct conf_link *link, struct dir *const dir[SIDES], struct store *store,
    enum turn turn, const struct guid *sources, size_t n, struct turn_env *env,
    struct err *err) MUST_CHECK;

#endif
