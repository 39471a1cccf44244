# SPDX-License-Identifier: MIT
"""torch's own torch.hub, led to the loopback GitHub: the peer that ours is compared with.

As a module: lead(rewrites) lets torch.hub of this process reach the loopback servers in place of the public ones; lead(None): nothing can be
reached. As a program it makes calls in a process of its own:

    torch_peer.py < {"rewrites": [..] or null, "calls": [["load", ["acme/model", "entry"], {"trust_repo": true}], ..]}

and prints a JSON list of an object a call: {"value": .., "out": standard output and error} or {"error": "Type: text", "out": ..}. A value that
is a module or state dict is told as {"sum", "shapes", "class"}.
"""
import contextlib
import http.client
import io
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

PYTHON = "/usr/bin/python3"


class Loopback(urllib.request.HTTPSHandler):
    """https requests to public hosts go to where rewrites say; redirects pass here again."""

    def __init__(self, rewrites):
        super().__init__()
        self.rewrites = [one.split("=", 1) for one in rewrites or ()]

    def https_open(self, req):
        for public, local in self.rewrites:
            if req.full_url.startswith(public):
                there = urllib.request.Request(local + req.full_url[len(public):], headers=dict(req.header_items()), method=req.get_method())
                there.timeout = req.timeout
                return self.do_open(http.client.HTTPConnection, there)
        raise urllib.error.URLError(f"no network: {req.full_url}")


def lead(rewrites):
    import torch.hub  # only where it is called
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Loopback(rewrites))
    torch.hub.urlopen = opener.open
    return torch.hub


def told(value):
    import torch  # here already
    state = value.state_dict() if isinstance(value, torch.nn.Module) else value
    if isinstance(state, dict) and state and all(isinstance(one, torch.Tensor) for one in state.values()):
        return {"sum": float(sum(one.double().sum() for one in state.values())), "class": type(value).__name__,
                "shapes": {name: list(one.shape) for name, one in state.items()}}
    return value if isinstance(value, (str, int, float, list, dict, type(None))) else {"class": type(value).__name__}


def main():
    order = json.load(sys.stdin)
    hub = lead(order["rewrites"])
    answers = []
    for name, args, kwargs in order["calls"]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                answer = {"value": told(getattr(hub, name)(*args, **kwargs))}
            except Exception as error:  # noqa: BLE001 - whatever it raises is what is compared
                answer = {"error": f"{type(error).__name__}: {error}"}
        answers.append({**answer, "out": out.getvalue()})
    json.dump(answers, sys.stdout)


class Peer:
    """torch.hub with a home of its own, or with somebody's TORCH_HOME."""

    def __init__(self, home):
        self.home = home

    def calls(self, rewrites, *calls):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TORCH_HOME": str(self.home), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        order = {"rewrites": rewrites, "calls": [[name, list(args), kwargs] for name, args, kwargs in calls]}
        done = subprocess.run([PYTHON, os.path.abspath(__file__)], input=json.dumps(order), text=True, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, timeout=240)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def hub(self):
        return self.home / "hub"


def has_torch():
    return subprocess.run([PYTHON, "-c", "import torch.hub"], stderr=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    main()
