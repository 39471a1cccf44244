from .chain_two import chained
