"""One-line breakages of the module, each with the tests that must notice it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old`, found exactly once in `file`, becomes `new`; one of `tests` (integration test modules) must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _m(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, file, old, new, tests)


MUTANTS = (
    # the verdict
    _m("any policy is as good as the virtual host's", "src/verdict.c",
       "if (evidence->asked == demand->policy) {", "if (evidence->asked) {", "test_sni_host"),
    _m("a known SNI makes no difference", "src/verdict.c",
       "if (evidence->known_sni) {", "if (0) {", "test_sni_host"),
    _m("a failed certificate is as good as none under Optional", "src/verdict.c",
       "return v->reason == CFAOP_REASON_NO_CERTIFICATE", "return v->status == BAD_REQUEST", "test_nginx_table"),
    _m("a policy that cannot be used is passed over", "src/verdict.c",
       "if (!demand->usable || !demand->policy) {", "if (0) {", "test_config_mistakes", "test_restart"),
    # verifying
    _m("the purpose of the certificate is not looked at", "src/chain.c",
       '(as_client && !X509_STORE_CTX_set_default(ctx, "ssl_client"))', "0", "test_nginx_table"),
    _m("the security level is not set", "src/chain.c",
       "X509_VERIFY_PARAM_set_auth_level(param, level > policy->level ? level : policy->level);", "(void)level;",
       "test_nginx_table"),
    _m("the depth is not set", "src/chain.c",
       "X509_VERIFY_PARAM_set_depth(param, as_client ? policy->trust->depth : ANCHOR_CHAIN_MAX);", "", "test_nginx_table"),
    _m("CRLs are not looked at", "src/chain.c",
       "flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;", "", "test_nginx_table"),
    _m("CRLs are looked at for the leaf only", "src/chain.c",
       "flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;", "flags |= X509_V_FLAG_CRL_CHECK;",
       "test_nginx_table"),
    _m("a missing CRL is excused for every certificate", "src/chain.c",
       "if (depth != sk_X509_num(chain) - 1 || ", "if (", "test_nginx_table"),
    _m("a listed leaf is not trusted by itself", "src/chain.c",
       "unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;", "unsigned long flags = 0;", "test_nginx_table"),
    # the handshake
    _m("a bad certificate is stored as good with its session", "src/handshake.c",
       "X509_STORE_CTX_set_error(store_ctx, conn->chain.x509_error);", "X509_STORE_CTX_set_error(store_ctx, X509_V_OK);",
       "test_sessions"),
    _m("mod_ssl's own verification is skipped", "src/handshake.c",
       "return SSL_get_verify_callback(ssl) != marker;", "(void)ssl; return 0;", "test_delegation"),
    _m("mod_ssl's verify mode is not put back", "src/handshake.c",
       "SSL_set_verify(ssl, context->mod_ssl_mode, context->mod_ssl_callback);", "", "test_delegation"),
    _m("the verify result is left bad", "src/handshake.c",
       "SSL_set_verify_result(ssl, X509_V_OK);", "", "test_nginx_table"),
    _m("a later certificate is judged after the freeze", "src/handshake.c",
       "if (!conn || conn->frozen || !context || !context->policy) {", "if (!conn || !context || !context->policy) {",
       "test_delegation", "test_freeze"),
    _m("the CA names are not sent", "src/handshake.c",
       "    SSL_CTX_set_client_CA_list(ctx, list);\n    return 1;", "    return 1;", "test_delegation"),
    # sessions
    _m("a session of any policy is taken up", "src/session.c",
       " && !memcmp(data + AT_POLICY, policy->digest, CFAOP_SHA256_LEN)", "", "test_sessions"),
    _m("a session that was refused is taken up", "src/session.c",
       "conn->judged && conn->chain.reason == CFAOP_REASON_NONE && ", "conn->judged && ", "test_sessions"),
    _m("a session never ends", "src/session.c",
       " && now < get_seconds(data + AT_UNTIL)", "", "test_session_lifetime"),
    _m("a session without a judgement is taken up", "src/session.c",
       "return data && is_good(data, context->policy) && ", "return !data || is_good(data, context->policy) || ", "test_sessions"),
    _m("sessions of ours are taken up where nobody is asked", "src/session.c",
       "return data == NULL;", "return 1;", "test_sessions"),
    _m("no session is ever taken up", "src/session.c",
       "return data && is_good(data, context->policy) && ", "return 0 && data && ", "test_sessions"),
    _m("mod_ssl takes over what only the guard verified", "src/session.c",
       " && (data[AT_MOD_SSL] == 1 || !verifies_too(context))", "", "test_delegation"),
    _m("a directory's SSLVerifyClient is content with the guard's certificate", "src/truth.c",
       "    cfaop_handshake_forbid_quick_renegotiation(r->connection);\n", "", "test_delegation"),
    # requests
    _m("caches answer before the guard", "mod_cfaop.c",
       "    ap_hook_quick_handler(cfaop_request_quick_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);\n",
       "    ap_hook_quick_handler(cfaop_request_quick_handler, NULL, NULL, APR_HOOK_LAST);\n", "test_hook_order"),
    _m("caches are not guarded", "mod_cfaop.c",
       "    ap_hook_quick_handler(cfaop_request_quick_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);\n", "",
       "test_moved_requests"),
    _m("sub-requests are not judged", "mod_cfaop.c",
       "    ap_hook_fixups(cfaop_request_fixups, NULL, NULL, APR_HOOK_REALLY_FIRST);\n", "", "test_moved_requests"),
    _m("other modules read requests before the guard", "mod_cfaop.c",
       "ap_hook_post_read_request(cfaop_request_post_read, mod_http2, NULL, APR_HOOK_REALLY_FIRST);",
       "ap_hook_post_read_request(cfaop_request_post_read, mod_http2, NULL, APR_HOOK_LAST);", "test_bypass", "test_refusal"),
    _m("only first requests are judged", "src/request.c",
       "if (demand->mode == CFAOP_MODE_OFF) {\n        return DECLINED;",
       "if (demand->mode == CFAOP_MODE_OFF || r->prev || r->main) {\n        return DECLINED;", "test_bypass", "test_refusal"),
    _m("the connection stays open after a refusal", "src/refusal.c",
       "r->connection->keepalive = AP_CONN_CLOSE;", "", "test_refusal", "test_sni_host"),
    _m("a local ErrorDocument is run for the refused", "src/refusal.c",
       "return error_document && (*error_document == '\"' || ap_is_url(error_document));", "return error_document != NULL;",
       "test_refusal"),
    # the truth outside
    _m("mod_ssl vouches in variables", "src/truth.c",
       "    ap_hook_ssl_var_lookup(on_var_lookup, NULL, NULL, APR_HOOK_REALLY_FIRST);\n", "", "test_truth"),
    _m("mod_ssl vouches in expressions", "src/truth.c",
       "    ap_hook_expr_lookup(on_expr_lookup, NULL, NULL, APR_HOOK_REALLY_FIRST);\n", "", "test_truth"),
    _m("mod_ssl vouches to CGI programs", "src/truth.c",
       "    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_MIDDLE + 1);\n", "", "test_truth"),
    _m("mod_ssl vouches in the access log", "src/truth.c", '        add(p, "x", log_x, 0);\n', "", "test_truth"),
    _m("a bad certificate names a user", "src/truth.c",
       "r->user = cfaop_request_state(r)->user;", "", "test_truth"),
    _m("a bad certificate logs in by FakeBasicAuth", "src/truth.c",
       'apr_table_unset(r->headers_in, "Authorization");', "", "test_truth"),
    _m("Require ssl-verify-client accepts a bad certificate", "src/truth.c",
       "        r->user = cfaop_request_state(r)->user;\n        cfaop_handshake_hide_result(r->connection);",
       "        r->user = cfaop_request_state(r)->user;", "test_truth"),
    # pins
    _m("pins are not looked at", "src/chain.c",
       "policy->trust->pins->nelts && !cfaop_pin_matches(policy->trust->pins, leaf)", "0", "test_pins"),
    _m("a pin hides what is wrong with the chain", "src/chain.c",
       "result.reason == CFAOP_REASON_NONE && policy->trust->pins->nelts", "policy->trust->pins->nelts", "test_pins"),
    _m("pins are no part of the policy digest", "src/trust_store.c",
       "EVP_DigestUpdate(md, text, strlen(text) + 1)", "text", "test_pins"),
    _m("a pinned name may be of any type", "src/pin.c", "name->type == GEN_DNS && ", "", "test_pins"),
    _m("a name may go on after a pinned one", "src/pin.c",
       "(size_t)ASN1_STRING_length(value) == length", "(size_t)ASN1_STRING_length(value) >= length", "test_pins"),
    # Require
    _m("Require is granted where the guard is Off", "src/authz.c",
       "cfaop_config_of(r->server)->demand.mode == CFAOP_MODE_OFF", "0", "test_require"),
    _m("Require grants what is not refused", "src/authz.c",
       "cfaop_request_verdict(r).reason == CFAOP_REASON_NONE", "cfaop_request_verdict(r).status == 0", "test_require"),
    _m("Require forgives arguments", "src/authz.c", "if (!line || !*line) {", "if (1) {", "test_require"),
    # exemptions
    _m("an encoded path is exempt", "src/exemption.c", "c == '-' ||", "c == '-' || c == '%' ||", "test_exempt_paths"),
    _m("the path as sent makes no difference", "src/exemption.c",
       "return cfaop_exemption_has_path(exemptions, r->unparsed_uri)\n", "return 1\n", "test_exempt_paths"),
    _m("a rewritten path stays exempt", "src/exemption.c",
       "is_path_exempt(exemptions, r->uri, strlen(r->uri));", "1;", "test_exemptions"),
    _m("a prefix ends within a segment", "src/exemption.c",
       "&& (length == prefix_length || path[prefix_length] == '/')", "", "test_exemptions"),
    _m("headers exempt by address", "src/exemption.c", "r->connection->client_addr", "r->useragent_addr",
       "test_exempt_addresses"),
    _m("parts inherit the exemption's variable", "src/request.c",
       "apr_table_unset(r->subprocess_env, EXEMPT);", ";", "test_exemptions"),
    # configuration
    _m("virtual hosts without directives share the main server's configuration", "mod_cfaop.c",
       "AP_MODULE_FLAG_ALWAYS_MERGE,", "AP_MODULE_FLAG_NONE,", "test_config_reload"),
    _m("a broken block of a PEM file is passed over", "src/pem_file.c",
       "if (blocks != count_of(text, \"-BEGIN \") || blocks != count_of(text, \"-END \")) {", "if (0) {",
       "test_config_mistakes"),
    _m("a virtual host's list adds to the inherited one", "src/config.c",
       "conf->depth = add->depth != DEPTH_UNSET ? add->depth : base->depth;", "conf->depth = base->depth;",
       "test_directives"),
    _m("the Origin CA is trusted", "src/trust_anchor.c", "if (is_origin_ca(p, cert)) {", "if (0) {", "test_config_mistakes"),
    # logs
    _m("bytes of the client reach the log as they are", "src/text.c", "if (is_plain(from[i])) {", "if (1) {", "test_logs"),
    _m("names of the client reach the access log as they are", "src/truth.c",
       "ap_escape_logitem(r->pool, value)", "value", "test_truth", "test_known_bugs"),
    _m("warnings are not held back", "src/event_log.c", "if (!limiters) {", "if (1) {", "test_logs"),
)
