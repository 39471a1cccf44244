. "$PROJECT/tests/cli/checkpoints.sh"
mkdir -p d/a d/b; calls os system >d/a/x; calls my Net >d/b/y; printf '7z\274\257\47\34%026d' 0 >d/z; two_tensors d/ok
ptm weights scan d; echo $?; ptm weights scan d/b d/z
