ptm completion tcsh
