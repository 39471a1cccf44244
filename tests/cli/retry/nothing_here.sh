ptm retry; echo "exit status $?"; [ ! -e data ] || echo "it made a folder"
