ptm help weights scna
