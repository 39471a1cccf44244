/* SPDX-License-Identifier: MIT */
/*
 * canned.h - drives canned.py from a C test: start it, write its rules, read its log, end it.
 * Header-only, so that any test of any room may have it. One thread at a time; asserts with cmocka,
 * which the test has included.
 */
#pragma once

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <yyjson.h>

struct canned {
    pid_t pid;
    int in;   /* closing it ends the server */
    int port; /* 0: no python3 here, the test is to be skipped */
    char dir[64];
    char rules_path[96];
    char log_path[96];
    yyjson_mut_doc *doc;
    yyjson_mut_val *rules;
};

static inline void canned_reset(struct canned *canned)
{
    if (canned->doc) yyjson_mut_doc_free(canned->doc);
    canned->doc = yyjson_mut_doc_new(NULL);
    canned->rules = yyjson_mut_arr(canned->doc);
    yyjson_mut_doc_set_root(canned->doc, canned->rules);
}

/* Puts the rules in force, and empties the log. */
static inline void canned_apply(struct canned *canned)
{
    char tmp[112];
    snprintf(tmp, sizeof tmp, "%s.new", canned->rules_path);
    assert_true(
        yyjson_mut_write_file(tmp, canned->doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE, NULL, NULL));
    assert_int_equal(rename(tmp, canned->rules_path), 0);
    FILE *log = fopen(canned->log_path, "w");
    assert_non_null(log);
    fclose(log);
}

/* A new rule; more is set with the functions below. path is the target's beginning. */
static inline yyjson_mut_val *canned_rule(struct canned *canned, const char *path, int status,
                                          const char *body)
{
    yyjson_mut_val *rule = yyjson_mut_obj(canned->doc);
    yyjson_mut_obj_add_strcpy(canned->doc, rule, "path", path);
    yyjson_mut_obj_add_int(canned->doc, rule, "status", status);
    if (body) yyjson_mut_obj_add_strcpy(canned->doc, rule, "body", body);
    yyjson_mut_arr_append(canned->rules, rule);
    return rule;
}

static inline void canned_list(struct canned *canned, yyjson_mut_val *rule, const char *name,
                               const char *text)
{
    yyjson_mut_val *list = yyjson_mut_obj_get(rule, name);
    if (!list) list = yyjson_mut_obj_add_arr(canned->doc, rule, name);
    yyjson_mut_arr_add_strcpy(canned->doc, list, text);
}

static inline void canned_header(struct canned *canned, yyjson_mut_val *rule, const char *name,
                                 const char *value)
{
    yyjson_mut_val *headers = yyjson_mut_obj_get(rule, "headers");
    if (!headers) headers = yyjson_mut_obj_add_obj(canned->doc, rule, "headers");
    yyjson_mut_obj_add(headers, yyjson_mut_strcpy(canned->doc, name),
                       yyjson_mut_strcpy(canned->doc, value));
}

static inline void canned_number(struct canned *canned, yyjson_mut_val *rule, const char *name,
                                 double value)
{
    yyjson_mut_obj_add_real(canned->doc, rule, name, value);
}

static inline void canned_int(struct canned *canned, yyjson_mut_val *rule, const char *name,
                              int64_t value)
{
    yyjson_mut_obj_add_int(canned->doc, rule, name, value);
}

/* The log's text; the caller frees it. */
static inline char *canned_log(struct canned *canned)
{
    FILE *file = fopen(canned->log_path, "r");
    assert_non_null(file);
    size_t cap = 1u << 20, len;
    char *text = malloc(cap);
    assert_non_null(text);
    len = fread(text, 1, cap - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

static inline int canned_requests(struct canned *canned)
{
    char *text = canned_log(canned);
    int n = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++) n++;
    free(text);
    return n;
}

static inline void canned_child(const char *script, const struct canned *canned, int in, int out)
{
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0) _exit(127);
    for (int fd = 3; fd < 256; fd++) close(fd);
    /* The system's own first: a version manager's wrapper takes longer to start than a test runs.
     */
    execl("/usr/bin/python3", "python3", script, canned->rules_path, canned->log_path,
          (char *)NULL);
    execlp("python3", "python3", script, canned->rules_path, canned->log_path, (char *)NULL);
    _exit(127);
}

static inline void canned_start(struct canned *canned)
{
    const char *source = getenv("PTM_TEST_DATA");
    char script[1024];
    int in[2], out[2];
    memset(canned, 0, sizeof *canned);
    assert_non_null(source);
    snprintf(script, sizeof script, "%s/../httpd/canned.py", source);
    snprintf(canned->dir, sizeof canned->dir, "/tmp/ptm-canned-XXXXXX");
    assert_non_null(mkdtemp(canned->dir));
    snprintf(canned->rules_path, sizeof canned->rules_path, "%s/rules", canned->dir);
    snprintf(canned->log_path, sizeof canned->log_path, "%s/log", canned->dir);
    canned_reset(canned);
    canned_apply(canned);
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    canned->pid = fork();
    assert_true(canned->pid >= 0);
    if (canned->pid == 0) canned_child(script, canned, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    canned->in = in[1];
    FILE *from = fdopen(out[0], "r");
    assert_non_null(from);
    if (fscanf(from, "%d", &canned->port) != 1) canned->port = 0;
    fclose(from);
    if (canned->port == 0) print_message("python3 is missing: skipped\n");
}

static inline void canned_stop(struct canned *canned)
{
    close(canned->in);
    waitpid(canned->pid, NULL, 0);
    yyjson_mut_doc_free(canned->doc);
    unlink(canned->rules_path);
    unlink(canned->log_path);
    rmdir(canned->dir);
}
