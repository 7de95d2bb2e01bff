"""Claims about groups of features: is this ring a ring, or chance?

Read ``weigh`` first: it is the whole argument.  ``words`` says what may be claimed, ``statistics``
what is measured for each word, ``controls`` which groups it is held against, ``evidence`` what else
may explain it.
"""
