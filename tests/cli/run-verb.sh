#!/bin/sh
# SPDX-License-Identifier: MIT
# All cases of one verb: for meson, which cannot list a folder.
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/run.sh" "$here/$1"/*.sh
