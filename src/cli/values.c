/* SPDX-License-Identifier: MIT */
/* values.c - the values options have, layered: command line over environment over configuration
 * file over default. */
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/grow.h"
#include "../base/str.h"
#include "opts.h"

static void value_clear(struct ptmi_value *value)
{
    if (value->text && (ptmi_opt_at(value->opt)->flags & PTMI_OPT_SECRET))
        explicit_bzero(value->text, strlen(value->text));
    free(value->text);
    free(value->where);
    free(value->hub);
}

void ptmi_values_clear(struct ptmi_values *values)
{
    for (size_t i = 0; i < values->n; i++) value_clear(&values->items[i]);
    free(values->items);
    *values = (struct ptmi_values){0};
}

ptm_rc ptmi_values_add(struct ptmi_values *values, int opt, ptmi_source source, const char *text,
                       const char *where, const char *hub, struct ptm_err *err)
{
    struct ptmi_value *items = ptmi_grown(values->items, values->n, &values->cap, sizeof *items);
    if (!items) return ptm_err_set(err, PTM_ENOMEM, "%s", where);
    values->items = items;
    struct ptmi_value value = {
        .opt = opt,
        .source = source,
        .text = strdup(text),
        .where = strdup(where),
        .hub = hub ? strdup(hub) : NULL,
    };
    if (!value.text || !value.where || (hub && !value.hub)) {
        value_clear(&value);
        return ptm_err_set(err, PTM_ENOMEM, "%s", where);
    }
    values->items[values->n++] = value;
    return PTM_OK;
}

static bool concerns(const struct ptmi_value *value, int opt, const char *hub)
{
    return value->opt == opt && (!value->hub || (hub && strcmp(value->hub, hub) == 0));
}

/* Does a take precedence over b, which was given before it? */
static bool stronger(const struct ptmi_value *a, const struct ptmi_value *b)
{
    if (a->source != b->source) return a->source > b->source;
    if (!a->hub != !b->hub) return a->hub != NULL;
    return true;
}

const struct ptmi_value *ptmi_values_get(const struct ptmi_values *values, int opt, const char *hub)
{
    const struct ptmi_value *best = NULL;
    for (size_t i = 0; i < values->n; i++) {
        const struct ptmi_value *value = &values->items[i];
        if (concerns(value, opt, hub) && (!best || stronger(value, best))) best = value;
    }
    return best;
}

const char *ptmi_values_text(const struct ptmi_values *values, int opt, const char *hub)
{
    const struct ptmi_value *value = ptmi_values_get(values, opt, hub);
    return value ? value->text : ptmi_opt_at(opt)->fallback;
}

bool ptmi_values_flag(const struct ptmi_values *values, int opt, const char *hub)
{
    const char *text = ptmi_values_text(values, opt, hub);
    return text && (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 ||
                    strcmp(text, "on") == 0 || strcmp(text, "1") == 0);
}

int64_t ptmi_values_int(const struct ptmi_values *values, int opt, const char *hub)
{
    const char *text = ptmi_values_text(values, opt, hub);
    int64_t value = 0;
    return text && ptmi_str_int(text, 0, INT64_MAX, &value) ? value : 0;
}

int64_t ptmi_values_size(const struct ptmi_values *values, int opt, const char *hub)
{
    const char *text = ptmi_values_text(values, opt, hub);
    int64_t value = 0;
    return text && ptmi_str_size(text, &value) ? value : 0;
}

int ptmi_values_choice(const struct ptmi_values *values, int opt, const char *hub)
{
    const char *text = ptmi_values_text(values, opt, hub);
    const char *const *choices = ptmi_opt_at(opt)->choices;
    for (int i = 0; text && choices && choices[i]; i++)
        if (strcmp(choices[i], text) == 0) return i;
    return 0;
}

/* Of a list that merges, everything; else what was given where the value in force was given. */
static bool listed(const struct ptmi_value *value, const struct ptmi_value *best)
{
    if (ptmi_opt_at(value->opt)->flags & PTMI_OPT_MERGE) return true;
    return value->source == best->source && !value->hub == !best->hub;
}

ptm_rc ptmi_values_list(const struct ptmi_values *values, int opt, const char *hub,
                        const char ***out, size_t *out_n, struct ptm_err *err)
{
    *out = NULL;
    *out_n = 0;
    const struct ptmi_value *best = ptmi_values_get(values, opt, hub);
    if (!best) return PTM_OK;
    const char **texts = calloc(values->n, sizeof *texts);
    if (!texts) return ptm_err_set(err, PTM_ENOMEM, "--%s", ptmi_opt_at(opt)->name);
    size_t n = 0;
    for (int source = PTMI_SOURCE_DEFAULT; source <= PTMI_SOURCE_COMMAND; source++) {
        for (size_t i = 0; i < values->n; i++) {
            const struct ptmi_value *value = &values->items[i];
            if ((int)value->source == source && concerns(value, opt, hub) && listed(value, best))
                texts[n++] = value->text;
        }
    }
    *out = texts;
    *out_n = n;
    return PTM_OK;
}

bool ptmi_values_per_hub(const struct ptmi_values *values)
{
    for (size_t i = 0; i < values->n; i++)
        if (values->items[i].hub) return true;
    return false;
}

char *ptmi_values_redact(const char *text)
{
    struct ptmi_buf out = PTMI_BUF(1u << 20);
    const char *user = NULL;
    ptm_rc rc = PTM_OK;
    while (rc == PTM_OK && (user = strstr(text, "://"))) {
        user += 3;
        size_t len = strcspn(user, "@/=");
        rc = ptmi_buf_append(&out, text, (size_t)(user - text), NULL);
        if (rc == PTM_OK && user[len] == '@') rc = ptmi_buf_puts(&out, "***", NULL);
        text = user[len] == '@' ? user + len : user;
    }
    if (rc == PTM_OK) rc = ptmi_buf_puts(&out, text, NULL);
    char *redacted = rc == PTM_OK ? ptmi_buf_take(&out) : NULL;
    ptmi_buf_clear(&out);
    return redacted;
}
