# -*- coding: utf-8 -*-
"""Windows file."""
dependencies = [
    "torch",  # one
]


def crlf(a,
         b=2):
    """First.

    	Second.
    """

def after_form_feed():
	if True:
		return 1


def unicode_nämé(größe=1):
    """Größe \u4e2d 模型 \x41 \101 \
    end."""
