ptm torch list vision
