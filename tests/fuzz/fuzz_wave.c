/* SPDX-License-Identifier: MIT */
/* Any octets as an encoded wave, and as an encoded mailbox of one. What is one is the same after a
 * second time round. */
#include "fuzz.h"

#include "mapping/wave.h"

static void
check_wave(struct bytes raw)
{
	_cleanup_(wave_done) struct wave w = {0}, again = {0};
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};

	if (wave_decode(raw, 7, &w, &err) < 0) {
		check_refused(&err);
		CHECK(!w.name && !w.why);
		return;
	}
	CHECK(w.id == 7 && *wave_state_name(w.state));
	wave_encode(&w, &b);
	CHECK(!b.failed);
	CHECK(wave_decode(buf_bytes(&b), 7, &again, &err) == 0);
	CHECK(again.at == w.at && again.total == w.total && strcmp(again.why, w.why) == 0);
}

static void
check_member(struct bytes raw)
{
	struct guid g = {{1}};
	struct wave_member m = {0}, again = {0};
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};

	if (wave_member_decode(raw, &g, &m, &err) < 0) {
		check_refused(&err);
		CHECK(!m.dn && !m.text);
		return;
	}
	CHECK(m.result < WAVE_RESULT_MAX && guid_equal(&m.source, &g));
	wave_member_encode(&m, &b);
	CHECK(!b.failed && wave_member_decode(buf_bytes(&b), &g, &again, &err) == 0);
	CHECK(again.at == m.at && again.line == m.line && strcmp(again.dn, m.dn) == 0);
	wave_member_done(&m);
	wave_member_done(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_wave((struct bytes){data, size});
	check_member((struct bytes){data, size});
	return 0;
}
