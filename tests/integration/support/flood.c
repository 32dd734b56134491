/*
 * A client that shows another certificate in each of its connections, all issued by one CA for one key, and asks for
 * one page.
 *
 *   flood PORT NAME 1.2|1.3 FIRST COUNT CA-CERTIFICATE CA-KEY
 *
 * FIRST is the serial number of the first certificate. Succeeds if every answer is 200.
 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "flood: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "r");

    if (!file) {
        die(path);
    }
    return file;
}

static X509 *new_certificate(long serial, EVP_PKEY *key, const X509 *ca, EVP_PKEY *ca_key)
{
    X509 *cert = X509_new();
    X509_NAME *subject = X509_NAME_new();
    char name[32];

    snprintf(name, sizeof(name), "edge %ld", serial);
    if (!cert || !subject || !X509_set_version(cert, 2) || !ASN1_INTEGER_set(X509_get_serialNumber(cert), serial)
        || !X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (unsigned char *)name, -1, -1, 0)
        || !X509_set_subject_name(cert, subject) || !X509_set_issuer_name(cert, X509_get_subject_name(ca))
        || !X509_gmtime_adj(X509_getm_notBefore(cert), -3600) || !X509_gmtime_adj(X509_getm_notAfter(cert), 86400)
        || !X509_set_pubkey(cert, key) || !X509_sign(cert, ca_key, EVP_sha256())) {
        die("a certificate");
    }
    X509_NAME_free(subject);
    return cert;
}

static int new_socket(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        die("no connection");
    }
    return fd;
}

static void visit(SSL_CTX *ctx, int port, const char *name, X509 *cert, EVP_PKEY *key)
{
    SSL *ssl = SSL_new(ctx);
    int fd = new_socket(port);
    char text[512];

    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name);
    if (!ssl || !SSL_set_fd(ssl, fd) || !SSL_set_tlsext_host_name(ssl, name) || SSL_use_certificate(ssl, cert) != 1
        || SSL_use_PrivateKey(ssl, key) != 1 || SSL_connect(ssl) != 1 || SSL_write(ssl, text, (int)strlen(text)) <= 0
        || SSL_read(ssl, text, sizeof(text)) < 12) {
        die("a visit");
    }
    if (memcmp(text, "HTTP/1.1 200", 12)) {
        die("an answer other than 200");
    }
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

/* With OpenSSL 1.1.1, too. */
static EVP_PKEY *new_key(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    EVP_PKEY *key = NULL;

    if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) != 1
        || EVP_PKEY_keygen(ctx, &key) != 1) {
        die("making a key");
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

int main(int argc, char **argv)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    EVP_PKEY *key = new_key(), *ca_key;
    X509 *ca;
    long serial, last;
    int version;

    if (argc != 8) {
        die("usage: flood PORT NAME 1.2|1.3 FIRST COUNT CA-CERTIFICATE CA-KEY");
    }
    signal(SIGPIPE, SIG_IGN);
    version = strcmp(argv[3], "1.2") ? TLS1_3_VERSION : TLS1_2_VERSION;
    ca = PEM_read_X509(open_file(argv[6]), NULL, NULL, NULL);
    ca_key = PEM_read_PrivateKey(open_file(argv[7]), NULL, NULL, NULL);
    if (!ctx || !key || !ca || !ca_key || !SSL_CTX_set_min_proto_version(ctx, version)
        || !SSL_CTX_set_max_proto_version(ctx, version)) {
        die("preparing");
    }
    last = atol(argv[4]) + atol(argv[5]) - 1;
    for (serial = atol(argv[4]); serial <= last; ++serial) {
        X509 *cert = new_certificate(serial, key, ca, ca_key);
        visit(ctx, atoi(argv[1]), argv[2], cert, key);
        X509_free(cert);
    }
    return 0;
}
