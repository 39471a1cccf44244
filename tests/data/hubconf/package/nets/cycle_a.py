def from_a(): "a"


from . import cycle_b
