/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_THREAD_H
#define GALSYNC_BASE_THREAD_H

/* Threads beside the main one, to which all signals belong. */

#include <pthread.h>

#include "dsa/base/mem.h"

/* Begins a thread in which every signal is blocked but those of a fault: these belong to the thread
 * that faults, and the kernel ends the process without a word where they are blocked. Gives 0 or
 * the number of an error. */
int thread_start(pthread_t *ret, void *(*fn)(void *arg), void *arg) MUST_CHECK;

#endif
