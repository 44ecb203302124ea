/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_USED_ATTRS_H
#define GALSYNC_CONFIG_USED_ATTRS_H

/*
 * The attributes that galsync has a use of its own for, whatever the configuration says: it
 * projects them, or it reads them to know an object. None can hold a stamp or a marker beside that.
 *
 * They are those of the projection table's defaults and what is always read (dsa/rules/table.c),
 * and what no row of a site may write (conf_check.c); a test keeps this list as long as the
 * table's. extensionAttribute1 to extensionAttribute15 are not among them: the table leaves out the
 * copy of one that carries the stamp.
 */

#include <stdbool.h>

/* Without regard to case. */
bool used_attr(const char *name);
/* Is it what galsync itself governs, or never writes: identity, secrets, rights, and what holds the
 * redirection together? All of these are used. */
bool used_attr_is_reserved(const char *name);
/* Must no two objects of a forest have the same value of it, or may the directory refuse the second
 * one? */
bool used_attr_is_unique(const char *name);

#endif
