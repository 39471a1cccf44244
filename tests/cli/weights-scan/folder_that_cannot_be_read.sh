[ "$(id -u)" != 0 ] || { echo "root may read all" >&2; exit 77; }
mkdir -p d/e; chmod 0 d/e; ptm weights scan d; s=$?; chmod 700 d/e; exit $s
