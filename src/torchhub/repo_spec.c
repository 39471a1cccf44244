/* SPDX-License-Identifier: MIT */
/*
 * repo_spec.c - "owner/name[:ref]": taken apart, and refused unless each part is something that
 * GitHub and git allow. What comes out may stand in URLs, in arguments of git and in names of
 * files.
 */
#include "torchhub_priv.h"

#include <stdlib.h>
#include <string.h>

#include "../base/path.h"
#include "../base/str.h"

/* GitHub's own caps are 39 and 100; an Enterprise server may have others. */
#define OWNER_MAX 100
#define NAME_MAX_LEN 100
/* Of "owner_name_ref": ".PID.N" and ".lock" are put behind it, and names end at 255 bytes. */
#define FOLDER_MAX 220
#define EXPECTED "expected OWNER/NAME[:REF], as in pytorch/vision:main"

static PTM_MUST_USE ptm_rc refuse(struct ptm_err *err, const char *text, const char *why)
{
    char shown[160];
    ptmi_str_printable(shown, sizeof shown, text);
    return ptm_err_set(err, PTM_EINVAL, "\"%s\": %s; " EXPECTED, shown, why);
}

static bool is_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* "_" stands in the names of managed users (Enterprise accounts). NULL: fine. */
static const char *wrong_owner(const char *owner)
{
    size_t len = strlen(owner);
    if (len == 0) return "the owner is missing";
    if (len > OWNER_MAX) return "the owner's name is too long";
    if (*owner == '-') return "an owner's name does not begin with \"-\"";
    for (size_t i = 0; i < len; i++)
        if (!is_word((unsigned char)owner[i]))
            return "an owner's name has letters, digits, \"-\" and \"_\" only";
    return NULL;
}

static const char *wrong_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0) return "the repository's name is missing";
    if (len > NAME_MAX_LEN) return "the repository's name is too long";
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return "that is no repository's name";
    if (ptmi_str_ends(name, ".git")) return "leave \".git\" out";
    for (size_t i = 0; i < len; i++)
        if (!is_word((unsigned char)name[i]) && name[i] != '.')
            return "a repository's name has letters, digits, \"-\", \"_\" and \".\" only";
    return NULL;
}

/* One of the parts between slashes; len bytes. */
static const char *wrong_ref_part(const char *part, size_t len)
{
    if (len == 0) return "the ref has an empty part";
    if (part[0] == '.') return "no part of a ref begins with \".\"";
    if (len >= 5 && strncmp(part + len - 5, ".lock", 5) == 0)
        return "no part of a ref ends in \".lock\"";
    return NULL;
}

/* The rules of git check-ref-format. */
static const char *wrong_ref(const char *ref)
{
    size_t len = strlen(ref);
    if (len == 0) return "the ref is missing after \":\"";
    if (len > FOLDER_MAX) return "the ref is too long";
    if (*ref == '-') return "a ref does not begin with \"-\"";
    if (strcmp(ref, "@") == 0 || strstr(ref, "@{")) return "\"@\" and \"@{\" are no names of refs";
    if (strstr(ref, "..") || ref[len - 1] == '.') return "a ref has no \"..\" and ends in no dot";
    if (!ptmi_str_is_utf8(ref, len)) return "the ref is not UTF-8";
    for (const char *at = ref; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7F || strchr("~^:?*[\\", *at))
            return "a ref has no spaces, control characters or any of ~^:?*[\\";
    for (const char *part = ref;;) {
        size_t part_len = strcspn(part, "/");
        const char *wrong = wrong_ref_part(part, part_len);
        if (wrong || part[part_len] == '\0') return wrong;
        part += part_len + 1;
    }
}

ptm_rc ptmi_repo_ref_check(const struct ptmi_repo_spec *spec, const char *ref, struct ptm_err *err)
{
    const char *wrong = wrong_ref(ref);
    if (wrong) return refuse(err, ref, wrong);
    PTM_AUTO(ptmi_freep) char *folder = ptmi_repo_spec_folder(spec, ref);
    if (!folder) return ptm_err_set(err, PTM_ENOMEM, "%s/%s", spec->owner, spec->name);
    if (strlen(folder) > FOLDER_MAX) return refuse(err, ref, "the ref is too long");
    /* Whatever git allows and a file system might mistake. */
    if (ptmi_path_check_name(folder, err) < 0) return refuse(err, ref, "no folder may be named so");
    return PTM_OK;
}

static ptm_rc check(const char *text, const struct ptmi_repo_spec *spec, struct ptm_err *err)
{
    const char *wrong = wrong_owner(spec->owner);
    if (!wrong) wrong = wrong_name(spec->name);
    if (wrong) return refuse(err, text, wrong);
    return spec->ref ? ptmi_repo_ref_check(spec, spec->ref, err) : PTM_OK;
}

/* What people copy from a browser or from git: https://HOST/.., git@HOST:.. */
static bool is_address(const char *text, const char *colon)
{
    return colon && (ptmi_str_starts(colon, "://") || memchr(text, '@', (size_t)(colon - text)));
}

ptm_rc ptmi_repo_spec_parse(const char *text, struct ptmi_repo_spec *out, struct ptm_err *err)
{
    const char *colon = strchr(text, ':');
    size_t repo_len = colon ? (size_t)(colon - text) : strlen(text);
    const char *slash = memchr(text, '/', repo_len);
    if (is_address(text, colon)) return refuse(err, text, "that is an address, not a name");
    if (!slash) return refuse(err, text, "there is no \"/\" between owner and name");
    if (colon && !colon[1]) return refuse(err, text, "the ref is missing after \":\"");
    size_t owner_len = (size_t)(slash - text);
    PTM_AUTO(ptmi_repo_spec_clear)
    struct ptmi_repo_spec spec = {
        .owner = strndup(text, owner_len),
        .name = strndup(slash + 1, repo_len - owner_len - 1),
        .ref = colon ? strdup(colon + 1) : NULL,
    };
    if (!spec.owner || !spec.name || (colon && !spec.ref))
        return ptm_err_set(err, PTM_ENOMEM, "name of a repository");
    PTM_TRY(check(text, &spec, err));
    *out = spec;
    spec = (struct ptmi_repo_spec){0};
    return PTM_OK;
}

void ptmi_repo_spec_clear(struct ptmi_repo_spec *spec)
{
    free(spec->owner);
    free(spec->name);
    free(spec->ref);
    *spec = (struct ptmi_repo_spec){0};
}

char *ptmi_repo_spec_folder(const struct ptmi_repo_spec *spec, const char *ref)
{
    char *folder = ptmi_str_printf("%s_%s_%s", spec->owner, spec->name, ref);
    for (char *at = folder; at && *at; at++)
        if (*at == '/') *at = '_';
    return folder;
}

char *ptmi_repo_spec_trust_name(const struct ptmi_repo_spec *spec)
{
    return ptmi_str_printf("%s_%s", spec->owner, spec->name);
}

bool ptmi_repo_is_folder(const char *text, bool local)
{
    return local || text[0] == '.' || text[0] == '/' || text[0] == '~';
}

char *ptmi_repo_spec_url(const struct ptmi_repo_spec *spec)
{
    return ptmi_str_printf("https://github.com/%s/%s", spec->owner, spec->name);
}
