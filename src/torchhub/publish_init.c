/* SPDX-License-Identifier: MIT */
/* publish_init.c - a starter hubconf.py: what an author would otherwise copy from elsewhere,
 * mistakes included. `ptm torch check` finds nothing to say about it but what is to be filled in.
 */
#include "torchhub_priv.h"

#include <string.h>

#include "../base/path.h"
#include "../base/str.h"

/* %s is the name of the folder. */
static const char starter[] =
    "\"\"\"Entry points of %s for torch.hub.\n"
    "\n"
    "Every function of this file whose name does not begin with \"_\" is one, and so is everything "
    "that\n"
    "is imported here without \"as _name\". Names may not be changed later: they are what users "
    "write.\n"
    "\"\"\"\n"
    "\n"
    "import torch as _torch\n"
    "\n"
    "# Names to import, not names on PyPI: \"yaml\", not \"pyyaml\". No versions.\n"
    "dependencies = [\"torch\"]\n"
    "\n"
    "# A name that ends in \"-\" and the first 8 or more hex digits of the file's SHA-256 is "
    "checked when\n"
    "# it is downloaded. `sha256sum FILE` tells them. At most 2 GB a file on GitHub releases.\n"
    "# _WEIGHTS = \"https://github.com/OWNER/NAME/releases/download/v1.0/model-0123abcd.pth\"\n"
    "\n"
    "\n"
    "def model(pretrained=False, **kwargs):\n"
    "    \"\"\"What it is, in a line.\n"
    "\n"
    "    Args:\n"
    "        pretrained (bool): with the weights of ..., trained on ...\n"
    "        **kwargs: of the class of the model\n"
    "\n"
    "    Returns:\n"
    "        torch.nn.Module: takes images of shape (N, 3, 224, 224), gives ...\n"
    "\n"
    "    Example:\n"
    "        >>> import torch\n"
    "        >>> net = torch.hub.load(\"OWNER/NAME\", \"model\", pretrained=True)\n"
    "    \"\"\"\n"
    "    # The repository's own modules are imported here, so that listing it needs none of them:\n"
    "    # from my_package.net import Net\n"
    "    net = _torch.nn.Identity(**kwargs)\n"
    "    if pretrained:\n"
    "        raise NotImplementedError(\"set _WEIGHTS, then take the two lines below\")\n"
    "        # state = _torch.hub.load_state_dict_from_url(_WEIGHTS, map_location=\"cpu\",\n"
    "        #                                             check_hash=True, weights_only=True)\n"
    "        # net.load_state_dict(state)\n"
    "    return net\n";

/* The folder's own name, fit for a text in Python. */
static char *name_of(const char *dir)
{
    PTM_AUTO(ptmi_freep) char *real = realpath(dir, NULL);
    char *name = strdup(real ? ptmi_path_base(real) : "this repository");
    for (char *at = name; at && *at; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ') *at = '_';
    return name;
}

ptm_rc ptm_torchhub_init(const char *dir, struct ptm_err *err)
{
    struct ptm_err why = {0};
    ptmi_whole *whole = NULL;
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, PTMI_HUBCONF);
    PTM_AUTO(ptmi_freep) char *name = name_of(dir);
    PTM_AUTO(ptmi_freep) char *text = name ? ptmi_str_printf(starter, name) : NULL;
    if (!path || !text) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (!ptmi_fs_is_dir(dir)) return ptm_err_set(err, PTM_ENOENT, "%s: no such folder", dir);
    PTM_TRY(ptmi_whole_open(path, 0666, &whole, err));
    ptmi_whole_puts(whole, text);
    ptm_rc rc = ptmi_whole_publish(whole, false, &why);
    ptmi_whole_abort(whole);
    if (rc == PTM_EEXIST)
        return ptm_err_set(err, rc, "%s: is there already; `ptm torch check %s` looks at it", path,
                           dir);
    if (rc < 0 && err) *err = why;
    return rc;
}
