'Module ' "doc."


def raw():
    r"""A \d raw one."""


def joined():
    "One " 'two ' """three."""


def not_a_doc():
    f"no {1}"


def not_bytes():
    b"no"


def escapes():
    "tab\there \"quoted\" \x41\u00e9\U0001F600 end\
ed"


def indented():
    """
        Deep first.

          Deeper.
      Less.
	Tabbed.
    """


def one_line(): "On one line."


def chinese():
    """预训练模型。

    参数：
      pretrained: 是否加载权重
　　全角空格。
    """


def trailing():
    """Trailing.   

       

    """


def empty():
    """"""


def after_comment():
    # a comment first
    """After a comment."""


def too_late():
    pass
    """Not a doc."""


def assigned():
    """Old."""


assigned.__doc__ = """New
    one."""


def cleared():
    """Old."""


cleared.__doc__ = None
