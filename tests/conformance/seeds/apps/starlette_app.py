import modal

app = modal.App("starlette-app")


@app.function()
@modal.asgi_app()
def starlette_app():
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def homepage(request):
        return JSONResponse({"hello": request.query_params.get("name", "world")})

    return Starlette(routes=[Route("/", homepage)])
