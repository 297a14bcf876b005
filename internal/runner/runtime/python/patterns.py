"""The regular expressions that stand in a script.

Python compiles one when the script comes to it, which takes longer than many a
script, and remembers it in vain if the process runs the script only once. So a
zygote compiles them before, as it does with the script itself.
"""

import sys
import time

# Where the functions of re have their flags.
_FLAGS = {"compile": 1, "search": 2, "match": 2, "fullmatch": 2, "findall": 2, "finditer": 2, "split": 3, "sub": 4, "subn": 4}
_LIMIT = 250  # of all scripts together; re remembers twice as many
_PATIENCE = 0.1  # seconds for those of one script

_known = set()


def find(tree):
    """Return what calls in a script's syntax tree have re compile, as (pattern, flags).

    It is for a process of its own: it imports modules and compiles.
    """
    re = sys.modules.get("re")
    if re is None:
        return []
    import ast

    names = _imported(tree, re)
    found = []
    end = time.monotonic() + _PATIENCE
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        if getattr(call.func, "attr", None) not in _FLAGS and getattr(call.func, "id", None) not in names:
            continue  # nearly all
        function = _value(call.func, names)
        name = getattr(function, "__name__", None)
        if name not in _FLAGS or function is not getattr(re, name):
            continue
        arguments = {**dict(enumerate(call.args)), **{keyword.arg: keyword.value for keyword in call.keywords}}
        pattern = _value(arguments.get(0, arguments.get("pattern")), names)
        flags = _value(arguments.get(_FLAGS[name], arguments.get("flags", ast.Constant(0))), names)
        if isinstance(pattern, (str, bytes)) and isinstance(flags, int) and _is_silent(re, pattern, flags):
            if time.monotonic() > end:
                break
            found.append((pattern, int(flags)))
    return found


def _imported(tree, re):
    """Return what the names mean that a script has for re and for what is in it."""
    import ast

    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update((alias.asname or "re", re) for alias in node.names if alias.name == "re")
        elif isinstance(node, ast.ImportFrom) and node.module == "re":
            names.update((alias.asname or alias.name, getattr(re, alias.name, None)) for alias in node.names)
    return names


def _value(node, names):
    """Return what an expression is, None if that takes more than constants and names."""
    import ast

    allowed = ast.Constant, ast.Name, ast.Load, ast.Attribute, ast.BinOp, ast.BitOr, ast.Add
    if node is None or not all(isinstance(part, allowed) for part in ast.walk(node)):
        return None
    expression = ast.fix_missing_locations(ast.Expression(node))
    try:
        return eval(compile(expression, "", "eval"), {"__builtins__": {}}, names)
    except Exception:
        return None


def _is_silent(re, pattern, flags):
    """Tell whether a pattern compiles without a word, which only its script should be told."""
    import warnings

    if flags & re.DEBUG:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern, flags)
    except Exception:
        return False
    return True


def learn(patterns):
    """Have re remember patterns that find has found."""
    for pattern, flags in patterns:
        if len(_known) < _LIMIT and (pattern, flags) not in _known:
            _known.add((pattern, flags))
            sys.modules["re"].compile(pattern, flags)
