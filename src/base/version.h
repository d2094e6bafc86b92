/*-------------------------------------------------------------------------
 *
 * base/version.h
 *		The extension's version; the same as in META.json and the control file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_VERSION_H
#define MP_BASE_VERSION_H

#define MP_VERSION "1.1.0"

#endif							/* MP_BASE_VERSION_H */
