/* SPDX-License-Identifier: MIT */
/* verb_torch_cache.c - `ptm torch cache ls|rm|prune|verify`: what is in the hub folder. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/str.h"
#include "torchhub_cli.h"

/* One walk over the cache, and what it came to. */
struct cache {
    struct ptmi_torch *torch;
    struct ptmi_table table; /* ls */
    int64_t n, bytes;
    int64_t wrong, unchecked; /* verify */
};

static const char *const kinds[] = {[PTM_CACHED_REPO] = "repository",
                                    [PTM_CACHED_CHECKPOINT] = "checkpoint",
                                    [PTM_CACHED_LEFTOVER] = "leftover"};

/* What rm takes: OWNER/NAME:REF where that is sure, else the path; as it may be printed. malloc'ed.
 */
static char *name_of(const struct ptm_torchhub_cached *item)
{
    const struct ptm_torchhub_repo *repo = item->repo;
    bool sure = repo && repo->owner && repo->name && !repo->ambiguous;
    return sure ? ptmi_torch_repo_name(repo) : ptmi_torch_shown(item->path, strlen(item->path));
}

static void json_item(struct ptmi_json_line *line, const struct ptm_torchhub_cached *item)
{
    char when[32];
    ptmi_json_line_begin(line);
    ptmi_json_line_str(line, "kind", kinds[item->kind]);
    ptmi_json_line_str(line, "path", item->path);
    ptmi_json_line_int(line, "bytes", item->bytes);
    ptmi_json_line_str(line, "changed", ptmi_clock_iso(item->modified, when));
    if (item->repo) ptmi_torch_repo_json(line, item->repo);
}

static ptm_rc tally(struct cache *cache, const struct ptm_torchhub_cached *item,
                    struct ptm_err *err)
{
    PTM_ASSERT(item->kind >= PTM_CACHED_REPO && item->kind <= PTM_CACHED_LEFTOVER, err);
    cache->n++;
    cache->bytes += item->bytes;
    return PTM_OK;
}

/* --- ls --- */

static void add_row(struct ptmi_table *table, const struct ptm_torchhub_cached *item)
{
    const struct ptm_torchhub_repo *repo = item->repo;
    char size[32], date[32], commit[13] = "";
    PTM_AUTO(ptmi_freep) char *name = name_of(item);
    if (repo && repo->commit) snprintf(commit, sizeof commit, "%s", repo->commit);
    ptmi_clock_iso(item->modified, date);
    date[10] = '\0'; /* the day is enough */
    ptmi_table_cell(table, PTMI_PLAIN, kinds[item->kind]);
    ptmi_table_cell(table, PTMI_PLAIN, ptmi_str_human_size(item->bytes, size));
    ptmi_table_cell(table, PTMI_PLAIN, date);
    ptmi_table_cell(table, PTMI_DIM, *commit ? commit : repo ? "by torch" : "");
    ptmi_table_cell(table, PTMI_BOLD, name);
}

static ptm_rc on_item(void *arg, const struct ptm_torchhub_cached *item, struct ptm_err *err)
{
    struct cache *cache = arg;
    struct ptmi_json_line line;
    PTM_TRY(tally(cache, item, err));
    if (!ptmi_cli_json(cache->torch->cli)) {
        add_row(&cache->table, item);
        return PTM_OK;
    }
    json_item(&line, item);
    return ptmi_json_line_print(&line, &cache->torch->cli->out, err);
}

static ptm_rc list(struct cache *cache, struct ptm_err *err)
{
    static const char *const titles[] = {"KIND", "SIZE", "CHANGED", "COMMIT", "NAME"};
    static const bool right[] = {false, true, false, false, false};
    struct ptmi_cli *cli = cache->torch->cli;
    char size[32];
    cache->table = (struct ptmi_table){.columns = 5, .right = right};
    for (size_t i = 0; i < 5; i++) ptmi_table_cell(&cache->table, PTMI_BOLD, titles[i]);
    ptm_rc rc = ptm_torchhub_cache_each(cache->torch->hub, on_item, cache, err);
    if (rc == PTM_OK && !ptmi_cli_json(cli) && cache->n)
        rc = ptmi_table_print(&cache->table, &cli->out, err);
    ptmi_table_clear(&cache->table);
    if (rc < 0 || ptmi_cli_json(cli)) return rc;
    ptmi_torch_say(cli, "%s: %" PRId64 " item%s, %s", ptm_torchhub_get_dir(cache->torch->hub),
                   cache->n, cache->n == 1 ? "" : "s", ptmi_str_human_size(cache->bytes, size));
    return PTM_OK;
}

/* --- verify --- */

static const char *finding(const struct ptm_torchhub_cached *item)
{
    if (item->why) return item->why->msg;
    if (item->checked) return "whole";
    return item->kind == PTM_CACHED_LEFTOVER ? "left by a run that was killed"
                                             : "nothing to compare it with";
}

static ptm_rc on_verified(void *arg, const struct ptm_torchhub_cached *item, struct ptm_err *err)
{
    struct cache *cache = arg;
    struct ptmi_cli *cli = cache->torch->cli;
    struct ptmi_json_line line;
    ptm_rc rc = tally(cache, item, err);
    if (rc < 0) return rc;
    cache->wrong += item->why != NULL;
    cache->unchecked += !item->why && !item->checked;
    ptmi_progress_pause(cli->progress);
    if (ptmi_cli_json(cli)) {
        json_item(&line, item);
        ptmi_json_line_bool(&line, "checked", item->checked);
        ptmi_json_line_bool(&line, "ok", !item->why);
        ptmi_json_line_str(&line, "why", item->why ? item->why->msg : NULL);
        rc = ptmi_json_line_print(&line, &cli->out, err);
    } else {
        PTM_AUTO(ptmi_freep) char *name = name_of(item);
        PTM_AUTO(ptmi_freep) char *told = ptmi_torch_shown(finding(item), strlen(finding(item)));
        bool colors = cli->out.colors_out;
        ptmi_out_printf(&cli->out, "%s: %s%s%s\n", name ? name : "",
                        ptmi_out_code(colors, item->why ? PTMI_RED : PTMI_PLAIN), told ? told : "",
                        ptmi_out_code(colors, PTMI_PLAIN));
    }
    fflush(stdout);
    ptmi_progress_resume(cli->progress);
    return rc;
}

static ptm_rc verify(struct cache *cache, int *status, struct ptm_err *err)
{
    struct ptmi_cli *cli = cache->torch->cli;
    PTM_TRY(ptm_torchhub_cache_verify(cache->torch->hub, on_verified, cache, err));
    if (cache->wrong) *status = 2;
    ptmi_torch_say(
        cli, "%" PRId64 " whole, %" PRId64 " wrong, %" PRId64 " that nothing can be compared with",
        cache->n - cache->wrong - cache->unchecked, cache->wrong, cache->unchecked);
    return PTM_OK;
}

/* --- rm and prune --- */

static ptm_rc remove_one(struct ptmi_torch *torch, const char *item, struct ptm_err *err)
{
    return ptm_torchhub_cache_remove(torch->hub, item, err);
}

static ptm_rc on_pruned(void *arg, const struct ptm_torchhub_cached *item, struct ptm_err *err)
{
    struct cache *cache = arg;
    struct ptmi_cli *cli = cache->torch->cli;
    struct ptmi_json_line line;
    char size[32];
    PTM_TRY(tally(cache, item, err));
    if (ptmi_cli_json(cli)) {
        json_item(&line, item);
        return ptmi_json_line_print(&line, &cli->out, err);
    }
    PTM_AUTO(ptmi_freep) char *name = name_of(item);
    ptmi_out_printf(&cli->out, "%s (%s)\n", name ? name : "",
                    ptmi_str_human_size(item->bytes, size));
    return PTM_OK;
}

static ptm_rc prune(struct cache *cache, struct ptm_err *err)
{
    struct ptmi_cli *cli = cache->torch->cli;
    bool dry = ptmi_values_flag(&cli->values, PTMI_OPT_DRY_RUN, NULL);
    bool by_age = ptmi_values_text(&cli->values, PTMI_OPT_OLDER_THAN, NULL) != NULL;
    int days = by_age ? (int)ptmi_values_int(&cli->values, PTMI_OPT_OLDER_THAN, NULL) : -1;
    char size[32];
    PTM_TRY(ptm_torchhub_cache_prune(cache->torch->hub, days, dry, on_pruned, cache, err));
    ptmi_torch_say(cli, "%" PRId64 " item%s %sremoved, %s", cache->n, cache->n == 1 ? "" : "s",
                   dry ? "would be " : "", ptmi_str_human_size(cache->bytes, size));
    return PTM_OK;
}

/* An option that one word takes must not be passed over in silence by another: `rm X --dry-run`
 * would remove. */
static ptm_rc check_line(const struct ptmi_cli *cli, const char *word, struct ptm_err *err)
{
    static const int of_prune[] = {PTMI_OPT_DRY_RUN, PTMI_OPT_OLDER_THAN};
    bool rm = strcmp(word, "rm") == 0;
    for (size_t i = 0; strcmp(word, "prune") != 0 && i < sizeof of_prune / sizeof *of_prune; i++)
        if (ptmi_values_get(&cli->values, of_prune[i], NULL))
            return ptm_err_set(err, PTM_EINVAL, "torch cache %s: --%s is an option of prune", word,
                               ptmi_opt_at(of_prune[i])->name);
    if (rm && cli->n_operands < 2)
        return ptm_err_set(err, PTM_EINVAL,
                           "torch cache rm: remove what? ptm torch cache ls names "
                           "what is there");
    if (!rm && cli->n_operands > 1)
        return ptm_err_set(err, PTM_EINVAL, "torch cache %s: takes no operand", word);
    return PTM_OK;
}

ptm_rc ptmi_verb_torch_cache(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    struct cache cache = {.torch = &torch};
    const char *word = cli->n_operands ? cli->operands[0] : "";
    bool ls = strcmp(word, "ls") == 0, rm = strcmp(word, "rm") == 0;
    bool verify_all = strcmp(word, "verify") == 0;
    if (!ls && !rm && !verify_all && strcmp(word, "prune") != 0)
        return ptm_err_set(err, PTM_EINVAL, "torch cache: ls, rm ITEM, prune or verify");
    PTM_TRY(check_line(cli, word, err));
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    if (ls) return list(&cache, err);
    if (rm) return ptmi_torch_each(&torch, 1, remove_one, status, err);
    return verify_all ? verify(&cache, status, err) : prune(&cache, err);
}
