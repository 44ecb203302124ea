/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_TOGETHER_H
#define GALSYNC_CTL_TOGETHER_H

/* Who must move together, and who is in a group, in an OU, or found by a filter: asked of the
 * daemon (`wave-suggest`, view_together.h). */

#include "dsa/ctl/ctl.h"
#include "dsa/ctl/wave_file.h"

/* The member of the request that the option ARGV[I] with a value is: "group", "ou" or "filter";
 * else NULL. */
const char *together_selector(int i, char **argv);
/* Puts those that REQUEST (taken over) selects, and that can be switched, into RET. Why not was
 * printed. */
enum ctl_status together_select(struct ctl *c, json_t *request, struct wave_file *ret);
/* Prints the ties that are split, and how many these are. */
void together_print_splits(const json_t *answer);

#endif
