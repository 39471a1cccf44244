ptm torch fetch
