/* SPDX-License-Identifier: MIT */
/*
 * extract_names.c - the paths of an archive together: none stands there twice, also where letter
 * case does not count; nothing lies below a file or a link; links stay inside.
 *
 * All entries and the folders they lie in are sorted by their folded paths: whatever clashes are
 * neighbours then.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/grow.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "extract_priv.h"

/* Folders that no entry stands for are made, too: so many for each entry in all. */
#define NAMES_MAX (4 * (size_t)(PTM_LIMIT_EXTRACT_ENTRIES))

static ptm_rc out_of_memory(const struct ptmi_zip_index *index, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory for its paths", index->archive);
}

static ptm_rc add(struct ptmi_names *names, const struct ptmi_zip_index *index,
                  const struct ptmi_name *name, struct ptm_err *err)
{
    if (names->n >= NAMES_MAX)
        return ptm_err_set(err, PTM_ELIMIT, "%s: holds more than %zu folders and files",
                           index->archive, NAMES_MAX);
    struct ptmi_name *more = ptmi_grown(names->items, names->n, &names->cap, sizeof *more);
    if (!more) return out_of_memory(index, err);
    names->items = more;
    more[names->n++] = *name;
    return PTM_OK;
}

/* Bytes of path that are folders of the entry before it, which are in the list already. */
static size_t known_folders(const char *path, const char *before, bool before_is_folder)
{
    size_t known = 0, at = 0;
    for (; path[at] && path[at] == before[at]; at++)
        if (path[at] == '/') known = at;
    if (path[at] == '/' && before[at] == '\0' && before_is_folder) known = at;
    return known;
}

/* Folding keeps slashes, so that the nth folder of one is that of the other. */
static ptm_rc add_path(struct ptmi_names *names, const struct ptmi_zip_index *index,
                       const char *path, size_t known, bool folder, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *folded = ptmi_path_fold(path);
    if (!folded) return out_of_memory(index, err);
    char *kept = ptmi_arena_strdup(&names->arena, folded);
    if (!kept) return out_of_memory(index, err);
    struct ptmi_name name = {.folded = kept, .exact = path, .folder = true};
    for (size_t at = 0, to = 0;; at++, to++) {
        at += strcspn(path + at, "/");
        to += strcspn(kept + to, "/");
        name.exact_len = at;
        name.folded_len = to;
        if (path[at] == '\0') break;
        if (at > known) PTM_TRY(add(names, index, &name, err));
    }
    name.folder = folder;
    return add(names, index, &name, err);
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int by_folded(const void *a, const void *b)
{
    const struct ptmi_name *x = a, *y = b;
    int order = compare_bytes(x->folded, x->folded_len, y->folded, y->folded_len);
    return order ? order : compare_bytes(x->exact, x->exact_len, y->exact, y->exact_len);
}

static ptm_rc clash(const struct ptmi_zip_index *index, const struct ptmi_name *one,
                    const struct ptmi_name *two, struct ptm_err *err)
{
    char name[PTM_LIMIT_PATH], why[PTM_LIMIT_PATH + 64];
    bool same =
        one->exact_len == two->exact_len && memcmp(one->exact, two->exact, one->exact_len) == 0;
    snprintf(name, sizeof name, "%.*s", (int)two->exact_len, two->exact);
    if (!same)
        snprintf(why, sizeof why, "clashes with \"%.*s\" where letter case does not count",
                 (int)one->exact_len, one->exact);
    else if (one->folder != two->folder)
        snprintf(why, sizeof why, "is no folder, and others lie below it");
    else
        snprintf(why, sizeof why, "stands there twice");
    return ptmi_zip_refuse(index, name, why, err);
}

static ptm_rc find_clashes(struct ptmi_names *names, const struct ptmi_zip_index *index,
                           struct ptm_err *err)
{
    for (size_t i = 0; i < names->n; i++) {
        const struct ptmi_name *name = &names->items[i];
        names->n_folders += name->folder;
        if (i == 0) continue;
        const struct ptmi_name *before = name - 1;
        if (compare_bytes(before->folded, before->folded_len, name->folded, name->folded_len) != 0)
            continue;
        bool fine = before->folder && name->folder && before->exact_len == name->exact_len &&
                    memcmp(before->exact, name->exact, name->exact_len) == 0;
        if (!fine) return clash(index, before, name, err);
        names->n_folders--;
    }
    return PTM_OK;
}

void ptmi_names_clear(struct ptmi_names *names)
{
    ptmi_arena_clear(&names->arena);
    free(names->items);
    names->items = NULL;
    names->n = names->cap = 0;
}

ptm_rc ptmi_names_read(struct ptmi_names *names, const struct ptmi_zip_index *index, size_t skip,
                       struct ptm_err *err)
{
    const char *before = "";
    bool before_is_folder = false;
    for (size_t i = 0; i < index->n; i++) {
        const struct ptmi_zip_entry *entry = &index->entries[i];
        if (strlen(entry->name) < skip) continue; /* the one folder itself */
        const char *path = entry->name + skip;
        bool folder = entry->kind == PTMI_ENTRY_FOLDER;
        size_t known = known_folders(path, before, before_is_folder);
        PTM_TRY(add_path(names, index, path, known, folder, err));
        before = path;
        before_is_folder = folder;
    }
    if (names->n > 0) qsort(names->items, names->n, sizeof *names->items, by_folded);
    return find_clashes(names, index, err);
}

/* --- links --- */

static ptm_rc is_folder(const struct ptmi_names *names, const struct ptmi_zip_index *index,
                        const char *path, bool *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *folded = ptmi_path_fold(path);
    if (!folded) return out_of_memory(index, err);
    struct ptmi_name wanted = {
        .folded = folded, .exact = path, .folded_len = strlen(folded), .exact_len = strlen(path)};
    const struct ptmi_name *found =
        names->n ? bsearch(&wanted, names->items, names->n, sizeof wanted, by_folded) : NULL;
    *out = found && found->folder;
    return PTM_OK;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f) return true;
    return false;
}

/* One step up from at. It must be a real folder: up from behind a link is not where the path says.
 */
static ptm_rc step_up(const struct ptmi_names *names, const struct ptmi_zip_index *index,
                      const char *path, char *at, struct ptm_err *err)
{
    bool real = false;
    if (!*at) return ptmi_zip_refuse(index, path, "is a link that leads out of the archive", err);
    PTM_TRY(is_folder(names, index, at, &real, err));
    if (!real)
        return ptmi_zip_refuse(
            index, path, "is a link that may lead out of the archive through another one", err);
    char *slash = strrchr(at, '/');
    *(slash ? slash : at) = '\0';
    return PTM_OK;
}

/*
 * Steps down may go through other links, each of which stays inside by this same check; steps up
 * only from real folders. So no chain of links leads out.
 */
ptm_rc ptmi_names_check_link(const struct ptmi_names *names, const struct ptmi_zip_index *index,
                             const char *path, const char *target, struct ptm_err *err)
{
    size_t room = strlen(path) + strlen(target) + 2, len = 0;
    if (!*target || strlen(target) >= PTM_LIMIT_PATH || has_control(target))
        return ptmi_zip_refuse(index, path, "is a link whose target is no path", err);
    if (*target == '/') return ptmi_zip_refuse(index, path, "is a link to an absolute path", err);
    PTM_AUTO(ptmi_freep) char *at = malloc(room);
    if (!at) return out_of_memory(index, err);
    const char *slash = strrchr(path, '/');
    snprintf(at, room, "%.*s", slash ? (int)(slash - path) : 0, path);
    for (const char *part = target; *part; part += len + (part[len] == '/')) {
        len = strcspn(part, "/");
        if (len == 0 || (len == 1 && part[0] == '.')) continue;
        size_t used = strlen(at);
        if (len == 2 && part[0] == '.' && part[1] == '.')
            PTM_TRY(step_up(names, index, path, at, err));
        else
            snprintf(at + used, room - used, "%s%.*s", used ? "/" : "", (int)len, part);
    }
    return PTM_OK;
}
