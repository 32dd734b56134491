/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file directives.h
 * The setters of the directives. They open no files: a setter's error would end a running server at a restart.
 */
#ifndef CFAOP_CONFIG_DIRECTIVES_H
#define CFAOP_CONFIG_DIRECTIVES_H

#include "httpd.h"
#include "apr_pools.h"
#include "http_config.h"

/** A setter: takes the words of its line, returns NULL or a mistake, which ends httpd. Configuration phase. */
typedef const char *(*cfaop_setter)(cmd_parms *cmd, void *dummy, int count, char *const words[]);

/** A directive: the info of its line in the table of directives. */
typedef struct {
    cfaop_setter set;
    void (*needs)(apr_pool_t *p); /**< registers the hooks that only this directive needs; NULL: none */
    int is_for_guard;             /**< it says what is let in: without a CFOriginPull it means nothing */
} cfaop_directive;

/**
 * The function of each line in the table of directives (RAW_ARGS, its info a cfaop_directive): splits the words and
 * calls the setter. httpd's own splitting would silently drop the words after the 64th, and its error about a wrong
 * number of words would end a running server. Configuration phase.
 */
const char *cfaop_directives_split(cmd_parms *cmd, void *dummy, const char *args);

/** The words of CFOriginPull, for messages and the table of directives. */
#define CFAOP_ALLOWED_MODES "On, Optional, LogOnly or Off"

/* The setters, one for each directive, in the order of the table. */
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
const char *cfaop_directives_tickets(cmd_parms *cmd, void *dummy, int count, char *const words[]);

#endif
