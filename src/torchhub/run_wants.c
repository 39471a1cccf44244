/* SPDX-License-Identifier: MIT */
/*
 * run_wants.c - code in the sandbox has no network: what torch.hub and urllib would download it
 * asks us for, one JSON object a line:
 *
 *     {"id": "32 hex digits", "want": URL, "name": file in the cache or null, "hash": prefix or
 * null}
 *     {"id": "32 hex digits", "repo": "owner/name:ref"}
 *
 * The answer is the file ID.json in a folder that it can only read: {"path": ..}, {} for the bytes
 * in ID.body, or {"error": ..}. So nothing has to be known before the run of what an entry point
 * reaches: it gets what it asks for, and the user reads what that was.
 *
 * Who asks may be hostile. It sees no secrets that it could put into a URL; its requests carry no
 * credentials, do not go to addresses of the user's own network, are counted and told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"
#include "run_job.h"

/* A URL in JSON with its other members. */
#define LINE_MAX_BYTES (PTM_LIMIT_URL * 2)
#define ID_DIGITS 32
/* What downloads for code in the sandbox leave free on the disk. */
#define KEEP_FREE ((int64_t)1 << 30)

struct ptmi_wants {
    ptm_torchhub *hub;   /* the caller's: repositories, which are trusted by name */
    ptm_torchhub *plain; /* the same without credentials: URLs */
    const struct ptm_torchhub_load_opts *opts;
    char *dir;
    struct ptmi_buf line;
    size_t asked;
    struct ptmi_arena arena;
    struct ptmi_arena_list urls; /* fetched */
};

static ptm_rc open_plain(ptm_torchhub *hub, const struct ptm_torchhub_load_opts *load,
                         ptm_torchhub **out, struct ptm_err *err)
{
    struct ptm_net_opts net = hub->net_opts;
    net.hf_token = net.github_token = NULL;
    net.no_netrc = true;
    net.public_only = !load->no_sandbox;
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    opts.dir = ptm_torchhub_get_dir(hub);
    opts.net = &net;
    opts.host = hub->host;
    PTM_TRY(ptm_torchhub_open(hub->ctx, &opts, out, err));
    (*out)->keep_free = load->no_sandbox ? 0 : KEEP_FREE;
    return PTM_OK;
}

ptm_rc ptmi_wants_new(ptm_torchhub *hub, const struct ptm_torchhub_load_opts *opts, const char *dir,
                      struct ptmi_wants **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_wants_freep) struct ptmi_wants *wants = calloc(1, sizeof *wants);
    if (!wants) return ptm_err_set(err, PTM_ENOMEM, "downloads of an entry point");
    wants->hub = hub;
    wants->opts = opts;
    wants->line = (struct ptmi_buf)PTMI_BUF(LINE_MAX_BYTES);
    wants->arena = (struct ptmi_arena)PTMI_ARENA((size_t)4 << 20);
    wants->dir = strdup(dir);
    if (!wants->dir) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    PTM_TRY(open_plain(hub, opts, &wants->plain, err));
    *out = ptm_steal(&wants);
    return PTM_OK;
}

void ptmi_wants_free(struct ptmi_wants *wants)
{
    if (!wants) return;
    ptm_torchhub_close(wants->plain);
    ptmi_buf_clear(&wants->line);
    ptmi_arena_clear(&wants->arena);
    free(wants->dir);
    free(wants);
}

const char *ptmi_wants_url(const struct ptmi_wants *wants, size_t i)
{
    return wants && i < wants->urls.n ? wants->urls.items[i] : NULL;
}

/* --- what may be fetched --- */

const char *ptmi_wants_refuse(const char *url)
{
    PTM_AUTO(ptmi_url_clear) struct ptmi_url parts = {0};
    if (!ptmi_str_starts_nocase(url, "http://") && !ptmi_str_starts_nocase(url, "https://"))
        return "only http and https are fetched";
    if (ptmi_url_parse(url, &parts, NULL) < 0) return "not a URL";
    if (ptmi_url_is_inside(&parts))
        return "code in the sandbox may not reach addresses of your own network";
    return NULL;
}

/* --- answers --- */

static ptm_rc put_answer(const struct ptmi_wants *wants, const char *id, const char *member,
                         const char *value, struct ptm_err *err)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf text = PTMI_BUF(PTM_LIMIT_TEXT);
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s/%s.json", wants->dir, id);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "answer");
    PTM_TRY(ptmi_buf_putc(&text, '{', err));
    if (member) {
        PTM_TRY(ptmi_buf_printf(&text, err, "\"%s\":", member));
        PTM_TRY(ptmi_buf_json_str(&text, value, err));
    }
    PTM_TRY(ptmi_buf_puts(&text, "}\n", err));
    return ptmi_fs_write_whole(path, text.data, text.len, NULL, err);
}

/* The cache is everybody's: what code in the sandbox puts there must be what its name promises, or
 * it would be taken for other weights, and be no half of a download that another goes on with. */
static ptm_rc check_name(const char *name, struct ptm_err *err)
{
    if (ptmi_download_stem(name) == 0) return PTM_OK;
    return ptm_err_set(err, PTM_EUNSAFE, "%s: names of unfinished downloads end so", name);
}

/* The hash to ask for: the longer one of two that agree, else the name's. */
static const char *choose_hash(const struct ptmi_wants *wants, const char *name, const char *hash,
                               char promised[65])
{
    if (wants->opts->no_sandbox || !ptm_torchhub_hash_prefix(name, promised)) return hash;
    return hash && ptmi_str_starts(hash, promised) ? hash : promised;
}

/* Into the cache, under a name of the driver's. */
static ptm_rc fetch_weights(struct ptmi_wants *wants, const char *url, const char *name,
                            const char *hash, char **out, struct ptm_err *err)
{
    char promised[65] = "";
    PTM_AUTO(ptmi_freep) char *dir = ptmi_checkpoints_dir(wants->plain);
    PTM_AUTO(ptmi_freep) char *path = NULL;
    struct ptm_torchhub_download_opts opts = PTM_TORCHHUB_DOWNLOAD_OPTS_INIT;
    opts.hash_prefix = choose_hash(wants, name, hash, promised);
    opts.replace = wants->opts->fetch->fresh_weights && wants->opts->fetch->force_reload;
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "checkpoints");
    PTM_TRY(ptmi_path_check_name(name, err));
    PTM_TRY(check_name(name, err));
    PTM_TRY(ptmi_path_under(dir, name, &path, err));
    PTM_TRY(ptmi_fs_mkdirs(dir, err));
    ptm_rc rc = ptm_torchhub_download_url_to_file(wants->plain, url, path, &opts, NULL, err);
    if (rc == PTM_EHASH && opts.hash_prefix == promised)
        return ptm_err_ctx(err, rc,
                           "its name promises another file, and it would be taken for that in the "
                           "cache; if it is right, fetch it first: ptm torch weights URL");
    if (rc < 0) return rc;
    *out = ptm_steal(&path);
    return PTM_OK;
}

/* For urlopen(): any content, for this run alone. */
static ptm_rc fetch_body(const struct ptmi_wants *wants, const char *url, const char *id,
                         struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s/%s.body", wants->dir, id);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "answer");
    struct ptm_torchhub_download_opts opts = PTM_TORCHHUB_DOWNLOAD_OPTS_INIT;
    opts.any_content = true;
    return ptm_torchhub_download_url_to_file(wants->plain, url, path, &opts, NULL, err);
}

static ptm_rc note_url(struct ptmi_wants *wants, const char *url, struct ptm_err *err)
{
    const char *copy = ptmi_arena_strdup(&wants->arena, url);
    if (copy && ptmi_arena_list_add(&wants->arena, &wants->urls, copy)) return PTM_OK;
    return ptm_err_set(err, PTM_ENOMEM, "list of downloads");
}

/* path: NULL afterwards for a body. */
static ptm_rc fetch_url(struct ptmi_wants *wants, yyjson_val *want, const char *id, char **path,
                        struct ptm_err *err)
{
    const char *url = ptmi_json_str(want, "want"), *name = ptmi_json_str(want, "name");
    const char *why = wants->opts->no_sandbox ? NULL : ptmi_wants_refuse(url);
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(url);
    if (!shown) return ptm_err_set(err, PTM_ENOMEM, "URL");
    if (why) return ptm_err_set(err, PTM_EUNSAFE, "%s: %s", shown, why);
    ptmi_log(wants->hub->ctx, PTM_LOG_INFO, "torchhub", "the entry point asks for %s", shown);
    if (name)
        PTM_TRY(fetch_weights(wants, url, name, ptmi_json_str(want, "hash"), path, err));
    else
        PTM_TRY(fetch_body(wants, url, id, err));
    return note_url(wants, shown, err);
}

static ptm_rc fetch_repo(struct ptmi_wants *wants, const char *repo, char **path,
                         struct ptm_err *err)
{
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo found = {0};
    struct ptm_torchhub_fetch_opts opts = PTM_TORCHHUB_FETCH_OPTS_INIT;
    opts.trust = PTM_TRUST_CHECK;
    ptmi_log(wants->hub->ctx, PTM_LOG_INFO, "torchhub", "the entry point loads from %s", repo);
    ptm_rc rc = ptm_torchhub_fetch(wants->hub, repo, &opts, &found, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s, which the entry point loads from", repo);
    *path = realpath(found.dir, NULL);
    return *path ? PTM_OK : ptm_err_sys(err, errno, "%s", found.dir);
}

static ptm_rc answer(struct ptmi_wants *wants, yyjson_val *want, const char *id,
                     struct ptm_err *err)
{
    struct ptm_err why = {0};
    PTM_AUTO(ptmi_freep) char *path = NULL;
    const char *repo = ptmi_json_str(want, "repo");
    ptm_rc rc = PTM_OK;
    if (++wants->asked > PTM_LIMIT_RUN_WANTS)
        rc = ptm_err_set(&why, PTM_ELIMIT, "more than %d downloads by one entry point",
                         PTM_LIMIT_RUN_WANTS);
    else if (repo)
        rc = fetch_repo(wants, repo, &path, &why);
    else
        rc = fetch_url(wants, want, id, &path, &why);
    if (rc == PTM_ECANCELED || rc == PTM_ENOMEM) return ptm_err_set(err, rc, "%s", why.msg);
    if (rc < 0) return put_answer(wants, id, "error", why.msg, err);
    return put_answer(wants, id, path ? "path" : NULL, path, err);
}

/* --- lines --- */

/* What is no question of the driver's is left alone: there is nobody to complain to. */
static ptm_rc hear_line(struct ptmi_wants *wants, struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    if (wants->line.len == 0) return PTM_OK;
    if (ptmi_json_parse(wants->line.data, wants->line.len, "question", &doc, NULL) < 0)
        return PTM_OK;
    yyjson_val *want = yyjson_doc_get_root(doc);
    const char *id = ptmi_json_str(want, "id");
    bool asks = ptmi_json_str(want, "want") || ptmi_json_str(want, "repo");
    if (!id || !asks || !ptmi_str_is_hex(id, ID_DIGITS)) return PTM_OK;
    if (wants->asked > 2 * PTM_LIMIT_RUN_WANTS)
        return ptm_err_set(err, PTM_ELIMIT, "the entry point does not stop asking for downloads");
    return answer(wants, want, id, err);
}

ptm_rc ptmi_wants_hear(struct ptmi_wants *wants, const char *data, size_t len, struct ptm_err *err)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end ? (size_t)(end - data) : len;
        if (ptmi_buf_append(&wants->line, data, part, NULL) < 0)
            return ptm_err_set(err, PTM_ELIMIT, "a question for a download is longer than %u bytes",
                               (unsigned)LINE_MAX_BYTES);
        data += part;
        len -= part;
        if (!end) break;
        PTM_TRY(hear_line(wants, err));
        ptmi_buf_reset(&wants->line);
        data++;
        len--;
    }
    return PTM_OK;
}
