/* SPDX-License-Identifier: MIT */
/* Any octets as what a user wrote, and as an encoded report. What is one is bounded, and the same
 * after a second time round. */
#include "fuzz.h"

#include <string.h>

#include "dsa/rules/client.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(client_report_done) struct client_report r = {.at = 0};
	_cleanup_(buf_done) struct buf b = {0};
	const struct bytes raw = {data, size};
	char why[CLIENT_WHY_SIZE] = "";
	struct client_value v;
	struct err err;

	if (client_parse(raw, &v, why))
		CHECK(*v.machine && client_machine_is_valid(bytes_of(v.machine)) &&
		      client_text_is_valid(bytes_of(v.text)));
	else
		CHECK(*why);
	if (client_report_decode(raw, &r, &err) < 0)
		return 0;
	client_report_encode(&r, &b);
	CHECK(bytes_equal(buf_bytes(&b), raw));
	return 0;
}
