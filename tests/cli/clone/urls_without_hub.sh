echo https://x/y/z >urls; ptm clone --urls urls
