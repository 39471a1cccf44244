/* SPDX-License-Identifier: MIT */
/*
 * analyzer.h - what gcc's -fanalyzer cannot see across files: an error is negative. Without it a function
 * that ends with `return ptm_err_set(..)` looks as if it might succeed without setting its outs. Included
 * before everything in that build alone (tools/nightly).
 */
#include <ptm/err.h>

static inline ptm_rc ptm_analyzer_error(ptm_rc rc)
{
    return rc < 0 ? rc : PTM_EBUG;
}
#define ptm_err_set(...) ptm_analyzer_error((ptm_err_set)(__VA_ARGS__))
#define ptm_err_sys(...) ptm_analyzer_error((ptm_err_sys)(__VA_ARGS__))
#define ptm_err_ctx(...) ptm_analyzer_error((ptm_err_ctx)(__VA_ARGS__))
