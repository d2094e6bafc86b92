/*-------------------------------------------------------------------------
 *
 * http/clock.c
 *		Time.
 *
 *-------------------------------------------------------------------------
 */
#include <time.h>

#include "http/http_state.h"

int64_t
mp_http_microseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t) time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t
mp_http_now(void)
{
	return mp_http_microseconds() / 1000;
}
