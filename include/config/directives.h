/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file directives.h
 * The setters of the directives. They only look at words, they open no files: a setter's error ends httpd, and it runs on every restart.
 */
#ifndef CFAOP_CONFIG_DIRECTIVES_H
#define CFAOP_CONFIG_DIRECTIVES_H

#include "httpd.h"
#include "apr_pools.h"
#include "http_config.h"

/** A setter is given the words of its line. It returns NULL, or a mistake that ends httpd. Configuration phase. */
typedef const char *(*cfaop_setter)(cmd_parms *cmd, void *dummy, int count, char *const words[]);

/** What the table of directives says of one, for cfaop_directives_split(). */
typedef struct {
    cfaop_setter set;
    void (*needs)(apr_pool_t *p); /**< registers the hooks that only this directive needs; NULL: none */
} cfaop_directive;

/**
 * The function of each RAW_ARGS line, whose info is a cfaop_directive: splits the words and calls the setter. httpd's own splitting would leave
 * out the words after the 64th in silence, and its complaint about a wrong number of them would end a running server.
 */
const char *cfaop_directives_split(cmd_parms *cmd, void *dummy, const char *args);

/** The words of CFOriginPull, for the help of the table. */
#define CFAOP_ALLOWED_MODES "On, Optional, LogOnly or Off"

/** The setters, one for each directive. */
const char *cfaop_directives_mode(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_ca_files(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_crl_files(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_depth(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_pins(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_exemptions(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_remote_ip(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_refuse(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_expiry_days(cmd_parms *cmd, void *dummy, int count, char *const words[]);
const char *cfaop_directives_peer_limit(cmd_parms *cmd, void *dummy, int count, char *const words[]);

#endif
