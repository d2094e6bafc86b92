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

#define TAP_PRINTF(a, b)	__attribute__((format(printf, a, b), unused))

static int	tap_count;
static int	tap_failures;

/* One test: `name` is a format. */
#define ok(pass, ...) \
	tap_ok((pass), __FILE__, __LINE__, __VA_ARGS__)

/* Two integers of at most 64 bits are equal. */
#define is_int(got, expected, ...) \
	tap_is_int((int64_t) (got), (int64_t) (expected), \
			   __FILE__, __LINE__, __VA_ARGS__)

/* Two strings, either of which may be NULL, are equal. */
#define is_str(got, expected, ...) \
	tap_is_str((got), (expected), __FILE__, __LINE__, __VA_ARGS__)

/* A line of explanation. */
static void TAP_PRINTF(1, 2)
diag(const char *format,...)
{
	va_list		args;

	fputs("# ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static bool TAP_PRINTF(4, 0)
tap_result(bool pass, const char *file, int line, const char *format,
		   va_list args)
{
	printf("%sok %d - ", pass ? "" : "not ", ++tap_count);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	if (!pass)
	{
		tap_failures++;
		diag("failed at %s line %d", file, line);
	}
	return pass;
}

static bool TAP_PRINTF(4, 5)
tap_ok(bool pass, const char *file, int line, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	tap_result(pass, file, line, format, args);
	va_end(args);
	return pass;
}

static bool TAP_PRINTF(5, 6)
tap_is_int(int64_t got, int64_t expected, const char *file, int line,
		   const char *format,...)
{
	va_list		args;

	va_start(args, format);
	tap_result(got == expected, file, line, format, args);
	va_end(args);
	if (got != expected)
		diag("got %" PRId64 ", expected %" PRId64, got, expected);
	return got == expected;
}

static bool TAP_PRINTF(5, 6)
tap_is_str(const char *got, const char *expected, const char *file, int line,
		   const char *format,...)
{
	va_list		args;
	bool		same = got == expected;

	if (got != NULL && expected != NULL)
		same = strcmp(got, expected) == 0;
	va_start(args, format);
	tap_result(same, file, line, format, args);
	va_end(args);
	if (!same)
		diag("got \"%s\", expected \"%s\"", got != NULL ? got : "(null)",
			 expected != NULL ? expected : "(null)");
	return same;
}

/* The plan, at the end; the value is main()'s. */
static int __attribute__((unused))
done_testing(void)
{
	printf("1..%d\n", tap_count);
	if (tap_failures > 0)
		diag("%d of %d tests failed", tap_failures, tap_count);
	return tap_failures > 0;
}

#endif							/* MP_TAP_H */
