"""A Django application for wsgi_frameworks_test.go."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"]},
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="x",
)


def index(request):
    return HttpResponse("hello, world at %s" % reverse("index"))


@csrf_exempt
def form(request):
    upload = request.FILES.get("file")
    return JsonResponse({"a": request.POST.get("a"), "size": len(upload.read()) if upload else None})


@csrf_exempt
def raw(request):
    return HttpResponse(str(len(request.body)))


def stream(request):
    return StreamingHttpResponse((word + request.GET["end"] for word in "one two three".split()), content_type="text/plain")


def file(request):
    return FileResponse(open(__file__, "rb"), content_type="text/plain")


def cookie(request):
    response = HttpResponseRedirect(reverse("index"))
    response.set_cookie("seen", request.COOKIES.get("seen", "") + "x")
    return response


def error(request):
    raise ValueError("it broke")


def teapot(request):
    return HttpResponse("I'm a teapot", status=418)


urlpatterns = [
    path("", index, name="index"),
    path("form", form),
    path("raw", raw),
    path("stream", stream),
    path("file", file),
    path("cookie", cookie),
    path("error", error),
    path("teapot", teapot),
]

app = get_wsgi_application()
