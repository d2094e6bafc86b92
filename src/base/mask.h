/*-------------------------------------------------------------------------
 *
 * base/mask.h
 *		Credentials taken out of a text that is to be shown.
 *
 * For what the other side says: an error message, the target of a redirect.
 * Ground floor: plain C; allocates nothing, and cannot fail.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_MASK_H
#define MP_BASE_MASK_H

/*
 * Each occurrence of a secret in the text becomes one asterisk, in place.
 * `login` is "username:secret".  Found are
 *		the secret as it is, or percent-encoded in part or whole
 *		the secret in base64, alone or behind anything else, in either alphabet
 *		the login in base64, as the Authorization header has it
 * What follows in the same run of base64 goes as well, as it begins with bits
 * of the secret.  The beginning of any of these, of four characters or more,
 * is masked at the end of the text, which may have been cut off there.  A
 * secret of fewer than four characters is masked where it is a word by itself.
 */
extern void mp_mask_login(char *text, const char *login);

/*
 * Blank, in place, the characters of a text in UTF-8 that a terminal would
 * obey, or that make a reader see another text than there is: controls, line
 * and paragraph separators, what changes the direction of writing, what has no
 * width.  After mp_mask_login(), which would not find what has been blanked.
 */
extern void mp_mask_deceivers(char *text);

#endif							/* MP_BASE_MASK_H */
