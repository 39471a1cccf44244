# SPDX-License-Identifier: MIT
# Sourced by cases: tiny checkpoints, made by printf.

safetensors() { # safetensors FILE HEADER DATA: header of less than 256 bytes, data as for printf
    printf "\\$(printf %03o "${#2}")"'\0\0\0\0\0\0\0' >"$1"
    printf '%s' "$2" >>"$1"
    printf "$3" >>"$1"
}

two_tensors() { # two_tensors FILE
    safetensors "$1" '{"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"a.step":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}' \
        '\0\0\200\77\0\0\0\100\7\0\0\0\0\0\0\0'
}

npy() { # npy FILE: int16, shape (2, 3), in Fortran order
    printf '\223NUMPY\1\0v\0%-117s\n' "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }" >"$1"
    printf '\1\0\2\0\3\0\4\0\5\0\6\0' >>"$1"
}

calls() { # calls MODULE NAME: a pickle that calls it without arguments
    printf 'c%s\n%s\n(tR.' "$1" "$2"
}
