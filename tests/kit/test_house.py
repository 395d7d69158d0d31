"""The house itself: it stands, and the shortest journey runs on each backend."""

from tests.kit.house import House


def test_code_to_userinfo(any_house: House) -> None:
    app = any_house.register()
    tokens = any_house.tokens(app, any_house.citizen())
    answer = any_house.userinfo(tokens["access_token"])
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["name"] == "李伟"
