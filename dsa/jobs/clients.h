/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_CLIENTS_H
#define GALSYNC_JOBS_CLIENTS_H

/* What follows from the reports of clients (dsa/rules/client.h), whichever way they came: the hook
 * is told of each, and a mailbox that is done is to leave the marker group. */

#include "dsa/run/run.h"

/* Settles what is new of RUN's link, in one transaction; the membership is owed then, and paid with
 * what turns owe (turn_group.c). */
int clients_settle(const struct run *run, struct err *err) MUST_CHECK;

#endif
