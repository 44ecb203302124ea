/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CLIENTS_H
#define GALSYNC_CYCLE_CLIENTS_H

/* What the computers of users report by the attribute `client_attribute` of a source object
 * (dsa/rules/client.h): from what a cycle read into the map. What follows from it is done before
 * the next cycle (dsa/jobs/clients.h). */

#include "dsa/cycle/state.h"

/* Puts down what is new of each correspondence, whether it is switched: so what was there before a
 * switch is not new after it. Nothing may be read of the map meanwhile by
 * c->run->map. A value that is no report is told, one of each cycle with how many there are. */
int clients_note(struct cycle *c, struct err *err) MUST_CHECK;

#endif
