/* SPDX-License-Identifier: MIT */
/*
 * plain_pickle.c - a file that is one pickle: NumPy arrays, scikit-learn models, state dicts that
 * somebody pickled without torch.save. Arrays are found in it wherever they are; nothing is made of
 * the rest. What follows the pickle's STOP is an error: whoever reads on would see something else.
 * pickle.h has the sources.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "torch_objects.h"
#include "weights_priv.h"

static ptm_rc no_storage(void *arg, const struct ptmi_pk *id, size_t *out, ptm_dtype *out_element,
                         int64_t *out_offset, struct ptm_err *err)
{
    struct ptm_weights *weights = arg;
    (void)out, (void)out_element, (void)out_offset;
    return ptm_err_set(err, PTM_EFORMAT,
                       "%s: byte %" PRIu64
                       ": a persistent id, but the file has nothing beside its pickle",
                       weights->path, id->at);
}

static ptm_rc open_pickle(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    const struct ptmi_storage_lookup lookup = {.storage = no_storage, .arg = weights};
    char producer[64];
    PTM_TRY(ptmi_pickle_run(source, 0, ptmi_source_size(source), PTMI_TORCH_PICKLE, &pickle, err));
    if (pickle.end != ptmi_source_size(source))
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": data after the pickle",
                           ptmi_source_name(source), pickle.end);
    snprintf(producer, sizeof producer, "pickle (protocol %d)", pickle.protocol);
    PTM_TRY(ptmi_weights_text(weights, producer, strlen(producer), &weights->producer, err));
    return ptmi_torch_objects(weights, &pickle, &lookup, err);
}

/* How pickles of protocols 0 and 1 begin, which have no magic number: a container with the memo
 * opcode after it, or a global. */
static bool is_old(const struct ptmi_probe *probe)
{
    static const char *const begins[] = {"(dp",
                                         "(lp",
                                         "}q",
                                         "]q",
                                         "ccopy_reg\n_reconstructor\n",
                                         "ccollections\n",
                                         "cnumpy.core.multiarray\n",
                                         "cnumpy._core.multiarray\n"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        size_t len = strlen(begins[i]);
        if (probe->head_len >= len && memcmp(probe->head, begins[i], len) == 0) return true;
    }
    return false;
}

static int probe(const struct ptmi_probe *probe)
{
    /* Two bytes are no magic number: anything else that is sure goes first. */
    if (probe->head_len >= 3 && probe->head[0] == 0x80 && probe->head[1] >= 2 &&
        probe->head[1] <= 5)
        return 60;
    return is_old(probe) ? 20 : 0;
}

const struct ptmi_weight_format ptmi_format_pickle = {
    .name = "pickle",
    .probe = probe,
    .open = open_pickle,
};
