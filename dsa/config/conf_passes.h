/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_CONF_PASSES_H
#define GALSYNC_CONFIG_CONF_PASSES_H

/*
 * From the parsed text to a struct conf, in three passes. Each notes what is wrong, and takes what
 * an earlier one noted for noted. A pass is begun only where memory lasted.
 */

#include <libconfig.h>
#include <stdbool.h>

#include "dsa/config/conf.h"

struct conf_notes;
struct conf_text;

/* Fills C, which is zeroed, by the table of keys. PUBLIC: the files that values name are not looked
 * at. */
void conf_fill(struct conf *c, const config_setting_t *root, const struct conf_text *text,
    bool public, struct conf_notes *notes);
/* Adds what follows from other values. */
void conf_complete(struct conf *c, const config_setting_t *root, struct conf_notes *notes);
/* conf_adopt.c: the same for the other tools of L: what is built in, and their domains. False
 * without memory. */
bool conf_complete_adopt(struct conf_link *l);
/* Exchange's own name for the administrative group since 2007: the same everywhere. */
#define CONF_USUAL_ADMIN_GROUP "Exchange Administrative Group (FYDIBOHF23SPDLT)"
/* conf_return.c: makes L's return flow, if it is to have one and what it needs is there. False
 * without memory. */
bool conf_complete_return(struct conf_link *l);
void conf_free_back(struct conf_link *b);
/* Checks what the values must be together. Not where an included file is missing: what the checks
 * would miss may stand there. */
void conf_check(const struct conf *c, const config_setting_t *root, struct conf_notes *notes);
/* conf_mailbox.c: the part of it that is about where the mailboxes of link L lie, which is setting
 * S.
 */
void conf_check_mailbox(const struct conf *c, const config_setting_t *root,
    const config_setting_t *s, const struct conf_link *l, struct conf_notes *notes);
/* conf_authority.c: a part of it. */
void conf_check_authority(
    const struct conf *c, const config_setting_t *root, struct conf_notes *notes);

#endif
