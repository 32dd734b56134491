/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file slots.c
 * The slots of OpenSSL's ex_data that tie what the module keeps for an SSL_CTX and for an SSL to them.
 */
#include "tls/slots.h"

#include "base/peer.h"
#include "tls/connection.h"

#include "http_core.h"

#define RETAINED_SLOTS "mod_cfaop ex_data slots 1"

/* The indices of the slots; kept with the process, since OpenSSL never takes one back. */
typedef struct {
    int ssl;
    int ctx;
} slots;

static slots slot = {-1, -1};

int cfaop_slots_are_there(void)
{
    return slot.ssl >= 0 && slot.ctx >= 0;
}

int cfaop_slots_were_used(void)
{
    return ap_retained_data_get(RETAINED_SLOTS) != NULL;
}

int cfaop_slots_enable(void)
{
    slots *kept = ap_retained_data_get(RETAINED_SLOTS);

    if (!kept) {
        kept = ap_retained_data_create(RETAINED_SLOTS, sizeof(*kept));
        /* no free functions: they would point into a module that restarts unload */
        kept->ssl = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
        kept->ctx = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    }
    slot = *kept;
    return cfaop_slots_are_there();
}

void cfaop_slots_disable(void)
{
    slot.ssl = slot.ctx = -1;
}

cfaop_tls_context *cfaop_slots_context(const SSL_CTX *ctx)
{
    return ctx ? SSL_CTX_get_ex_data(ctx, slot.ctx) : NULL;
}

cfaop_conn *cfaop_slots_conn(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, slot.ssl);
}

int cfaop_slots_set_context(SSL_CTX *ctx, cfaop_tls_context *context)
{
    return SSL_CTX_set_ex_data(ctx, slot.ctx, context);
}

void cfaop_slots_set_conn(SSL *ssl, cfaop_conn *conn)
{
    SSL_set_ex_data(ssl, slot.ssl, conn);
}
