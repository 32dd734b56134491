"""Small httpd modules of third parties, compiled by a test."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.installation import apxs

_SOURCE = """
#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"
#include "http_request.h"

/* Ends the connection, too: trunk's httpd sends nothing where a module answers this early and the connection stays. */
static int answer(request_rec *r)
{{
    if (!r->uri || strcmp(r->uri, "/of-{name}")) {{
        return DECLINED;
    }}
    r->connection->keepalive = AP_CONN_CLOSE;
    return HTTP_GONE;
}}

static int on_request(request_rec *r)
{{
    return answer(r);
}}

static int on_quick(request_rec *r, int lookup)
{{
    (void)lookup;
    return answer(r);
}}

static void hooks(apr_pool_t *p)
{{
    static const char *const guard[] = {{"mod_cfaop.c", NULL}};

    (void)p;
    (void)guard;
    (void)on_request;
    (void)on_quick;
    {hooks}
}}

static int on_pre_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp)
{{
    (void)plog;
    (void)ptemp;
    hooks(p);
    return OK;
}}

static const char *on_directive(cmd_parms *cmd, void *dummy)
{{
    (void)dummy;
    hooks(cmd->pool);
    return NULL;
}}

static const command_rec directives[] = {{
    AP_INIT_NO_ARGS("RegisterHooks", on_directive, NULL, RSRC_CONF | EXEC_ON_READ, "registers the hooks"),
    {{NULL}}
}};

static void register_hooks(apr_pool_t *p)
{{
    if ("{when}"[0] == 'p') {{
        ap_hook_pre_config(on_pre_config, NULL, NULL, APR_HOOK_REALLY_FIRST);
    }}
    else if ("{when}"[0] != 'd') {{
        hooks(p);
    }}
}}

AP_DECLARE_MODULE({name}) = {{STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, directives, register_hooks}};
"""


def build_module(directory: Path, name: str, hooks: str, *, when: str = "load") -> Path:
    """
    A module that registers these hooks when it is loaded, or late: in pre_config, or by its directive RegisterHooks, which httpd
    runs as it reads it. mod_<name>.c answers /of-<name> with 410 in them.
    """
    return compile_module(directory, name, _SOURCE.format(name=name, hooks=hooks, when=when))


def compile_module(directory: Path, name: str, text: str) -> Path:
    """The module mod_<name>.so from the text of its source."""
    source, module = directory / f"mod_{name}.c", directory / f"mod_{name}.so"
    source.write_text(text)
    # as apxs would, but for libtool, which takes seconds
    includes = [f"-I{apxs(kind)}" for kind in ("INCLUDEDIR", "APR_INCLUDEDIR")]
    words = ["gcc", "-shared", "-fPIC", *apxs("EXTRA_CPPFLAGS").split(), *includes, source.name, "-o", module.name]
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return module


def build_from(directory: Path, source: str, name: str, **words: str) -> Path:
    """The module mod_<name>.so from a source in support/, where NAME and the other words stand for what the test wants."""
    text = (Path(__file__).parent / source).read_text()
    for word, value in {"NAME": name, **words}.items():
        text = re.sub(rf"\b{word}\b", value, text)
    return compile_module(directory, name, text)
