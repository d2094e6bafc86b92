/*-------------------------------------------------------------------------
 *
 * simulator.c
 *	  A simulator of the Mixpanel service accounts API, for tests.
 *
 * Owns the command line and the end of the program.  README.md is its manual.
 *
 *-------------------------------------------------------------------------
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"
#include "seed.h"
#include "server.h"
#include "timer.h"
#include "world.h"

typedef struct Options
{
	uint16_t	port;
	bool		die_with_stdin;
} Options;

static bool ending;

static void
show_usage(FILE *stream)
{
	SimText		text = {0};

	sim_config_describe(&text);
	fputs("usage: simulator [--port N] [--die-with-stdin] [SETTING ...]\n"
		  "Serves /api/app and /control on 127.0.0.1.  Settings:\n", stream);
	fwrite(text.data, 1, text.size, stream);
	sim_text_free(&text);
}

static void
fail_usage(const char *reason)
{
	fprintf(stderr, "simulator: %s\n", reason);
	show_usage(stderr);
	exit(2);
}

static uint16_t
read_port(const char *text)
{
	char	   *end;
	long		port = strtol(text, &end, 10);

	if (end == text || *end != '\0' || port < 0 || port > 65535)
		fail_usage("--port must be from 0 to 65535");
	return (uint16_t) port;
}

static void
read_setting(const char *name, const char *value, SimConfig *config,
			 Options *options)
{
	char		error[SIM_CONFIG_ERROR];

	if (value == NULL)
		fail_usage("an option lacks its value");
	else if (strcmp(name, "port") == 0)
		options->port = read_port(value);
	else if (!sim_config_set_text(config, name, value, error))
		fail_usage(error);
}

/* Takes --name VALUE and --name=VALUE. */
static void
read_options(int argc, char **argv, SimConfig *config, Options *options)
{
	for (int i = 1; i < argc; i++)
	{
		char	   *value;

		if (strcmp(argv[i], "--help") == 0)
		{
			show_usage(stdout);
			exit(0);
		}
		if (strncmp(argv[i], "--", 2) != 0)
			fail_usage("options start with --");
		if (strcmp(argv[i], "--die-with-stdin") == 0)
		{
			options->die_with_stdin = true;
			continue;
		}
		value = strchr(argv[i], '=');
		if (value != NULL)
		{
			*value = '\0';
			read_setting(argv[i] + 2, value + 1, config, options);
			continue;
		}
		value = i + 1 < argc ? argv[i + 1] : NULL;
		read_setting(argv[i] + 2, value, config, options);
		i++;
	}
}

static void
end_on_signal(void *owner, uint32_t events)
{
	(void) owner;
	(void) events;
	ending = true;
}

/* Input is read away: only its end means something. */
static void
end_on_eof(void *owner, uint32_t events)
{
	char		ignored[256];

	(void) owner;
	(void) events;
	if (read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
		ending = true;
}

static bool
watch_signals(SimWatch *watch)
{
	sigset_t	signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	watch->fd = signalfd(-1, &signals, SFD_CLOEXEC);
	watch->ready = end_on_signal;
	return sim_loop_add(watch, EPOLLIN);
}

/* A descriptor that cannot be waited for, such as a file's, has ended. */
static void
watch_stdin(SimWatch *watch)
{
	watch->fd = STDIN_FILENO;
	watch->ready = end_on_eof;
	if (!sim_loop_add(watch, EPOLLIN))
		ending = true;
}

/* Thousands of connections need as many descriptors. */
static void
raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void
run(void)
{
	while (!ending)
	{
		sim_loop_wait(sim_server_wait());
		sim_timer_fire_due();
		sim_server_run();
	}
}

static void
serve(SimWorld *world, const Options *options)
{
	SimWatch	signals = {0};
	SimWatch	standard_input = {0};

	raise_limits();
	if (!sim_loop_start() || !watch_signals(&signals) ||
		!sim_server_start(world, options->port))
	{
		perror("simulator: cannot listen");
		exit(1);
	}
	if (options->die_with_stdin)
		watch_stdin(&standard_input);
	printf("listening on 127.0.0.1:%u\n", (unsigned) sim_server_port());
	fflush(stdout);
	run();
	sim_server_stop();
	sim_timer_end();
	sim_loop_end();
	close(signals.fd);
}

int
main(int argc, char **argv)
{
	Options		options = {0};
	SimWorld	world;

	memset(&world, 0, sizeof(world));
	sim_config_default(&world.defaults);
	read_options(argc, argv, &world.defaults, &options);
	world.config = world.defaults;
	sim_clock_set_skew(world.config.clock_skew_s * SIM_CLOCK_SECOND);
	world.state = sim_seed_state(&world.config);
	sim_journal_start(&world.journal);
	serve(&world, &options);
	sim_journal_stop(&world.journal);
	sim_fault_clear(&world.faults);
	sim_state_free(world.state);
	return 0;
}
