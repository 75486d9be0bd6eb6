"""fastapi_endpoint on functions."""

from pathlib import Path

import pytest

APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module")
def hello(daemon):
    (url,) = daemon.deploy(APPS / "api_service.py")
    return url


@pytest.fixture(scope="module")
def endpoints(daemon):
    """URLs by function name."""
    return {url.split(".")[0].rpartition("-")[2]: url for url in daemon.deploy(APPS / "endpoints.py")}


def test_the_url_is_made_of_workspace_app_and_function(daemon, hello):
    port = daemon.info["web"].rpartition(":")[2]
    assert hello == f"http://local--api-service-hello.localhost:{port}"


def test_a_missing_parameter_takes_its_default(daemon, hello):
    answer = daemon.get(hello)
    assert (answer.status_code, answer.json()) == (200, {"message": "Hello, World!"})


def test_a_query_parameter_reaches_the_function(daemon, hello):
    assert daemon.get(hello, params={"name": "Ann & Bob"}).json() == {"message": "Hello, Ann & Bob!"}


def test_the_answer_is_json_with_its_length(daemon, hello):
    answer = daemon.get(hello)
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_another_method_is_not_allowed(daemon, hello, endpoints):
    assert daemon.post(hello).status_code == 405
    assert daemon.get(endpoints["predict"]).status_code == 405


def test_another_path_is_not_found(daemon, hello):
    assert daemon.get(hello + "/nowhere").status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_documentation_is_off_unless_asked_for(daemon, hello, path):
    assert daemon.get(hello + path).status_code == 404


def test_any_origin_may_call(daemon, hello):
    answer = daemon.get(hello, headers={"Origin": "https://elsewhere.test"})
    assert answer.headers["access-control-allow-origin"] in ("*", "https://elsewhere.test")
    preflight = daemon.web.request(
        "OPTIONS", hello, headers={"Origin": "https://elsewhere.test", "Access-Control-Request-Method": "GET"}
    )
    assert preflight.status_code == 200


def test_an_unknown_host_is_no_function(daemon, hello):
    answer = daemon.get("http://local--nothing-here.localhost")
    assert answer.status_code == 404
    assert answer.text.strip() == "modal-http: invalid function call"


def test_a_posted_dict_reaches_the_function(daemon, endpoints):
    assert daemon.post(endpoints["predict"], json={"text": "abc"}).json() == {"prediction": "ABC"}


def test_query_parameters_are_converted(daemon, endpoints):
    assert daemon.get(endpoints["search"], params={"query": "q", "limit": 3}).json() == {"results": ["q"] * 3}
    assert len(daemon.get(endpoints["search"], params={"query": "q"}).json()["results"]) == 10


def test_a_bad_or_missing_parameter_is_unprocessable(daemon, endpoints):
    assert daemon.get(endpoints["search"], params={"query": "q", "limit": "many"}).status_code == 422
    assert daemon.get(endpoints["search"]).status_code == 422
    assert daemon.post(endpoints["process"], json={"qty": 1}).status_code == 422


def test_a_pydantic_model_is_filled_from_the_body(daemon, endpoints):
    answer = daemon.post(endpoints["process"], json={"name": "bolt"})
    assert answer.json() == {"processed": "bolt", "quantity": 42}


def test_an_exception_is_a_500_without_its_traceback(daemon, endpoints):
    answer = daemon.post(endpoints["predict"], json={"wrong": 1})
    assert answer.status_code == 500
    assert "Traceback" not in answer.text


def test_an_endpoint_in_an_image_with_fastapi_answers_text(daemon):
    hello, protected = sorted(daemon.deploy(APPS / "quick_start.py"))
    assert daemon.get(hello).json() == "Hello world!"
    assert daemon.get(protected).json() == "authenticated!"
