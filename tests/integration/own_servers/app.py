"""Servers of other frameworks, each a process of its own, all in one container. What each answers: see test_own_servers."""

import subprocess
import sys
from pathlib import Path

import modal

HERE = Path(__file__).parent
INSIDE = "/root/servers"

app = modal.App("own-servers")
image = (
    modal.Image.debian_slim()
    .pip_install("aiohttp==3.14.5", "tornado==6.6.1", "uvicorn==0.54.0", "websockets==17.4", "streamlit==1.67.0")
    .add_local_dir(HERE, INSIDE)
)


def start(*words: str) -> None:
    subprocess.Popen([sys.executable, *words], cwd=INSIDE)


@app.cls(image=image, max_containers=1)
@modal.concurrent(max_inputs=50)
class Own:
    @modal.web_server(8001, startup_timeout=60)
    def aiohttp(self):
        start("aiohttp_server.py")

    @modal.web_server(8002, startup_timeout=60)
    def tornado(self):
        start("tornado_server.py")

    @modal.web_server(8003, startup_timeout=60)
    def uvicorn(self):
        start("-m", "uvicorn", "asgi_application:application", "--host", "0.0.0.0", "--port", "8003")

    @modal.web_server(8004, startup_timeout=60)
    def streamlit(self):
        options = ["--server.port=8004", "--server.address=0.0.0.0", "--server.headless=true"]
        start("-m", "streamlit", "run", "streamlit_page.py", "--browser.gatherUsageStats=false", *options)
