def lib_entry(size=1):
    """From lib."""
