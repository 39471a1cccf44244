printf "7z\274\257\47\34%026d" 0 >a.bin; ptm weights scan a.bin absent.pt
