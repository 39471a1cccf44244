import os
CONSTANT = 1
_hidden = lambda: 0


def star_one(): pass


def _star_private(): pass


class StarTwo: pass
