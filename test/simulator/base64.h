/*-------------------------------------------------------------------------
 *
 * base64.h
 *	  Reading base64 (RFC 4648): credentials and the bytes of raw answers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_BASE64_H
#define SIM_BASE64_H

#include <stdbool.h>

#include "text.h"

/* Appends the bytes that `encoded` stands for; false if it is not base64. */
extern bool sim_base64_decode(const char *encoded, SimText *bytes);

#endif							/* SIM_BASE64_H */
