. "$PROJECT/tests/cli/checkpoints.sh"
i=0; h=; while [ $i -lt 3000 ]; do h="$h,\"layer.$i\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[$i,$((i + 1))]}"; i=$((i + 1)); done
h="{${h#,}}"; n=${#h}
printf "\\$(printf %03o $((n % 256)))\\$(printf %03o $((n / 256 % 256)))\\$(printf %03o $((n / 65536)))\0\0\0\0\0%s%03000d" "$h" 0 >m.safetensors
ptm weights ls --json m.safetensors | tail -c 150; ptm weights ls --tree m.safetensors | sed -n "6,8p;\$p"
