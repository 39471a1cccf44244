ptm "$(printf '\033[31mx')"
