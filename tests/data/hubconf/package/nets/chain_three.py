def original(pretrained=True):
    """Defined three files away."""
