ptm help clone
