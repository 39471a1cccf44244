ptm setup modelhub --catalog cat.db >/dev/null; ptm status modelhub --catalog cat.db --json >/dev/null && ls data/.ptm | grep -c catalog
