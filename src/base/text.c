/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file text.c
 * Text for logs and pages: digests, names, dates; bytes from clients, escaped so that they cannot forge a line.
 */
#include "base/text.h"

#include "base/module.h"

#include "apr_lib.h"
#include "apr_strings.h"

#include <openssl/err.h>

const char *cfaop_text_hex(const unsigned char *sha256, char hex[CFAOP_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    apr_size_t i;

    for (i = 0; i < CFAOP_SHA256_LEN; ++i) {
        hex[2 * i] = digits[sha256[i] >> 4];
        hex[2 * i + 1] = digits[sha256[i] & 15];
    }
    hex[CFAOP_SHA256_HEX - 1] = '\0';
    return hex;
}

static int is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\' && byte != '%';
}

const char *cfaop_text_escape(apr_pool_t *p, const char *text, apr_size_t length)
{
    static const char digits[] = "0123456789ABCDEF";
    const unsigned char *from = (const unsigned char *)text;
    char *escaped = apr_palloc(p, 3 * length + 1), *to = escaped;
    apr_size_t i;

    for (i = 0; i < length; ++i) {
        if (is_plain(from[i])) {
            *to++ = (char)from[i];
        }
        else {
            *to++ = '%';
            *to++ = digits[from[i] >> 4];
            *to++ = digits[from[i] & 15];
        }
    }
    *to = '\0';
    return escaped;
}

const char *cfaop_text_name(apr_pool_t *p, const X509_NAME *name, apr_size_t max)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const char *text = "";
    char *data;
    long length;

    if (bio
        && X509_NAME_print_ex(bio, name, 0, XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN | ASN1_STRFLGS_UTF8_CONVERT) >= 0) {
        length = BIO_get_mem_data(bio, &data);
        if (length > 0) {
            text = cfaop_text_escape(p, data, max && (apr_size_t)length > max ? max : (apr_size_t)length);
        }
    }
    BIO_free(bio);
    ERR_clear_error();
    return text;
}

const char *cfaop_text_subject(apr_pool_t *p, const X509_NAME *name)
{
    const char *text = cfaop_text_name(p, name, 0);
    apr_size_t length = strlen(text), max = CFAOP_SUBJECT_SIZE - sizeof("...");

    if (length < CFAOP_SUBJECT_SIZE) {
        return text;
    }
    /* do not cut within %HH */
    max -= text[max - 1] == '%' ? 1 : text[max - 2] == '%' ? 2 : 0;
    return apr_psprintf(p, "%.*s...", (int)max, text);
}

int cfaop_text_is_escaped(const char *text)
{
    for (; *text; ++text) {
        if (!is_plain((unsigned char)*text) && *text != '%') {
            return 0;
        }
    }
    return 1;
}

apr_int64_t cfaop_text_seconds(const ASN1_TIME *t)
{
    struct tm tm;
    apr_time_exp_t parts = {0};
    apr_time_t time = 0;

    if (t && ASN1_TIME_to_tm(t, &tm)) {
        parts.tm_sec = tm.tm_sec;
        parts.tm_min = tm.tm_min;
        parts.tm_hour = tm.tm_hour;
        parts.tm_mday = tm.tm_mday;
        parts.tm_mon = tm.tm_mon;
        parts.tm_year = tm.tm_year;
        /* 0 means that the time cannot be read, so the first second of 1970 is -1, too */
        if (apr_time_exp_gmt_get(&time, &parts) != APR_SUCCESS || time <= 0) {
            return -1;
        }
    }
    return apr_time_sec(time);
}

const char *cfaop_text_date(apr_pool_t *p, apr_int64_t seconds)
{
    apr_time_exp_t parts;

    if (apr_time_exp_gmt(&parts, apr_time_from_sec(seconds)) != APR_SUCCESS) {
        return "-";
    }
    return apr_psprintf(p, "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

int cfaop_text_number(const char *word, int max)
{
    char *end = NULL;
    apr_int64_t number = apr_isdigit(*word) && strlen(word) < 10 ? apr_strtoi64(word, &end, 10) : -1;

    return number < 0 || number > max || *end ? -1 : (int)number;
}
