ptm setup modelzoo; find data/modelzoo -type d | LC_ALL=C sort
