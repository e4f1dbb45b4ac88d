/* UTF-8 as RFC 3629 has it: no overlong forms, surrogates or points beyond
 * U+10FFFF.
 */
#ifndef CONVOY_COMMON_UTF8_H
#define CONVOY_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at text[0..left), left > 0; 0 where there is none,
 * or a control character. */
size_t utf8_printable(const char *text, size_t left);

/* Make a text one that utf8_printable takes throughout: each other byte
 * becomes a question mark, a character cut off at the end goes. */
void utf8_clean(char *text);

#endif
