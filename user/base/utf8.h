/* SPDX-License-Identifier: Apache-2.0 */
/* Valid UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#pragma once
#include <stddef.h>

/* Bytes of the character that text begins with, at most len of them; 0 when it is none. */
size_t utf8_char_len(const char *text, size_t len);
