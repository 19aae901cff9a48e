import pytest

from emulator.errors import InvalidArgument
from emulator.image.process import MAX_PROCESS_CHARACTERS, Action, Process, SaveAs, parse_process


@pytest.mark.parametrize(
    ("text", "process"),
    [
        pytest.param("image/info", Process("image", (Action("info", {}),), None), id="no parameters"),
        pytest.param(
            "image/resize,m_fill,w_100/rotate,90",
            Process("image", (Action("resize", {"m": "fill", "w": "100"}), Action("rotate", {"": "90"})), None),
            id="two actions",
        ),
        pytest.param("style/small", Process("style", (Action("small", {}),), None), id="style"),
        pytest.param(
            "image/info|sys/saveas,o_5rWL6K-VLmpwZw==,b_ZXhhbXBsZQ",
            Process("image", (Action("info", {}),), SaveAs("测试.jpg", "example")),
            id="saved, of either padding",
        ),
        pytest.param(
            "image/info|sys/saveas,o_5rWL6K+VLmpwZw",
            Process("image", (Action("info", {}),), SaveAs("测试.jpg", "")),
            id="saved in the same bucket, of the other alphabet",
        ),
        pytest.param(
            "image/info|sys/saveas,o_Pz8_",
            Process("image", (Action("info", {}),), SaveAs("???", "")),
            id="a key whose base64 has the mark that parts names from values",
        ),
    ],
)
def test_a_process_is_read(text: str, process: Process) -> None:
    assert parse_process(text) == process


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("image", id="kind alone"),
        pytest.param("image/", id="no action"),
        pytest.param("/info", id="no kind"),
        pytest.param("image/info|", id="empty stage"),
        pytest.param("image/info|image/info", id="another stage"),
        pytest.param("image/info|sys/saveas,b_Yg", id="no key"),
        pytest.param("image/info|sys/saveas,o_a", id="no base64"),
        pytest.param("image/info|sys/saveas,o__w", id="no UTF-8"),
        pytest.param("image/info|sys/saveas,o_YQ|sys/saveas,o_YQ", id="saved twice"),
    ],
)
def test_what_is_no_process_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="The process string is invalid"):
        parse_process(text)


@pytest.mark.guess
def test_a_process_that_is_too_long_is_refused() -> None:
    text = "image/info" + "/info" * (MAX_PROCESS_CHARACTERS // 5)
    with pytest.raises(InvalidArgument) as refused:
        parse_process(text)
    assert refused.value.ec == "0017-00000288"


@pytest.mark.parametrize("value", ["", "0", "17", "x", "-1", "1.5", "٣", "1" * 12])
def test_a_number_out_of_bounds_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument, match=f"The value: {value} of parameter: w is invalid."):
        Action("resize", {"w": value}).integer("w", 1, 1, 16)
    assert Action("resize", {}).integer("w", 7, 1, 16) == 7
