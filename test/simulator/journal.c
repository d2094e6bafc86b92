/*-------------------------------------------------------------------------
 *
 * journal.c
 *	  Which requests came, in order, and how many.
 *
 * Owns the entries and the counts, and the masking of secrets.  Must not know
 * of headers: they hold the credentials.
 *
 *-------------------------------------------------------------------------
 */
#include "journal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "memory.h"

#define MASK "***"

static const char *const secret_names[] = {
	"authorization", "password", "secret", "token",
};

#define SECRET_NAMES (sizeof(secret_names) / sizeof(secret_names[0]))

void
sim_journal_start(SimJournal *journal)
{
	memset(journal, 0, sizeof(*journal));
	journal->by_call = json_pack("{}");
	journal->generation = 1;
	journal->origin = sim_clock_monotonic();
}

static void
release_entry(SimEntry *entry)
{
	if (--entry->holders > 0)
		return;
	free(entry->method);
	free(entry->path);
	free(entry->query);
	json_decref(entry->body);
	free(entry->user);
	free(entry->error);
	free(entry);
}

static void
keep_entry(SimJournal *journal, SimEntry *entry)
{
	if (journal->size == journal->capacity)
	{
		journal->capacity = journal->capacity * 2 + 64;
		journal->entries =
			sim_memory_resize(journal->entries,
							  journal->capacity * sizeof(SimEntry *));
	}
	journal->entries[journal->size++] = entry;
	entry->holders++;
}

static void
count_call(SimJournal *journal, const char *method, const char *label)
{
	SimText		key = {0};
	json_t	   *count;

	sim_text_printf(&key, "%s %s", method, label != NULL ? label : "other");
	sim_text_append(&key, "", 1);
	count = json_object_get(journal->by_call, key.data);
	if (count == NULL)
		json_object_set_new(journal->by_call, key.data, json_integer(1));
	else
		json_integer_set(count, json_integer_value(count) + 1);
	sim_text_free(&key);
}

SimEntry *
sim_journal_begin(SimJournal *journal, const SimCall *call,
				  const char *label, unsigned *seen)
{
	SimEntry   *entry = sim_memory_new(sizeof(*entry));

	entry->holders = 1;
	entry->number = ++journal->requests;
	entry->method = sim_memory_copy(call->method);
	entry->path = sim_memory_copy(call->path);
	entry->query = sim_memory_copy(call->query);
	entry->started = sim_clock_monotonic();
	keep_entry(journal, entry);
	count_call(journal, entry->method, label);
	if (*seen != journal->generation)
	{
		*seen = journal->generation;
		journal->connections++;
	}
	if (++journal->in_flight > journal->max_concurrent)
		journal->max_concurrent = journal->in_flight;
	return entry;
}

static bool
is_secret_name(const char *name)
{
	for (size_t i = 0; i < SECRET_NAMES; i++)
		if (strcasecmp(name, secret_names[i]) == 0)
			return true;
	return false;
}

/* jansson's loops pass over a value of another type. */
static void
mask_secrets(json_t *value)
{
	const char *name;
	json_t	   *member;
	size_t		at;

	json_array_foreach(value, at, member)
	{
		mask_secrets(member);
	}
	json_object_foreach(value, name, member)
	{
		if (is_secret_name(name))
			json_object_set_new(value, name, json_string(MASK));
		else
			mask_secrets(member);
	}
}

void
sim_journal_body(SimEntry *entry, const json_t *body)
{
	entry->body = json_deep_copy(body);
	mask_secrets(entry->body);
}

void
sim_journal_end(SimJournal *journal, SimEntry *entry)
{
	entry->ended = sim_clock_monotonic();
	journal->in_flight--;
	release_entry(entry);
}

void
sim_journal_clear(SimJournal *journal)
{
	for (size_t i = 0; i < journal->size; i++)
		release_entry(journal->entries[i]);
	journal->size = 0;
	json_object_clear(journal->by_call);
	journal->requests = 0;
	journal->connections = 0;
	journal->max_concurrent = journal->in_flight;
	journal->generation++;
}

static void
write_moment(SimText *text, const SimJournal *journal, int64_t moment)
{
	if (moment == 0)
		sim_text_puts(text, "null");
	else
		sim_text_printf(text, "%.3f",
						(double) (moment - journal->origin) / 1000.0);
}

static void
write_entry(const SimJournal *journal, const SimEntry *entry, SimText *text)
{
	sim_text_comma(text);
	sim_text_printf(text, "{\"n\":%lld,\"method\":",
					(long long) entry->number);
	sim_text_quote(text, entry->method);
	sim_text_puts(text, ",\"path\":");
	sim_text_quote(text, entry->path);
	sim_text_puts(text, ",\"query\":");
	sim_text_quote(text, entry->query);
	sim_text_puts(text, ",\"body\":");
	sim_text_json(text, entry->body);
	if (entry->status == 0)
		sim_text_puts(text, ",\"status\":null,\"user\":");
	else
		sim_text_printf(text, ",\"status\":%u,\"user\":", entry->status);
	sim_text_quote(text, entry->user);
	sim_text_puts(text, ",\"error\":");
	sim_text_quote(text, entry->error);
	sim_text_puts(text, ",\"started_ms\":");
	write_moment(text, journal, entry->started);
	sim_text_puts(text, ",\"ended_ms\":");
	write_moment(text, journal, entry->ended);
	sim_text_puts(text, "}");
}

void
sim_journal_write(const SimJournal *journal, SimText *text)
{
	sim_text_puts(text, "[");
	for (size_t i = 0; i < journal->size; i++)
		write_entry(journal, journal->entries[i], text);
	sim_text_puts(text, "]");
}

void
sim_journal_write_counts(const SimJournal *journal, SimText *text)
{
	sim_text_printf(text, "{\"requests\":%lld,\"in_flight\":%lld,"
					"\"max_concurrent\":%lld,\"connections\":%lld,"
					"\"by_call\":",
					(long long) journal->requests,
					(long long) journal->in_flight,
					(long long) journal->max_concurrent,
					(long long) journal->connections);
	sim_text_json(text, journal->by_call);
	sim_text_puts(text, "}");
}

void
sim_journal_stop(SimJournal *journal)
{
	sim_journal_clear(journal);
	json_decref(journal->by_call);
	free(journal->entries);
}
