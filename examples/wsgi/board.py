"""A notice board in Flask. A note lives in its link, so every worker has it."""

import os

from flask import Flask, redirect, render_template_string, request, url_for

PAGE = """<!doctype html>
<title>{{ title }}</title>
<h1>{{ title }}</h1>
{% if note %}<blockquote>{{ note }}</blockquote>{% endif %}
<form method="post" action="{{ url_for('pin') }}">
	<textarea name="note"></textarea>
	<button>Pin it up</button>
</form>
"""


def create_app():
    app = Flask(__name__)
    title = os.environ.get("BOARD_TITLE", "Board")

    @app.get("/")
    def board():
        return render_template_string(PAGE, title=title, note=request.args.get("note"))

    @app.post("/notes")
    def pin():
        note = request.form.get("note", "").strip()
        if not note:
            return {"error": "an empty note"}, 422
        return redirect(url_for("board", note=note))

    return app
