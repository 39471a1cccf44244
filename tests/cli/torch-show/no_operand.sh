ptm torch show
