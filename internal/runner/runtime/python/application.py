"""Finding the application that runner.application names."""

import ast
import importlib
import os
import sys


def load(settings):
    """Import module:object, module:object.attribute or module:factory("argument").

    The working directory is where modules are looked for if runner.path[]
    names no directory.
    """
    name = settings["application"]
    if not settings.get("path"):
        sys.path.insert(0, os.getcwd())
    module_name, colon, expression = name.partition(":")
    module = importlib.import_module(module_name)
    application = _evaluate(module, ast.parse(expression or "application", mode="eval").body)
    if not callable(application):
        raise TypeError("runner.application = %s is not callable" % name)
    return application


def _evaluate(module, node):
    if isinstance(node, ast.Name):
        return getattr(module, node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_evaluate(module, node.value), node.attr)
    if isinstance(node, ast.Call):
        args = [ast.literal_eval(arg) for arg in node.args]
        kwargs = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
        return _evaluate(module, node.func)(*args, **kwargs)
    raise SyntaxError("runner.application must be module:name or module:factory(arguments)")
