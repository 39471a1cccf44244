ptm weights convert absent.pt b.safetensors; s=$?; ls; exit $s
