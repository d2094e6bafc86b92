/*-------------------------------------------------------------------------
 *
 * version.h
 *		The extension's version; the same as in META.json and the control file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_VERSION_H
#define MP_VERSION_H

#define MP_VERSION "1.0.0"

#endif							/* MP_VERSION_H */
