/*-------------------------------------------------------------------------
 *
 * tap.h
 *		A test's results in the Test Anything Protocol.
 *
 * One test program is one .c file that includes this header once.  Knows
 * nothing of what is tested.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TAP_H
#define MP_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TAP_UNUSED			__attribute__((unused))
#define TAP_PRINTF(a, b)	__attribute__((format(printf, a, b), unused))
#define TAP_STRING(x)		#x
#define TAP_LINE(x)			TAP_STRING(x)
#define TAP_HERE			__FILE__ " line " TAP_LINE(__LINE__)

static int	tap_count;
static int	tap_failures;

static void diag(const char *format,...) TAP_PRINTF(1, 2);
static bool tap_result(bool pass, const char *where, const char *format,
					   va_list args) TAP_PRINTF(3, 0);
static bool tap_ok(bool pass, const char *where, const char *format,...)
			TAP_PRINTF(3, 4);
static bool tap_is_int(int64_t got, int64_t expected, const char *where,
					   const char *format,...) TAP_PRINTF(4, 5);
static bool tap_is_str(const char *got, const char *expected,
					   const char *where, const char *format,...)
			TAP_PRINTF(4, 5);
static int	done_testing(void) TAP_UNUSED;

/* One test: `name` is a format. */
#define ok(pass, ...) \
	tap_ok((pass), TAP_HERE, __VA_ARGS__)

/* Two integers of at most 64 bits are equal. */
#define is_int(got, expected, ...) \
	tap_is_int((int64_t) (got), (int64_t) (expected), TAP_HERE, __VA_ARGS__)

/* Two strings, either of which may be NULL, are equal. */
#define is_str(got, expected, ...) \
	tap_is_str((got), (expected), TAP_HERE, __VA_ARGS__)

/* A line of explanation. */
static void
diag(const char *format,...)
{
	va_list		args;

	fputs("# ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static bool
tap_result(bool pass, const char *where, const char *format, va_list args)
{
	printf("%sok %d - ", pass ? "" : "not ", ++tap_count);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	if (!pass)
	{
		tap_failures++;
		diag("failed at %s", where);
	}
	return pass;
}

static bool
tap_ok(bool pass, const char *where, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	tap_result(pass, where, format, args);
	va_end(args);
	return pass;
}

static bool
tap_is_int(int64_t got, int64_t expected, const char *where,
		   const char *format,...)
{
	va_list		args;

	va_start(args, format);
	tap_result(got == expected, where, format, args);
	va_end(args);
	if (got != expected)
		diag("got %" PRId64 ", expected %" PRId64, got, expected);
	return got == expected;
}

static bool
tap_is_str(const char *got, const char *expected, const char *where,
		   const char *format,...)
{
	va_list		args;
	bool		same = got == expected;

	if (got != NULL && expected != NULL)
		same = strcmp(got, expected) == 0;
	va_start(args, format);
	tap_result(same, where, format, args);
	va_end(args);
	if (!same)
		diag("got \"%s\", expected \"%s\"", got != NULL ? got : "(null)",
			 expected != NULL ? expected : "(null)");
	return same;
}

/* The plan, at the end; the value is main()'s. */
static int
done_testing(void)
{
	printf("1..%d\n", tap_count);
	if (tap_failures > 0)
		diag("%d of %d tests failed", tap_failures, tap_count);
	return tap_failures > 0;
}

#endif							/* MP_TAP_H */
