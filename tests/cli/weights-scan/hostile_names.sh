. "$PROJECT/tests/cli/checkpoints.sh"
name=$(printf "\033[2Jx\ny"); calls os system >"$name"; ptm weights scan "$name"; calls "o$(printf "\033")s" sys >a; ptm weights scan a; ptm weights scan --json "$name" | head -c 40
