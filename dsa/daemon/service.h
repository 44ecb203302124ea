/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_SERVICE_H
#define GALSYNC_DAEMON_SERVICE_H

/*
 * galsyncd as a service: one event loop in the main thread for signals, the control socket, the
 * watchdog and what the workers tell; one worker thread for each link. The main thread never blocks
 * on a directory.
 *
 * systemd is told READY when the configuration, the map and the socket are there and the workers
 * run, STATUS after each cycle, RELOADING and READY around a reload, STOPPING at the end. WATCHDOG
 * is told only while every worker gets on: one that hangs lets the watchdog end the daemon, and its
 * next start settles what was under way.
 */

#include "dsa/config/conf.h"

/* Runs until SIGTERM or SIGINT. SIGHUP reads FILE again; a configuration with mistakes is reported
 * and the old one stays. CONF is taken over. SOCKET: where to listen unless systemd passes a
 * socket. Returns an exit status. */
int service_run(const char *file, struct conf *conf, const char *socket);

#endif
