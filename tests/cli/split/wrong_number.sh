ptm split modelhub -n 0
