/*-------------------------------------------------------------------------
 *
 * simctl.c
 *	  Steers a running simulator from a shell or from psql's \!.
 *
 * Owns the form of what is printed, which stands in expected files: there are
 * no times, no ports and nothing that depends on the order of a hash.  It is a
 * program of its own, in C because the SQL tests run it hundreds of times.
 * Perl tests use MixpanelSimulator instead.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory.h"
#include "text.h"

static const char usage[] =
	"usage: simctl PORT COMMAND [ARGUMENT ...]\n"
	"  reset [SETTING=VALUE ...]      a new seed; clears faults and log\n"
	"  set SWITCH=VALUE ...           changes switches, keeps the state\n"
	"  fault KEY=VALUE ...            adds a fault (headers.NAME=VALUE)\n"
	"  faults                         lists what is left of the faults\n"
	"  log [--paths] [--clear]        the requests; sorted and without bodies;\n"
	"                                 and forgets them\n"
	"  counts [--all]                 the number of requests by call\n"
	"  clear [faults | log]           forgets faults and log, or one of them\n"
	"  state [accounts | memberships] what the API has stored\n"
	"  account KEY=VALUE ...          seeds an account\n"
	"  remove ACCOUNT                 removes an account\n"
	"  member ACCOUNT PROJECT ROLE [TARGET_TYPE]\n"
	"                                 seeds a membership\n"
	"  unmember ACCOUNT PROJECT       removes a membership\n"
	"  project id=ID [domain=DOMAIN]  seeds a project, or moves it to a region\n";

/* These are strings even if they look like something else. */
static const char *const string_names[] = {
	"method", "path", "body", "raw", "content_type", "username", "name",
	"secret", "role", "epoch", "domain", NULL,
};

/* An integer of more digits than this is a string. */
#define MAX_DIGITS 15

typedef struct Command
{
	const char *name;
	int			minimum;		/* of arguments */
	int			maximum;		/* -1: as many as one likes */
	void		(*run) (char **arguments);	/* ends with NULL */
} Command;

static in_port_t port;

static void die(const char *format,...)
			__attribute__((format(printf, 1, 2), noreturn));

static void
die(const char *format,...)
{
	va_list		arguments;

	fputs("simctl: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

/* ---- the control path ---- */

static int
open_connection(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int			connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(port);
	if (connection < 0 ||
		connect(connection, (struct sockaddr *) &address,
				sizeof(address)) != 0)
		die("no connection to port %d: %s", port, strerror(errno));
	return connection;
}

static void
send_all(int connection, const SimText *text)
{
	for (size_t sent = 0; sent < text->size;)
	{
		ssize_t		size = send(connection, text->data + sent,
								text->size - sent, MSG_NOSIGNAL);

		if (size < 0)
			die("the request cannot be sent: %s", strerror(errno));
		sent += (size_t) size;
	}
}

/* Reads up to the end of the connection; ends the text with a zero byte. */
static void
receive_all(int connection, SimText *text)
{
	char		buffer[65536];
	ssize_t		size;

	while ((size = recv(connection, buffer, sizeof(buffer), 0)) > 0)
		sim_text_append(text, buffer, (size_t) size);
	if (size < 0)
		die("the answer cannot be read: %s", strerror(errno));
	sim_text_append(text, "", 1);
}

static void
write_request(SimText *request, const char *method, const char *path,
			  const json_t *body)
{
	SimText		json = {0};

	if (body != NULL)
		sim_text_json(&json, body);
	sim_text_printf(request, "%s /control/%s HTTP/1.1\r\n"
					"Host: 127.0.0.1\r\nConnection: close\r\n", method, path);
	if (body != NULL)
		sim_text_printf(request, "Content-Type: application/json\r\n"
						"Content-Length: %zu\r\n", json.size);
	sim_text_puts(request, "\r\n");
	if (body != NULL)
		sim_text_append(request, json.data, json.size);
	sim_text_free(&json);
}

/*
 * One call of the control path; a body of NULL is none.  Returns the decoded
 * answer; where it is not a good one, the program ends with the simulator's
 * own words.
 */
static json_t *
control(const char *method, const char *path, const json_t *body)
{
	int			connection = open_connection();
	SimText		request = {0};
	SimText		answer = {0};
	const char *content;
	json_t	   *value;

	write_request(&request, method, path, body);
	send_all(connection, &request);
	receive_all(connection, &answer);
	close(connection);
	content = strstr(answer.data, "\r\n\r\n");
	if (content == NULL)
		die("no answer from port %d", port);
	value = json_loads(content + 4, JSON_DECODE_ANY, NULL);
	if (strncmp(answer.data, "HTTP/1.1 2", 10) != 0 || value == NULL)
	{
		const char *error = json_string_value(json_object_get(value, "error"));

		die("simulator: %s", error != NULL ? error : content + 4);
	}
	sim_text_free(&request);
	sim_text_free(&answer);
	return value;
}

static void
send_json(const char *method, const char *path, json_t *body)
{
	json_decref(control(method, path, body));
	json_decref(body);
}

static void
clear_records(const char *what)
{
	send_json("DELETE", what, NULL);
}

/* ---- arguments ---- */

static bool
is_string(const char *name)
{
	for (size_t i = 0; string_names[i] != NULL; i++)
		if (strcmp(string_names[i], name) == 0)
			return true;
	return false;
}

static bool
is_integer(const char *text)
{
	const char *digits = text + (text[0] == '-');
	size_t		length = strspn(digits, "0123456789");

	return length > 0 && length <= MAX_DIGITS && digits[length] == '\0';
}

static json_t *
string_value(const char *text)
{
	json_t	   *value = json_string(text);

	if (value == NULL)
		die("\"%s\" is not UTF-8", text);
	return value;
}

static json_t *
integer_value(const char *text)
{
	return json_integer(strtoll(text, NULL, 10));
}

static json_t *
scalar_value(const char *name, const char *text)
{
	if (is_string(name))
		return string_value(text);
	if (is_integer(text))
		return integer_value(text);
	if (strcmp(text, "true") == 0)
		return json_true();
	if (strcmp(text, "false") == 0)
		return json_false();
	if (strcmp(text, "null") == 0)
		return json_null();
	return string_value(text);
}

/* Length of the part before the dot of NAME.MEMBER; 0 = another name. */
static size_t
length_of_object(const char *name)
{
	size_t		length = 0;

	while (isalnum((unsigned char) name[length]) || name[length] == '_')
		length++;
	return name[length] == '.' && name[length + 1] != '\0' ? length : 0;
}

/* Adds what one KEY=VALUE or KEY.NAME=VALUE says to an object. */
static void
add_pair(json_t *object, const char *pair)
{
	char	   *name = sim_memory_copy(pair);
	char	   *text = strchr(name, '=');
	size_t		length;

	if (text == NULL || text == name)
		die("\"%s\" is no KEY=VALUE", pair);
	*text++ = '\0';
	length = length_of_object(name);
	if (length > 0)
	{
		json_t	   *member;

		name[length] = '\0';
		member = json_object_get(object, name);
		if (member == NULL)
		{
			member = json_object();
			json_object_set_new(object, name, member);
		}
		json_object_set_new(member, name + length + 1, string_value(text));
	}
	else
		json_object_set_new(object, name, scalar_value(name, text));
	free(name);
}

static json_t *
read_pairs(char **arguments)
{
	json_t	   *object = json_object();

	for (; *arguments != NULL; arguments++)
		add_pair(object, *arguments);
	return object;
}

static json_t *
list_of(json_t *record)
{
	return json_pack("[o]", record);
}

static bool
has_option(char **arguments, const char *option)
{
	for (; *arguments != NULL; arguments++)
		if (strcmp(*arguments, option) == 0)
			return true;
	return false;
}

/* Is it wanted, where no argument means everything? */
static bool
is_wanted(char **arguments, const char *what)
{
	return arguments[0] == NULL || strcmp(arguments[0], what) == 0;
}

/* ---- commands ---- */

static void
reset(char **arguments)
{
	send_json("POST", "reset", read_pairs(arguments));
}

static void
set(char **arguments)
{
	send_json("POST", "set", read_pairs(arguments));
}

static void
add_fault(char **arguments)
{
	send_json("POST", "faults", read_pairs(arguments));
}

static const char *
string_of(const json_t *record, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(record, name));

	return text != NULL ? text : otherwise;
}

static long long
number_of(const json_t *record, const char *name)
{
	return json_integer_value(json_object_get(record, name));
}

static void
show_faults(char **arguments)
{
	json_t	   *faults = control("GET", "faults", NULL);

	(void) arguments;
	for (size_t i = 0; i < json_array_size(faults); i++)
	{
		const json_t *fault = json_array_get(faults, i);
		long long	count = number_of(fault, "count");

		printf("%s %s seen %lld used %lld of ",
			   string_of(fault, "method", "any"),
			   string_of(fault, "path", "any"), number_of(fault, "seen"),
			   number_of(fault, "used"));
		if (count == 0)
			puts("any");
		else
			printf("%lld\n", count);
	}
	json_decref(faults);
}

/* "METHOD path?query BODY -> status", a line of its own. */
static char *
log_line(const json_t *entry, bool with_body)
{
	const char *query = string_of(entry, "query", "");
	const json_t *body = json_object_get(entry, "body");
	const json_t *status = json_object_get(entry, "status");
	SimText		line = {0};

	sim_text_printf(&line, "%s %s%s%s", string_of(entry, "method", ""),
					string_of(entry, "path", ""), query[0] == '\0' ? "" : "?",
					query);
	if (with_body && body != NULL && !json_is_null(body))
	{
		char	   *json = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS |
									  JSON_ENCODE_ANY);

		sim_text_printf(&line, " %s", json);
		free(json);
	}
	if (json_is_integer(status))
		sim_text_printf(&line, " -> %lld\n",
						(long long) json_integer_value(status));
	else
		sim_text_puts(&line, " -> none\n");
	sim_text_append(&line, "", 1);
	return line.data;
}

static int
compare_lines(const void *left, const void *right)
{
	return strcmp(*(char *const *) left, *(char *const *) right);
}

static void
show_log(char **arguments)
{
	bool		paths = has_option(arguments, "--paths");
	json_t	   *log = control("GET", "log", NULL);
	size_t		size = json_array_size(log);
	char	  **lines = sim_memory_new((size + 1) * sizeof(*lines));

	for (size_t i = 0; i < size; i++)
		lines[i] = log_line(json_array_get(log, i), !paths);
	if (paths)
		qsort(lines, size, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < size; i++)
	{
		fputs(lines[i], stdout);
		free(lines[i]);
	}
	free(lines);
	json_decref(log);
	if (has_option(arguments, "--clear"))
		clear_records("log");
}

/* The number of each call, by the names of the calls. */
static void
show_calls(json_t *calls)
{
	size_t		size = json_object_size(calls);
	const char **names = sim_memory_new((size + 1) * sizeof(*names));
	const char *name;
	json_t	   *value;
	size_t		i = 0;

	json_object_foreach(calls, name, value)
		names[i++] = name;
	qsort(names, size, sizeof(*names), compare_lines);
	for (i = 0; i < size; i++)
		printf("%lld %s\n", number_of(calls, names[i]), names[i]);
	free(names);
}

static void
show_counts(char **arguments)
{
	static const char *const more[] = {
		"in_flight", "max_concurrent", "connections",
	};
	json_t	   *counts = control("GET", "counts", NULL);

	printf("requests %lld\n", number_of(counts, "requests"));
	if (has_option(arguments, "--all"))
		for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
			printf("%s %lld\n", more[i], number_of(counts, more[i]));
	show_calls(json_object_get(counts, "by_call"));
	json_decref(counts);
}

static void
clear(char **arguments)
{
	if (is_wanted(arguments, "faults"))
		clear_records("faults");
	if (is_wanted(arguments, "log"))
		clear_records("log");
}

static void
show_accounts(const json_t *accounts)
{
	for (size_t i = 0; i < json_array_size(accounts); i++)
	{
		const json_t *account = json_array_get(accounts, i);

		printf("account %lld %s %s\n", number_of(account, "id"),
			   string_of(account, "username", ""),
			   string_of(account, "role", ""));
	}
}

static void
show_memberships(const json_t *memberships)
{
	for (size_t i = 0; i < json_array_size(memberships); i++)
	{
		const json_t *membership = json_array_get(memberships, i);
		const char *target = string_of(membership, "target_type", NULL);

		printf("member %lld %lld %s%s%s\n",
			   number_of(membership, "service_account_id"),
			   number_of(membership, "project_id"),
			   string_of(membership, "role", ""), target == NULL ? "" : " ",
			   target == NULL ? "" : target);
	}
}

static void
show_state(char **arguments)
{
	json_t	   *state = control("GET", "state", NULL);

	if (is_wanted(arguments, "accounts"))
		show_accounts(json_object_get(state, "accounts"));
	if (is_wanted(arguments, "memberships"))
		show_memberships(json_object_get(state, "memberships"));
	json_decref(state);
}

static void
add_account(char **arguments)
{
	send_json("POST", "accounts", list_of(read_pairs(arguments)));
}

static void
add_project(char **arguments)
{
	send_json("POST", "projects", list_of(read_pairs(arguments)));
}

static void
add_member(char **arguments)
{
	json_t	   *record = json_object();

	json_object_set_new(record, "service_account_id",
						integer_value(arguments[0]));
	json_object_set_new(record, "project_id", integer_value(arguments[1]));
	json_object_set_new(record, "role", string_value(arguments[2]));
	if (arguments[3] != NULL)
		json_object_set_new(record, "target_type",
							string_value(arguments[3]));
	send_json("POST", "memberships", list_of(record));
}

/* Removes what stands below a path under some numbers. */
static void
remove_record(const char *path, char **numbers)
{
	SimText		text = {0};

	sim_text_puts(&text, path);
	for (; *numbers != NULL; numbers++)
		sim_text_printf(&text, "/%lld", strtoll(*numbers, NULL, 10));
	sim_text_append(&text, "", 1);
	send_json("DELETE", text.data, NULL);
	sim_text_free(&text);
}

static void
remove_account(char **arguments)
{
	remove_record("accounts", arguments);
}

static void
remove_member(char **arguments)
{
	remove_record("memberships", arguments);
}

static const Command commands[] = {
	{"reset", 0, -1, reset},
	{"set", 0, -1, set},
	{"fault", 0, -1, add_fault},
	{"faults", 0, 0, show_faults},
	{"log", 0, 2, show_log},
	{"counts", 0, 1, show_counts},
	{"clear", 0, 1, clear},
	{"state", 0, 1, show_state},
	{"account", 0, -1, add_account},
	{"remove", 1, 1, remove_account},
	{"member", 3, 4, add_member},
	{"unmember", 2, 2, remove_member},
	{"project", 0, -1, add_project},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* The command of a name that takes so many arguments; NULL = there is none. */
static const Command *
find_command(const char *name, int count)
{
	for (size_t i = 0; i < COMMANDS; i++)
	{
		const Command *command = &commands[i];

		if (strcmp(command->name, name) == 0 && count >= command->minimum &&
			(command->maximum < 0 || count <= command->maximum))
			return command;
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	const Command *command = NULL;

	if (argc >= 3 && is_integer(argv[1]))
		command = find_command(argv[2], argc - 3);
	if (command == NULL)
	{
		fputs(usage, stderr);
		return 2;
	}
	port = (in_port_t) strtoul(argv[1], NULL, 10);
	command->run(argv + 3);
	return fflush(stdout) == 0 ? 0 : 1;
}
