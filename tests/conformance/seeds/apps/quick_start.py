import modal

app = modal.App("quick-start")

image = modal.Image.debian_slim().pip_install("fastapi[standard]")


@app.function(image=image)
@modal.fastapi_endpoint()
def hello():
    return "Hello world!"


@app.function()
@modal.fastapi_endpoint()
def protected():
    return "authenticated!"
