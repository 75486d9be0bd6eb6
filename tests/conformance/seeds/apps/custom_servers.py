from pathlib import Path

import modal

app = modal.App("custom-servers")
# Stands in for the model server: the same command, the same options, no model.
image = modal.Image.debian_slim().add_local_dir(Path(__file__).parent / "vllm", "/root/vllm")


@app.function(image=image, gpu="H100")
@modal.web_server(port=8000)
def serve():
    import subprocess

    subprocess.Popen(
        [
            "python",
            "-m",
            "vllm.entrypoints.openai.api_server",
            "--model",
            "meta-llama/Llama-3-70B",
            "--host",
            "0.0.0.0",  # Must bind to 0.0.0.0, not localhost
            "--port",
            "8000",
        ]
    )


@app.function()
@modal.concurrent(max_inputs=100)
@modal.web_server(8000)
def my_server():
    import subprocess

    # Must bind to 0.0.0.0, not 127.0.0.1
    subprocess.Popen("python -m http.server -d / 8000", shell=True)
