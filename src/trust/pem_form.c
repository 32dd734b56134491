/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file pem_form.c
 * Files with certificates in a form that OpenSSL does not read as PEM: what the form is, and a command that mends it.
 * The commands have no backslash, since httpd doubles it in its log.
 */
#include "trust/pem_form.h"

#include "apr_lib.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <string.h>

#define BEGIN  "-----BEGIN "
#define END    "-----END "
#define DASHES "-----"

/* Takes the BEGIN and END lines and the base64 out of other text, each piece on a line of its own. */
#define SORT_OUT "grep -oE -e '-----(BEGIN|END) [A-Z0-9 ]+-----' -e '[A-Za-z0-9+/=]+'"

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* ---- files without any PEM ---- */

static const char *utf16_of(const unsigned char *text, apr_size_t length)
{
    if (length >= 2 && ((text[0] == 0xFF && text[1] == 0xFE) || (text[0] == 0xFE && text[1] == 0xFF))) {
        return "is UTF-16 text, as Windows tools write it: convert it by iconv -f UTF-16 -t UTF-8 FILE > NEW";
    }
    if (length >= 4 && text[0] == '-' && !text[1] && text[2] == '-' && !text[3]) {
        return "is UTF-16 text, as Windows tools write it: convert it by iconv -f UTF-16LE -t UTF-8 FILE > NEW";
    }
    if (length >= 4 && !text[0] && text[1] == '-' && !text[2] && text[3] == '-') {
        return "is UTF-16 text: convert it by iconv -f UTF-16BE -t UTF-8 FILE > NEW";
    }
    return NULL;
}

/* Makes is_der_TYPE(): does OpenSSL's d2i_TYPE() read the text? */
#define IS_DER(type, text, length) \
    static int is_der_##type(const unsigned char *text, long length) \
    { \
        type *object = d2i_##type(NULL, &text, length); \
\
        type##_free(object); \
        return object != NULL; \
    }
IS_DER(X509, text, length)
IS_DER(X509_CRL, text, length)
IS_DER(PKCS7, text, length)
IS_DER(PKCS12, text, length)

static const char *der_of(const unsigned char *text, long length)
{
    if (is_der_X509(text, length)) {
        return "is DER, not PEM: convert it by openssl x509 -inform DER -in FILE -out NEW";
    }
    if (is_der_X509_CRL(text, length)) {
        return "is DER, not PEM: convert it by openssl crl -inform DER -in FILE -out NEW";
    }
    if (is_der_PKCS12(text, length)) {
        return "is PKCS#12 (.pfx, .p12), not PEM: take the certificates out by openssl pkcs12 -in FILE -nokeys -out "
               "NEW, and keep those to be "
               "trusted";
    }
    if (is_der_PKCS7(text, length)) {
        return "is PKCS#7 (.p7b), not PEM: take the certificates out by openssl pkcs7 -inform DER -in FILE "
               "-print_certs -out NEW";
    }
    return "is binary, and neither a certificate nor a CRL: name a PEM file";
}

const char *cfaop_pem_form_of_binary(const char *text, apr_size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const char *form = utf16_of(bytes, length);

    if (!form && length >= 2 && bytes[0] == 0x30 && (bytes[1] & 0x80)) {
        form = der_of(bytes, (long)length);
        ERR_clear_error();
    }
    return form ? form : "holds no PEM block (-----BEGIN ...): name a PEM file";
}

/* ---- PEM with something amiss around its lines ---- */

/* Does the line have characters before a BEGIN or END that are neither words nor a comment? */
static int has_prefix(const char *line, const char *end)
{
    const char *c;

    for (c = line; c < end && !apr_isalnum(*c) && *c != '#' && *c != '-'; ++c) {
        ;
    }
    return c > line && (!strncmp(c, BEGIN, strlen(BEGIN)) || !strncmp(c, END, strlen(END)));
}

/* Does the line go on after a whole BEGIN marker: with base64, or a carriage return without newline? */
static int has_suffix(const char *line)
{
    const char *c = line + strlen(BEGIN);

    if (strncmp(line, BEGIN, strlen(BEGIN)) != 0) {
        return 0;
    }
    while (apr_isalnum(*c) || *c == ' ') {
        ++c;
    }
    if (strncmp(c, DASHES, strlen(DASHES)) != 0) {
        return 0;
    }
    for (c += strlen(DASHES); is_blank(*c); ++c) {
        ;
    }
    return *c && *c != '\n' && *c != '-' && !(c[0] == '\r' && c[1] == '\n');
}

/* Returns the form that the line shows, or NULL. *in_block: the line is within a block; updated for the next line. */
static const char *form_of_line(const char *line, const char *end, int *in_block)
{
    if (has_prefix(line, end)) {
        return is_blank(*line) ? "has an indented BEGIN or END line: mend it by " SORT_OUT " FILE > NEW"
                               : "has other characters before a BEGIN or END line: mend it by " SORT_OUT " FILE > NEW";
    }
    if (has_suffix(line)) {
        return "has a BEGIN line that does not end with it: mend it by " SORT_OUT " FILE > NEW";
    }
    if (*in_block && (end == line || (end == line + 1 && *line == '\r'))) {
        return "has an empty line in a block: mend it by " SORT_OUT " FILE > NEW";
    }
    if (!strncmp(line, DASHES, strlen(DASHES))) {
        *in_block = !strncmp(line, BEGIN, strlen(BEGIN));
    }
    return NULL;
}

const char *cfaop_pem_form_of_damage(const char *text)
{
    const char *line, *end, *form = NULL;
    int in_block = 0;

    if (strstr(text, "-----\\n") || strstr(text, "-----\\r")) {
        return "has the letters \\n of a JSON string for its line ends: mend it by printf %b \"$(cat FILE)\" | "
               "tr -cd '[:alnum:][:space:]+/=-' | " SORT_OUT " > NEW";
    }
    if (strstr(text, DASHES BEGIN)) {
        return "has two blocks that are glued together in one line: mend it by " SORT_OUT " FILE > NEW";
    }
    for (line = text; *line && !form; line = *end ? end + 1 : end) {
        end = strchr(line, '\n');
        end = end ? end : line + strlen(line);
        form = form_of_line(line, end, &in_block);
    }
    return form;
}
