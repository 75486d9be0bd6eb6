import modal

app = modal.App("frameworks")
image = modal.Image.debian_slim().pip_install("python-fasthtml", "django")


@app.function(image=image)
@modal.asgi_app()
def fasthtml_app():
    import fasthtml.common as fh

    web_app = fh.FastHTML()

    @web_app.get("/")
    def home():
        return fh.Div(fh.P("Hello World!"), hx_get="/change")

    return web_app


@app.function(image=image)
@modal.wsgi_app()
def django_app():
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import JsonResponse
    from django.urls import path

    def home(request, name):
        return JsonResponse({"hello": name, "method": request.method})

    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=(path("<str:name>", home),), SECRET_KEY="s")
    return get_wsgi_application()
