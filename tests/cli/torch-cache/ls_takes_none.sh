ptm torch cache ls acme/model
