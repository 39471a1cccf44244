. "$PROJECT/tests/cli/checkpoints.sh"
mkdir -p d/sub; i=0; while [ $i -lt 300 ]; do two_tensors d/sub/f$i; i=$((i + 1)); done; calls os system >d/a; calls os system >d/z
ptm weights scan --json -j 16 d | sed 's/.*"file":"\([^"]*\)".*/\1/' >a; find d -type f | LC_ALL=C sort >b; wc -l <a; cmp a b
