/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file fields.c
 * An input that is several texts, one on a line.
 */
#include "fields.h"

#include <string.h>

#include "apr_general.h"
#include "apr_strings.h"

static apr_pool_t *root;

fuzz_fields fuzz_fields_begin(const uint8_t *data, size_t size)
{
    fuzz_fields fields = {data, data + size, NULL};

    if (!root) {
        MUST(apr_initialize() == APR_SUCCESS && apr_pool_create(&root, NULL) == APR_SUCCESS);
        atexit(apr_terminate);
    }
    MUST(apr_pool_create(&fields.p, root) == APR_SUCCESS);
    return fields;
}

static apr_status_t free_text(void *text)
{
    free(text);
    return APR_SUCCESS;
}

/* In memory of its own, of the very size, so that AddressSanitizer sees what is read beyond it. */
static char *text_of(fuzz_fields *fields, size_t length)
{
    char *text = malloc(length + 1);

    MUST(text);
    memcpy(text, fields->at, length);
    text[length] = '\0';
    apr_pool_cleanup_register(fields->p, text, free_text, apr_pool_cleanup_null);
    return text;
}

char *fuzz_fields_next(fuzz_fields *fields)
{
    size_t left = (size_t)(fields->end - fields->at);
    const uint8_t *newline = left ? memchr(fields->at, '\n', left) : NULL;
    char *text = text_of(fields, newline ? (size_t)(newline - fields->at) : left);

    fields->at = newline ? newline + 1 : fields->end;
    return text;
}

char *fuzz_fields_rest(fuzz_fields *fields)
{
    char *text = text_of(fields, (size_t)(fields->end - fields->at));

    fields->at = fields->end;
    return text;
}

void fuzz_fields_end(fuzz_fields *fields)
{
    apr_pool_destroy(fields->p);
}
