/*
 * A module of mod_rpaf's kind: it takes the address in a header for the client's, and writes it into the connection,
 * in place. Streams of HTTP/2 and later requests share what it writes to. Where the test writes so for AT_ONCE, it
 * writes 192.0.2.9 as the connection is made. The test writes for NAME and ORDER what it wants.
 */
#include "httpd.h"
#include "http_config.h"
#include "http_connection.h"
#include "http_protocol.h"
#include "apr_strings.h"

static void overwrite(apr_sockaddr_t *target, const char *address, apr_pool_t *p)
{
    apr_sockaddr_t *other;

    if (apr_sockaddr_info_get(&other, address, APR_UNSPEC, target->port, 0, p) == APR_SUCCESS) {
        memcpy(target, other, sizeof(*other));
    }
}

static void overwrite_connection(conn_rec *c, const char *address)
{
    overwrite(c->client_addr, address, c->pool);
    c->client_ip = apr_pstrdup(c->pool, address);
}

static int on_post_read(request_rec *r)
{
    const char *address = apr_table_get(r->headers_in, "X-Forwarded-For");

    if (address) {
        conn_rec *master = r->connection->master ? r->connection->master : r->connection;
        overwrite(r->useragent_addr, address, master->pool);
        overwrite_connection(master, address);
        overwrite_connection(r->connection, address);
        r->useragent_ip = r->connection->client_ip;
    }
    return DECLINED;
}

static int on_connection(conn_rec *c, void *socket)
{
    (void)socket;
    if (AT_ONCE) {
        overwrite_connection(c, "192.0.2.9");
    }
    return DECLINED;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_connection(on_connection, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_post_read_request(on_post_read, NULL, NULL, ORDER);
}

AP_DECLARE_MODULE(NAME) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
