/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_METRICS_H
#define GALSYNC_VIEW_VIEW_METRICS_H

/*
 * What is known of the links, as OpenMetrics text (OpenMetrics 1.0, which is also the text that
 * node_exporter's textfile collector reads: only gauges and counters are used). The names are
 * described in galsyncctl(8).
 *
 * Everything comes from the array that `galsyncctl --json status` prints (view_link.h), so both say
 * the same. What is not in it is left out, with the lines that would describe it. What all links
 * share (map, journal, configuration) has no label `link`.
 */

#include <jansson.h>
#include <stdint.h>

#include "dsa/base/mem.h"

/* The media type of the text. */
#define VIEW_METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Appends LINKS as metrics, as they are at the time NOW, in seconds since the epoch. Without memory
 * RET has failed. */
void view_metrics(const json_t *links, int64_t now, struct buf *ret);

#endif
