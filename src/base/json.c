/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file json.c
 * Strings of JSON documents.
 */
#include "base/json.h"

#include "apr_strings.h"

#include <stdio.h>
#include <string.h>

/* The longest that a byte can become: "\u001f", or the escape of U+FFFD. */
#define ESCAPED_MAX 6

/* Says whether the second byte of a sequence keeps it from being overlong, a surrogate, or beyond U+10FFFF. */
static int second_fits(const unsigned char *s)
{
    return !((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90)
             || (s[0] == 0xF4 && s[1] > 0x8F));
}

/* Returns how many bytes the UTF-8 character at s has; 0 if there is none. The NUL ends a sequence that is cut. */
static size_t utf8_length(const unsigned char *s)
{
    size_t i, length = *s < 0x80 ? 1 : *s < 0xC2 ? 0 : *s < 0xE0 ? 2 : *s < 0xF0 ? 3 : *s < 0xF5 ? 4 : 0;

    for (i = 1; i < length; ++i) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length < 3 || second_fits(s) ? length : 0;
}

const char *cfaop_json_string(apr_pool_t *p, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    char *result, *to;
    size_t length;

    if (!text) {
        return "null";
    }
    result = to = apr_palloc(p, strlen(text) * ESCAPED_MAX + 3);
    *to++ = '"';
    for (; *s; s += length ? length : 1) {
        length = utf8_length(s);
        if (length == 0) {
            to += sprintf(to, "\\ufffd");
        }
        else if (*s < 0x20 || *s == 0x7F) {
            to += sprintf(to, "\\u%04x", *s);
        }
        else {
            if (*s == '"' || *s == '\\') {
                *to++ = '\\';
            }
            memcpy(to, s, length);
            to += length;
        }
    }
    *to++ = '"';
    *to = '\0';
    return result;
}
