ptm torch download
