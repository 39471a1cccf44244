from .chain_three import original as chained
