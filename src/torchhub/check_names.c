/* SPDX-License-Identifier: MIT */
/*
 * check_names.c - names that mean something else to others: dependencies, which torch looks for
 * with importlib, not with pip; and modules of the repository, which all users' repositories and
 * programs share one table of loaded modules with.
 */
#include "check_priv.h"

#include <dirent.h>
#include <string.h>

#include "../base/path.h"
#include "../base/str.h"

/* ---- dependencies ---- */

/* Where the name on PyPI and the name to import differ. */
static const struct renamed {
    const char *pypi, *import;
} renamed[] = {
    {"attrs", "attr"},
    {"beautifulsoup4", "bs4"},
    {"dora-search", "dora"},
    {"faiss-cpu", "faiss"},
    {"faiss-gpu", "faiss"},
    {"gitpython", "git"},
    {"hydra-core", "hydra"},
    {"msgpack-python", "msgpack"},
    {"opencv-contrib-python", "cv2"},
    {"opencv-python", "cv2"},
    {"opencv-python-headless", "cv2"},
    {"opt-einsum", "opt_einsum"},
    {"pillow", "PIL"},
    {"pillow-simd", "PIL"},
    {"protobuf", "google.protobuf"},
    {"pycocotools-windows", "pycocotools"},
    {"pyyaml", "yaml"},
    {"python-dateutil", "dateutil"},
    {"pytorch", "torch"},
    {"pytorch-lightning", "pytorch_lightning"},
    {"python-levenshtein", "Levenshtein"},
    {"scikit-image", "skimage"},
    {"scikit-learn", "sklearn"},
    {"sklearn-pandas", "sklearn_pandas"},
    {"tensorboard-x", "tensorboardX"},
};

static ptm_rc check_dependency(struct ptmi_check *check, const char *name, int line,
                               struct ptm_err *err)
{
    const struct ptm_torchhub_advice *where =
        PTMI_ADVICE(ERROR, "dependency-name", PTMI_HUBCONF, line);
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
        if (ptmi_str_eq_nocase(name, renamed[i].pypi))
            return ptmi_advise(check, where, err,
                               "\"%s\" is a name on PyPI; torch.hub looks for the name that is "
                               "imported: write \"%s\"",
                               name, renamed[i].import);
    if (strpbrk(name, "<>=!~;[ @"))
        return ptmi_advise(
            check, where, err,
            "\"%.80s\" is a requirement, not a name: torch.hub finds no such module; "
            "leave out versions and extras",
            name);
    if (strchr(name, '-'))
        return ptmi_advise(
            check, where, err,
            "\"%s\" cannot be imported (names of modules have no \"-\"), so torch.hub "
            "says that it is missing; write the name that is imported",
            name);
    return PTM_OK;
}

/* Line of `dependencies = ..`; 0: there is none. */
static int line_of_dependencies(struct ptmi_check *check)
{
    const struct ptmi_py_lang *lang = &check->lang;
    const struct ptmi_py_source *file = &check->files[0];
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(lang, file->root);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        TSNode inner = ptmi_py_first(lang, kid);
        TSNode left = ptmi_py_kind_of(lang, inner) == PY_ASSIGNMENT
                          ? ptmi_py_field_of(lang, inner, PYF_LEFT)
                          : (TSNode){0};
        if (ts_node_is_null(left)) continue;
        if (ptmi_py_span_is(ptmi_py_span_of(file, left), "dependencies")) return ptmi_py_line(kid);
    }
    return 0;
}

ptm_rc ptmi_check_dependencies(struct ptmi_check *check, struct ptm_err *err)
{
    if (check->n_files == 0) return PTM_OK;
    int line = line_of_dependencies(check);
    size_t i = 0;
    for (const char *name; (name = ptm_hubconf_dependency(check->hubconf, i, NULL)); i++)
        PTM_TRY(check_dependency(check, name, line, err));
    if (i > 0 || line > 0) return PTM_OK;
    return ptmi_advise(check, PTMI_ADVICE(WARNING, "no-dependencies", PTMI_HUBCONF, 0), err,
                       "there is no list of dependencies, so users meet ModuleNotFoundError one by "
                       "one; write dependencies = [\"torch\", ..]");
}

/* ---- modules ---- */

/* Of Python 3.11, those that someone might name a file of a repository after. */
static const char standard[] =
    "abc aifc argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb "
    "binascii bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs "
    "codeop collections colorsys compileall concurrent configparser contextlib contextvars "
    "copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis "
    "distutils doctest email encodings ensurepip enum errno faulthandler fcntl filecmp "
    "fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext "
    "glob graphlib grp gzip hashlib heapq hmac html http imaplib imghdr imp importlib "
    "inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma "
    "mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing "
    "netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev "
    "pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath "
    "pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri "
    "random re readline reprlib resource rlcompleter runpy sched secrets select selectors "
    "shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 "
    "sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct "
    "subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile "
    "termios textwrap threading time timeit tkinter token tokenize tomllib trace traceback "
    "tracemalloc tty turtle types typing unicodedata unittest urllib uu uuid venv warnings "
    "wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile "
    "zipimport zlib zoneinfo";
/* What half of all repositories call theirs. */
static const char common[] =
    "backbone backbones base cfg common config configs core criterion data dataset datasets engine "
    "eval evaluate evaluation helpers inference layers lib lib2 loss losses main misc model "
    "model_utils modeling models module modules nets network networks nn ops opt options predict "
    "preprocess resnet scripts settings solver src test tests tool tools train trainer training "
    "transforms util utils vit";

static bool is_among(const char *list, const char *name, size_t len)
{
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (n == len && memcmp(at, name, n) == 0) return true;
        at += n;
    }
    return false;
}

/* Does importing hubconf.py load name.py, or a file of the folder name? */
static const char *imported_file(const struct ptmi_check *check, const char *name, size_t len)
{
    for (size_t i = 1; i < check->n_files; i++) {
        const char *path = check->files[i].path;
        if (strncmp(path, name, len) == 0 && (path[len] == '/' || strcmp(path + len, ".py") == 0))
            return path;
    }
    return NULL;
}

static ptm_rc check_module(struct ptmi_check *check, const char *entry, size_t len,
                           struct ptm_err *err)
{
    if (is_among(standard, entry, len))
        return ptmi_advise(check, PTMI_ADVICE(WARNING, "name-collision", entry, 0), err,
                           "while the repository is loaded, %s stands before Python's own module "
                           "\"%.*s\"; rename it, or move it into a package",
                           entry, (int)len, entry);
    if (!is_among(common, entry, len) || !imported_file(check, entry, len)) return PTM_OK;
    return ptmi_advise(
        check, PTMI_ADVICE(WARNING, "name-collision", entry, 0), err,
        "many repositories have a module \"%.*s\", and one program can hold only one "
        "of them: users cannot load yours beside another; put all modules into one "
        "package named after the repository",
        (int)len, entry);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, PTMI_HUBCONF) != 0;
}

/* Bytes of the module's name that an entry of the repository's folder stands for; 0: none. */
static size_t module_length(const struct ptmi_check *check, const char *entry)
{
    size_t len = strlen(entry);
    if (ptmi_str_ends(entry, ".py")) return len - 3;
    PTM_AUTO(ptmi_freep)
    char *init = ptmi_str_printf("%s/%s/__init__.py", check->dir, entry);
    return (init && ptmi_fs_exists(init)) || imported_file(check, entry, len) ? len : 0;
}

ptm_rc ptmi_check_modules(struct ptmi_check *check, struct ptm_err *err)
{
    struct dirent **entries = NULL;
    ptm_rc rc = PTM_OK;
    int n = scandir(check->dir, &entries, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
        size_t len = rc == PTM_OK ? module_length(check, entries[i]->d_name) : 0;
        if (len > 0) rc = check_module(check, entries[i]->d_name, len, err);
        free(entries[i]);
    }
    free(entries);
    return rc;
}
