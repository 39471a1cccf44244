ptm torch help acme/model
