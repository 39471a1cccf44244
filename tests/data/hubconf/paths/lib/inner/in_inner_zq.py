def inner_entry(*sizes):
    """From lib/inner."""
