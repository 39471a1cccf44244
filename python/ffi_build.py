# SPDX-License-Identifier: MIT
"""Writes the C source of ptmtorrent._ptm: what the public headers declare, for cffi.

    ffi_build.py OUTPUT CC HEADER...      headers in the order in which they include one another

The headers stay the only declaration of the interface: they go through the compiler's preprocessor, without those of the system, whose
types (size_t, int64_t, bool) cffi knows itself.
"""
import pathlib
import re
import subprocess
import sys

import cffi

# What C calls back into. The functions are in _core.py.
CALLBACKS = """
extern "Python" void ptm_py_skipped(void *arg, const char *tensor, const char *why);
extern "Python" void ptm_py_progress(void *arg, int64_t done, int64_t total);
extern "Python" ptm_rc ptm_py_ask(void *arg, const char *question, bool *out_yes, struct ptm_err *err);
extern "Python" void ptm_py_log(void *arg, ptm_log_level level, const char *module, const char *line);
"""


def declarations(compiler, headers):
    text = "\n".join(pathlib.Path(header).read_text(encoding="utf-8") for header in headers)
    text = re.sub(r"^[ \t]*#[ \t]*(include|pragma).*$", "", text, flags=re.M)
    # -undef: without __GNUC__ the headers leave out attributes, which cffi does not know.
    done = subprocess.run([compiler, "-E", "-P", "-undef", "-x", "c", "-"], input=text, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def main():
    output, compiler, *headers = sys.argv[1:]
    ffi = cffi.FFI()
    ffi.cdef(declarations(compiler, headers))
    ffi.cdef(CALLBACKS)
    names = "\n".join(f"#include <ptm/{pathlib.Path(header).name}>" for header in headers)
    ffi.set_source("ptmtorrent._ptm", names)
    ffi.emit_c_code(output)


main()
