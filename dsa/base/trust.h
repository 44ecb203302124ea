/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_TRUST_H
#define GALSYNC_BASE_TRUST_H

/*
 * May this path be trusted? Who may write a file may say what is in it, and who may write a folder
 * may put another file in its place. Root may, and the process's own user; a path is trusted if
 * nobody else may.
 *
 * A folder that others may write is no harm if it is sticky, as /tmp is: what is in it and belongs
 * to root or to us stays what it is.
 *
 * Every function gives true, or false with the reason in WHY: the message reads "'PATH' WHY".
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* What others may not do with the file itself. */
#define TRUST_NOT_WRITABLE (S_IWGRP | S_IWOTH)
#define TRUST_CLOSED (S_IRWXG | S_IRWXO)

/* Of a file that is open: its owner, and that none of the bits CLOSED is set in its mode. */
bool trust_stat(const struct stat *st, mode_t closed, char *why, size_t size);
/* The same of a keytab or a password, which nobody but its owner may read. Root takes one of the
 * user that it is for: with it that user says who galsync is, and nothing else. */
bool trust_secret(const struct stat *st, char *why, size_t size);
/* Every folder above PATH, and above where symbolic links in it lead; and who made these links. The
 * user ALSO is trusted as well. A path that is not there is trusted as far as it is. */
bool trust_folders(const char *path, uid_t also, char *why, size_t size);
/* A file of which an operator gives the name, to be read at once: also of the user who called
 * sudo(8). A pipe is whose who made it. */
bool trust_given(const struct stat *st, char *why, size_t size);

#endif
