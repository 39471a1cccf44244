ptm failures --stage cloen
