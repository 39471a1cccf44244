# SPDX-License-Identifier: MIT
"""The example of torch.hub from C, built as its first lines say: from an installed libptm, by pkg-config, with any C compiler."""
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess

import pytest

import github
from conftest import PTM
from servers import sha256

ROOT = pathlib.Path(__file__).resolve().parents[2]
HUBCONF = '''
dependencies = ["torch"]

def tiny(pretrained: bool = False, **kwargs):
    """A tiny model."""
    raise RuntimeError("nothing of the repository may run")

class Net:
    def __init__(self, n=3):
        pass
'''


def safetensors(shapes):
    """A file of float32 zeros."""
    header, at = {}, 0
    for name, shape in shapes.items():
        end = at + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


def installed(tmp_path):
    """Prefix of `meson install` of the build that is tested."""
    build = os.environ.get("PTM_BUILD") or str(pathlib.Path(PTM).parents[2])
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--tags", "devel,runtime", "--destdir", str(tmp_path)],
                   check=True, stdout=subprocess.DEVNULL)
    return tmp_path


def pkg_config(root, *args):
    """What pkg-config says when the library is installed below root."""
    folder = next(root.rglob("libptm.pc")).parent
    env = {**os.environ, "PKG_CONFIG_PATH": str(folder), "PKG_CONFIG_SYSROOT_DIR": str(root)}
    return subprocess.run(["pkg-config", *args, "libptm"], env=env, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    for program in ("cc", "pkg-config", "meson"):
        if not shutil.which(program):
            pytest.skip(f"{program} is missing")
    if "ASAN_OPTIONS" in os.environ:
        pytest.skip("a libptm with sanitizers links with its own compiler alone")
    tmp_path = tmp_path_factory.mktemp("installed")
    root, program = installed(tmp_path), tmp_path / "hub_state_dict"
    libdir = next(root.rglob("libptm.so")).parent
    subprocess.run(["cc", str(ROOT / "examples/hub_state_dict.c"), "-o", str(program), *pkg_config(root, "--cflags", "--libs")], check=True)
    return program, libdir


def run(example, home, rewrites, *args):
    program, libdir = example
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LD_LIBRARY_PATH": str(libdir), "TORCH_HOME": str(home / "torch"),
           "PTM_REWRITE": " ".join(rewrites), "NETRC": "/nonexistent"}
    return subprocess.run([str(program), *args], env=env, capture_output=True, text=True, timeout=120)


def test_example_fetches_lists_and_prints_shapes(example, tmp_path):
    data = safetensors({"fc.bias": [3], "fc.weight": [3, 2]})
    with github.GitHub(tmp_path / "github") as hub:
        sha = hub.publish("acme/tiny", {"hubconf.py": HUBCONF})
        name = f"tiny-{sha256(data)[:8]}.safetensors"
        url = hub.asset("acme/tiny", "v1", name, data)
        done = run(example, tmp_path, hub.rewrites, "acme/tiny", url)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            f"acme/tiny at main, commit {sha[:12]}", "  Net(n=3)", "  tiny(pretrained: bool = False, **kwargs)",
            "fc.bias float32 [3]", "fc.weight float32 [3, 2]"]
        # What it fetched is torch's own cache.
        assert (tmp_path / "torch/hub/checkpoints" / name).read_bytes() == data
        assert (tmp_path / "torch/hub/acme_tiny_main/hubconf.py").is_file()
        hub.forget()
        again = run(example, tmp_path, hub.rewrites, "acme/tiny:main", url)
        assert again.returncode == 0 and again.stdout == done.stdout
        assert not hub.requests()


def test_example_says_what_is_wrong(example, tmp_path):
    done = run(example, tmp_path, ["https://github.com/=http://127.0.0.1:9/"], "no-slash", "https://example.org/a.pth")
    assert done.returncode == 3 and "no-slash" in done.stderr
    assert run(example, tmp_path, [], "only-one").returncode == 1
