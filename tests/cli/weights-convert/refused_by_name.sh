. "$PROJECT/tests/cli/checkpoints.sh"
printf "\223NUMPY\1\0v\0%-117s\n" "{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }" >x.npy; printf "%016d" 0 >>x.npy
ptm weights convert x.npy b.safetensors; s=$?; ls; ptm weights convert x.npy b.safetensors --skip --json; exit $s
