/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_SUM64_H
#define GALSYNC_BASE_SUM64_H

/*
 * A check sum of 64 bits against accidents: a flipped bit, a page of something else, a value in the
 * place of another. It is XXH64 as its specification has it (the same on every machine, and part of
 * the map's format): eight octets at a time in plain C, where the hash of mem.h goes octet by octet
 * and CRC-32C needs an instruction of the processor and has half of the bits. It is no proof
 * against who may write the file.
 */

#include "dsa/base/mem.h"

/* The sum of V, continued from SEED (0 to begin). */
uint64_t sum64(struct bytes v, uint64_t seed);

#endif
