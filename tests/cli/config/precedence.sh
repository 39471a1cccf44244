mkdir -p "$HOME/.config/ptm"
cat >"$HOME/.config/ptm/config.ini" <<'INI'
; ours
root = /from/file
jobs = 3
large = head
include = *.onnx
  *.pt

[modelzoo]
large = none
INI
export PTM_ROOT=/from/environment
ptm config --json -j 5 | grep -E '"key":"(root|jobs|large|include|history)"' | sed "s|$HOME|HOME|"
