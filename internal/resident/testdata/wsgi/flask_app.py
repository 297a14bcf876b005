"""A Flask application for wsgi_frameworks_test.go."""

from flask import Flask, Response, abort, redirect, request, send_file, stream_with_context, url_for


def create(name="world"):
    app = Flask(__name__)

    @app.route("/")
    def index():
        return "hello, %s at %s" % (name, url_for("index"))

    @app.route("/form", methods=["POST"])
    def form():
        upload = request.files.get("file")
        return {"a": request.form.get("a"), "size": len(upload.read()) if upload else None}

    @app.route("/raw", methods=["PUT"])
    def raw():
        return str(len(request.get_data()))

    @app.route("/stream")
    def stream():
        def chunks():
            for word in "one two three".split():
                yield word + request.args["end"]

        return Response(stream_with_context(chunks()), mimetype="text/plain")

    @app.route("/file")
    def file():
        return send_file(__file__, mimetype="text/plain")

    @app.route("/cookie")
    def cookie():
        response = redirect(url_for("index"))
        response.set_cookie("seen", request.cookies.get("seen", "") + "x")
        return response

    @app.route("/error")
    def error():
        raise ValueError("it broke")

    @app.route("/teapot")
    def teapot():
        abort(418)

    return app


app = create()
