/*-------------------------------------------------------------------------
 *
 * catalog/option_state.h
 *		What a row of the table of options says, for the files that read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_OPTION_STATE_H
#define MP_CATALOG_OPTION_STATE_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/settings.h"

/* Where an option may stand. */
#define MP_ON_SERVER	1
#define MP_ON_TABLE		2
#define MP_ON_MAPPING	4
#define MP_ON_COLUMN	8
#define MP_ON_ANY		15

typedef enum MpOptionPrivilege
{
	MP_OPTION_ANYBODY,
	MP_OPTION_FILE_READER,		/* superuser or pg_read_server_files */
	MP_OPTION_SUPERUSER,
} MpOptionPrivilege;

/* In which form a value stands in MpSettings. */
typedef enum MpOptionForm
{
	MP_OPTION_BOOL,
	MP_OPTION_INT,				/* or an enum */
	MP_OPTION_INT64,
	MP_OPTION_DOUBLE,
	MP_OPTION_RATE,				/* MpRate */
	MP_OPTION_TEXT,				/* const char *, palloc'ed */
	MP_OPTION_ID_ARRAY,			/* const int64_t * and its size_t count */
} MpOptionForm;

/* It is looked up by mp_option_find() where it is needed. */
#define MP_OPTION_NOT_KEPT	SIZE_MAX

/* One of the words that an option takes. */
typedef struct MpOptionWord
{
	const char *word;			/* NULL: the end of the list */
	int			value;			/* of an option in the form MP_OPTION_INT */
	const char *text;			/* of one in the form MP_OPTION_TEXT */
} MpOptionWord;

typedef struct MpOption MpOption;

/* How texts of one type are checked and read. */
typedef struct MpOptionType
{
	MpOptionForm form;

	/*
	 * Returns false if the text is no value of the option.  Else, unless
	 * `settings` is NULL, puts the value where the option's row says, in the
	 * current context.  Raises only what reading a file raises.
	 */
	bool		(*parse) (const MpOption *option, const char *text,
						  MpSettings *settings);

	/*
	 * What is valid, for the hint: a noun phrase, or the valid names one by
	 * one (NULL behind the last).  Neither: the option's range.
	 */
	const char *valid;
	const char *(*name) (const MpOption *option, int i);
} MpOptionType;

struct MpOption
{
	const char *name;
	int			places;			/* MP_ON_... */
	MpOptionPrivilege privilege;
	const MpOptionType *type;
	const char *fallback;		/* the default, as a user would write it;
								 * NULL: none */
	size_t		setting;		/* where in MpSettings its value goes, or
								 * MP_OPTION_NOT_KEPT */
	int			min;			/* of an integer */
	int			max;
	const MpOptionWord *words;
	size_t		count_setting;	/* where the count of an array goes */
	bool		local;			/* says nothing of requests */
};

extern const MpOptionType mp_option_id;
extern const MpOptionType mp_option_ids;
extern const MpOptionType mp_option_word;
extern const MpOptionType mp_option_word_text;
extern const MpOptionType mp_option_boolean;
extern const MpOptionType mp_option_integer;
extern const MpOptionType mp_option_duration;
extern const MpOptionType mp_option_rate;
extern const MpOptionType mp_option_cost;
extern const MpOptionType mp_option_base_url;
extern const MpOptionType mp_option_proxy;
extern const MpOptionType mp_option_file;
extern const MpOptionType mp_option_login_name;
extern const MpOptionType mp_option_secret;
extern const MpOptionType mp_option_secret_file;
extern const MpOptionType mp_option_object;
extern const MpOptionType mp_option_field;

/* All options, for loops; the last one's name is NULL. */
extern const MpOption mp_options[];

/* The option of that name for that place; NULL if there is none. */
extern const MpOption *mp_option_row(const char *name, int place);

/* Where an option's value stands. */
static inline void *
mp_option_target(const MpOption *option, MpSettings *settings)
{
	Assert(option->setting < sizeof(MpSettings));
	return (char *) settings + option->setting;
}

static inline const void *
mp_option_source(const MpOption *option, const MpSettings *settings)
{
	Assert(option->setting < sizeof(MpSettings));
	return (const char *) settings + option->setting;
}

static inline size_t
mp_option_count(const MpOption *option, const MpSettings *settings)
{
	Assert(option->type->form == MP_OPTION_ID_ARRAY);
	return *(const size_t *) ((const char *) settings + option->count_setting);
}

/* Raises 22023 with what is valid.  Never repeats what may be a secret. */
extern void mp_option_refuse_value(const MpOption *option, const char *value);

/* The first line of a secret_file, palloc'ed. */
extern char *mp_option_read_secret(const char *path);

#endif							/* MP_CATALOG_OPTION_STATE_H */
