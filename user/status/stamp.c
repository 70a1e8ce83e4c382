// SPDX-License-Identifier: Apache-2.0
/* RFC 3339 in UTC. A clock before 1970 or after 9999 is no clock: it stands at 1970. */
#include "status/stamp.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

#define LAST_S 253402300799 /* of the year 9999 */

static int64_t format(char *ret_text)
{
	int64_t us = clock_wall_us();
	time_t seconds;
	struct tm parts;

	if (us < 0 || us / 1000000 > LAST_S)
		us = 0;
	seconds = (time_t)(us / 1000000);
	gmtime_r(&seconds, &parts);
	strftime(ret_text, STAMP_SECONDS, "%Y-%m-%dT%H:%M:%SZ", &parts);
	return us % 1000000;
}

void stamp_seconds(char ret_text[static STAMP_SECONDS])
{
	format(ret_text);
}

void stamp_micros(char ret_text[static STAMP_MICROS])
{
	char text[STAMP_SECONDS];
	int micros = (int)format(text);

	snprintf(ret_text, STAMP_MICROS, "%.19s.%06dZ", text, micros);
}
