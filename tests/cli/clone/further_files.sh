echo https://github.com/a/b >a; echo https://github.com/c/d >b; ptm clone modelhub --urls a b c
