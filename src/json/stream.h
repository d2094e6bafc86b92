/*-------------------------------------------------------------------------
 *
 * json/stream.h
 *		An answer's bytes in, the elements of its results out as they arrive.
 *
 * Knows the envelope of an answer and nothing of what the elements mean.  An
 * answer is one of
 *		[ E, E, ... ]
 *		{ ..., "results": [ E, E, ... ], ... }
 *		{ ..., "results": E, ... }			E an object
 *		E									an object without "results"
 * with members in any order.  Memory: one element and the envelope's other
 * members, whatever the length of the answer.
 *
 * Only structure is checked here: brackets, commas, colons, literals, the ends
 * of strings, MP_JSON_DEPTH_LIMIT for the whole answer, and the limits below.
 * The rest (control characters in strings, escapes, UTF-8, form of numbers,
 * duplicate members) is checked by whoever takes an element or the envelope,
 * who can tell which member it is in.  What comes out does not depend
 * on where the input is cut.  No throw; memory is malloc'ed, and wiped before
 * it is freed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_JSON_STREAM_H
#define MP_JSON_STREAM_H

#include "json/cursor.h"

#define MP_JSON_ELEMENT_LIMIT	(1024 * 1024)	/* bytes of one element */

typedef struct MpJsonStream MpJsonStream;

typedef enum MpJsonEvent
{
	MP_JSON_MORE,				/* input used up, wants more */
	MP_JSON_ELEMENT,			/* an element is ready */
	MP_JSON_BAD,				/* see mp_json_stream_error(); final */
} MpJsonEvent;

/* What the answer turned out to be; known at its end. */
typedef enum MpJsonShape
{
	MP_JSON_SHAPE_ARRAY,		/* a bare array */
	MP_JSON_SHAPE_RESULTS_ARRAY,
	MP_JSON_SHAPE_RESULTS_OBJECT,
	MP_JSON_SHAPE_RESULTS_OTHER,	/* null, a string, ... */
	MP_JSON_SHAPE_OBJECT,		/* a bare object, without "results" */
} MpJsonShape;

/* NULL when out of memory. */
extern MpJsonStream *mp_json_stream_create(void);
extern void mp_json_stream_free(MpJsonStream *stream);

/* As newly made, for an answer that begins anew. */
extern void mp_json_stream_reset(MpJsonStream *stream);

/*
 * Read on.  *bytes and *length are the input and are moved past what was
 * used.  ELEMENT: *element and *element_length are its text, valid until the
 * next call (it may lie in the input).  A bare object and a results object
 * become elements when they end; a bare object has lost the white space
 * between its tokens.  Anything but white space after the end of the answer
 * is BAD.
 */
extern MpJsonEvent mp_json_stream_next(MpJsonStream *stream,
									   const char **bytes, size_t *length,
									   const char **element,
									   size_t *element_length);

/* After the last byte: false if the answer is not complete; sets the error. */
extern bool mp_json_stream_finish(MpJsonStream *stream);

/* After a successful finish. */
extern MpJsonShape mp_json_stream_shape(const MpJsonStream *stream);

/*
 * After a successful finish: the object around the results as a JSON text in
 * which the value of "results" is null if it was an array or an object (the
 * whole object for MP_JSON_SHAPE_OBJECT; "" and length 0 for a bare array),
 * without white space between its tokens.  At most MP_JSON_ELEMENT_LIMIT
 * bytes.  Belongs to the stream.
 */
extern const char *mp_json_stream_envelope(const MpJsonStream *stream,
										   size_t *length);

/*
 * What is wrong, in words ("... at byte 17", the first being 1); never quotes
 * the input.
 */
extern const char *mp_json_stream_error(const MpJsonStream *stream);

/* Elements handed out since the last reset. */
extern int64_t mp_json_stream_count(const MpJsonStream *stream);

#endif							/* MP_JSON_STREAM_H */
