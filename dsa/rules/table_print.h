/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_TABLE_PRINT_H
#define GALSYNC_RULES_TABLE_PRINT_H

/*
 * The projection table in words, for people who ask what galsync writes and from where. Pure.
 *
 * The rows are those that the configuration leaves (table_each_row()): the defaults, less what a
 * site removes or replaces, and the site's own. What a forest's schema lacks is not known here.
 *
 *   galsyncd -T --table prints it; PROJECTION TABLE in galsync.conf(5) is checked against it
 */

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/config/conf.h"
#include "dsa/rules/table.h"

/* "copy", "constant", "template", "dn", "merge", "computed". */
const char *table_how(const struct row *r);
/* Where the values come from: the source's attribute, the text, or what is computed of what. */
const char *table_from(const struct row *r);
/* "create": when the object is created; "created": then, and of what galsync created, always;
 * "kept": of what is there already; "always": of matched objects too; "matched": of these only. */
const char *table_when(const struct row *r);
/* What it does to what a matched object has: "-": nothing is written there; "set", "merge" and so
 * on, as enum meet has them. */
const char *table_matched(const struct row *r);
/* How a wanted value meets what is there. */
const char *table_meet(enum meet m);
/* From which side it flows: "active", "source", "target"; "galsync": it makes the attribute of the
 * target what it is. */
const char *table_authority(const struct row *r);
/* What the counterpart of an object of kind K can be, in a scope that creates CREATE: SHAPE_BIT()s.
 */
unsigned table_shapes(enum kind k, enum create_as create);

/* Appends the table of each flow of C and each kind that it synchronizes; FILE is where C came
 * from. A line is a row; its columns are apart by two spaces or more, and the last one is free
 * text. */
int table_print(
    const struct conf *c, const char *file, struct buf *ret, struct err *err) MUST_CHECK;

#endif
