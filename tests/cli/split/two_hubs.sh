ptm split modelhub modelzoo
