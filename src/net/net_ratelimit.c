/* SPDX-License-Identifier: MIT */
/*
 * net_ratelimit.c - keeps below the limits that servers announce, before they have to say 429.
 *
 * While plenty is left, requests go at once. From a tenth of the quota down they are spread evenly
 * over the time to the reset, so that a long run slows down instead of standing still. What is on
 * its way has been counted by us but perhaps not yet by the server: its number is taken off what
 * the server says is left.
 */
#include "net_ratelimit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "../base/url.h"
#include "net_header.h"

/* A run talks to a handful of hosts; whoever comes after the table is full is not paced, only
 * retried. */
#define BUCKETS_MAX 128
#define ROUTES_MAX 256
/* Without a policy header: from so many on, spread. */
#define SMALL_DEFAULT 10
/* A reset further away than this is taken for this: a wrong clock must not stop us for a day. */
#define RESET_MAX_MS (3600 * 1000LL)

enum path_class { CLASS_API, CLASS_RESOLVERS, CLASS_PAGES };
static const char *const class_names[] = {"api", "resolvers", "pages"};

struct bucket {
    char *origin;
    char name[PTMI_BUCKET_NAME];
    int64_t remaining;  /* -1: unknown */
    int64_t quota;      /* -1: unknown */
    int64_t reset_ms;   /* monotonic; 0: unknown */
    int64_t next_ms;    /* spreading: not before */
    int64_t blocked_ms; /* told to wait until */
    int on_the_way;
};

struct route {
    char *origin;
    enum path_class path_class;
    int bucket;
};

struct ptmi_ratelimits {
    pthread_mutex_t lock;
    struct bucket buckets[BUCKETS_MAX];
    int n_buckets;
    struct route routes[ROUTES_MAX];
    int n_routes;
};

ptm_rc ptmi_ratelimits_new(ptmi_ratelimits **out, struct ptm_err *err)
{
    ptmi_ratelimits *limits = calloc(1, sizeof *limits);
    if (!limits) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    pthread_mutex_init(&limits->lock, NULL);
    *out = limits;
    return PTM_OK;
}

void ptmi_ratelimits_free(ptmi_ratelimits *limits)
{
    if (!limits) return;
    for (int i = 0; i < limits->n_buckets; i++) free(limits->buckets[i].origin);
    for (int i = 0; i < limits->n_routes; i++) free(limits->routes[i].origin);
    pthread_mutex_destroy(&limits->lock);
    free(limits);
}

/* Origin (malloc'ed, NULL when the URL is none) and class of a URL. */
static char *classify(const char *url, enum path_class *out)
{
    struct ptmi_url parts = {0};
    if (ptmi_url_parse(url, &parts, NULL) != PTM_OK) return NULL;
    char *origin = ptmi_str_printf("%s://%s:%d", parts.scheme, parts.host, parts.port);
    *out = CLASS_PAGES;
    /* /api/resolve-cache/... is where the hub sends resolvers of small files: not to be mixed up
     * with its lists. */
    if (strstr(parts.path, "/resolve/") || strstr(parts.path, "/resolve-cache/"))
        *out = CLASS_RESOLVERS;
    else if (ptmi_str_starts(parts.path, "/api/"))
        *out = CLASS_API;
    ptmi_url_clear(&parts);
    return origin;
}

static int find_bucket(ptmi_ratelimits *limits, const char *origin, const char *name)
{
    for (int i = 0; i < limits->n_buckets; i++)
        if (strcmp(limits->buckets[i].name, name) == 0 &&
            strcmp(limits->buckets[i].origin, origin) == 0)
            return i;
    if (limits->n_buckets == BUCKETS_MAX) return -1;
    char *copy = strdup(origin);
    if (!copy) return -1;
    struct bucket *b = &limits->buckets[limits->n_buckets];
    *b = (struct bucket){.origin = copy, .remaining = -1, .quota = -1};
    snprintf(b->name, sizeof b->name, "%s", name);
    return limits->n_buckets++;
}

static struct route *find_route(ptmi_ratelimits *limits, const char *origin, enum path_class class)
{
    for (int i = 0; i < limits->n_routes; i++)
        if (limits->routes[i].path_class == class && strcmp(limits->routes[i].origin, origin) == 0)
            return &limits->routes[i];
    if (limits->n_routes == ROUTES_MAX) return NULL;
    int bucket = find_bucket(limits, origin, class_names[class]);
    char *copy = bucket >= 0 ? strdup(origin) : NULL;
    if (!copy) return NULL;
    struct route *route = &limits->routes[limits->n_routes++];
    *route = (struct route){copy, class, bucket};
    return route;
}

/* Milliseconds to wait, 0: go (counted). */
static int64_t draw(struct bucket *b, int64_t now)
{
    if (b->blocked_ms > now) return b->blocked_ms - now;
    if (b->reset_ms && now >= b->reset_ms) {
        /* A new window: the next answer tells how it stands. */
        b->remaining = -1;
        b->reset_ms = b->next_ms = 0;
    }
    if (b->remaining < 0 || !b->reset_ms) return 0;
    if (b->remaining == 0) return b->reset_ms - now;
    int64_t small = b->quota > 0 ? b->quota / 10 : SMALL_DEFAULT;
    if (small < 2) small = 2;
    if (b->remaining > small) {
        b->remaining--;
        return 0;
    }
    if (b->next_ms > now) return b->next_ms - now;
    b->next_ms = now + (b->reset_ms - now) / (b->remaining + 1);
    b->remaining--;
    return 0;
}

int64_t ptmi_ratelimit_ask(ptmi_ratelimits *limits, const char *original_url, int64_t now_ms,
                           int *out_ticket)
{
    enum path_class class;
    PTM_AUTO(ptmi_freep) char *origin = classify(original_url, &class);
    *out_ticket = -1;
    if (!origin) return 0;
    pthread_mutex_lock(&limits->lock);
    struct route *route = find_route(limits, origin, class);
    int64_t wait = 0;
    if (route) {
        struct bucket *b = &limits->buckets[route->bucket];
        wait = draw(b, now_ms);
        if (wait == 0) {
            b->on_the_way++;
            *out_ticket = route->bucket;
        }
    }
    pthread_mutex_unlock(&limits->lock);
    return wait;
}

/* With the lock held. */
static void learn(ptmi_ratelimits *limits, struct route *route, const struct ptmi_ratelimit *said,
                  int64_t now)
{
    int at = find_bucket(limits, route->origin, said->bucket);
    if (at < 0) return;
    route->bucket = at;
    struct bucket *b = &limits->buckets[at];
    int64_t left = said->remaining - b->on_the_way;
    b->remaining = left > 0 ? left : 0;
    if (said->quota > 0) b->quota = said->quota;
    b->reset_ms = 0;
    if (said->reset_seconds < 0) return;
    int64_t in_ms =
        said->reset_seconds > RESET_MAX_MS / 1000 ? RESET_MAX_MS : said->reset_seconds * 1000;
    /* One second more than it says: its seconds are rounded down. */
    b->reset_ms = now + in_ms + 1000;
}

void ptmi_ratelimit_done(ptmi_ratelimits *limits, int ticket, const char *original_url,
                         const char *headers, int64_t asked_ms, int64_t now_ms)
{
    if (ticket < 0) return;
    char value[512];
    struct ptmi_ratelimit said;
    bool known = headers && ptmi_header_copy(headers, "ratelimit", value, sizeof value) &&
                 ptmi_ratelimit_parse(value, &said);
    if (known && ptmi_header_copy(headers, "ratelimit-policy", value, sizeof value))
        ptmi_ratelimit_policy_parse(value, &said);
    enum path_class class;
    PTM_AUTO(ptmi_freep) char *origin = classify(original_url, &class);
    pthread_mutex_lock(&limits->lock);
    limits->buckets[ticket].on_the_way--;
    struct route *route = origin ? find_route(limits, origin, class) : NULL;
    if (route && known) learn(limits, route, &said, now_ms);
    if (route && asked_ms > 0) {
        struct bucket *b = &limits->buckets[route->bucket];
        if (asked_ms > RESET_MAX_MS) asked_ms = RESET_MAX_MS;
        if (now_ms + asked_ms > b->blocked_ms) b->blocked_ms = now_ms + asked_ms;
    }
    pthread_mutex_unlock(&limits->lock);
}
