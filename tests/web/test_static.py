"""What the pages name is there: style, scripts, mark, each under a name that never means anything else."""

import re

import pytest


def test_everything_that_a_page_names_is_served_for_ever(house):
    named = set(re.findall(r'"(/static/[^"]+)"', house.request("GET", "/sign-in").text))
    assert {path.rpartition(".")[2] for path in named} == {"css", "js", "svg"}
    for path in sorted(named):
        answer = house.request("GET", path)
        assert answer.status_code == 200, path
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"].split(";")[0] in ("text/css", "text/javascript", "image/svg+xml")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert house.request("HEAD", path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/static/yimen.css", "/static/0000000000000000/yimen.css", "/static/", "/static/../app.py"]
)
def test_no_other_name_is_answered(house, path):
    assert house.request("GET", path).status_code == 404
