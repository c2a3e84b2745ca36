"""Does only plain text, a clean table or a figure reach a page, and the rest stop the build?"""

import base64
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from projects import chapter, code, prose

from pdl_site.errors import ExecutionError
from pdl_site.outputs import Policy, clean, clean_value, fold, preformatted

SVG = '<svg width="72pt" height="36pt"><path d="M 1.23456 2"/></svg>'
PANDAS = """\
<div>
<style scoped>
    .dataframe tbody tr th { vertical-align: top; }
</style>
<table border="1" class="dataframe">
  <thead>
    <tr style="text-align: right;">
      <th></th>
      <th colspan="2" class="c">a &lt; b</th>
    </tr>
  </thead>
  <tbody>
    <tr><th rowspan="2">0</th><td>1</td><td><b>2</b> <img src="http://x/y.png"></td></tr>
  </tbody>
</table>
<p>1 rows</p>
</div>
"""


def png(mode: str = "RGB", size: tuple[int, int] = (4, 2)) -> str:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def display(**data: Any) -> dict[str, Any]:
    named = {key.replace("_", "/", 1).replace("__xml", "+xml"): v for key, v in data.items()}
    return {"output_type": "display_data", "data": named, "metadata": {}}


def cleaned(*raw: dict[str, Any], policy: Policy | None = None, **meta: Any) -> list[Any]:
    made = chapter(code("f()", **meta))
    return clean(raw, made.cells[1], made, policy or Policy())


def refusal(*raw: dict[str, Any], policy: Policy | None = None, **meta: Any) -> str:
    with pytest.raises(ExecutionError) as caught:
        cleaned(*raw, policy=policy, **meta)
    message = str(caught.value)
    cell = chapter(code("f()", **meta)).cells[1]
    assert message.startswith(f"tutorials/a.py:{cell.line}: cell 2: ")
    return message


class TestText:
    def test_streams_and_results(self) -> None:
        raw = [stream("one\n"), display(text_plain="two")]
        assert cleaned(*raw) == [
            {"kind": "stream", "name": "stdout", "text": "one"},
            {"kind": "result", "text": "two"},
        ]

    def test_lists_of_lines_are_joined(self) -> None:
        assert cleaned(display(text_plain=["a\n", "b"]))[0]["text"] == "a\nb"

    @pytest.mark.parametrize("text", ["", "\n", "  \n \r"])
    def test_a_stream_of_nothing_is_left_out(self, text: str) -> None:
        assert cleaned(stream(text), stream(text, "stderr")) == []

    def test_stderr_needs_the_tag(self) -> None:
        found = refusal(stream("\nUserWarning: slow\nmore", "stderr"))
        assert "wrote to stderr: 'UserWarning: slow'; mend the cause, or tag the cell" in found
        (shown,) = cleaned(stream("slow", "stderr"), tags=["stderr"])
        assert (shown["name"], shown["text"]) == ("stderr", "slow")

    def test_a_path_of_this_machine(self) -> None:
        policy = Policy(paths=("/home/me",))
        for raw in (
            stream("see /home/me/x.py"),
            display(text_plain="PosixPath('/home/me/x')"),
            display(text_html="<table><tr><td>/home/me/x</td></tr></table>"),
            display(text_html="<table><tr><td>&#47;home/me</td></tr></table>"),
        ):
            assert "shows '/home/me', a folder of this machine" in refusal(raw, policy=policy)
        assert cleaned(stream("/home/you"), policy=policy)


class TestFold:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0%\r50%\r100%", "100%"),
            ("0%\r100%\r", "100%"),
            ("a\r\nb\r\n", "a\nb"),
            ("a\r   \nb", "a\nb"),
            ("\x1b[31mred\x1b[0m \x1b[1;32mgreen\x1b[m", "red green"),
            ("\x1b[?25lhidden cursor\x1b[?25h\x1b[2K", "hidden cursor"),
            ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b]0;title\x07text", "text"),
            ("bell\x07 back\x08 nul\x00 del\x7f", "bell back nul del"),
            ("<f at 0x7f00aabbccdd>", "<f>"),
            ("<M object at 0x7F00AABBCCDD> and <N at 0x55d0c0ffee00>", "<M> and <N>"),
            ("at 0x1f is short", "at 0x1f is short"),
            ("\n\n  indented\n\n", "  indented"),
            ("/tmp/ipykernel_12/3456.py:3: UserWarning: x", "this cell:3: UserWarning: x"),
            ('File "/tmp/ipykernel_12/3456.py", line 1', 'File "this cell", line 1'),
            ("tabs\tstay", "tabs\tstay"),
        ],
    )
    def test_examples(self, text: str, expected: str) -> None:
        assert fold(text) == expected

    @given(st.text())
    def test_what_is_left_is_printable_and_folding_again_changes_nothing(self, text: str) -> None:
        folded = fold(text)
        assert not {chr(n) for n in (*range(9), 11, 12, *range(13, 32), 127)} & set(folded)
        assert folded.count("\n") <= text.count("\n")

    @given(st.text("abc <>&\"'0123xyz.,:;()\n", max_size=60))
    def test_plain_text_stays(self, text: str) -> None:
        lines = [line if line.strip() else "" for line in text.split("\n")]
        assert fold(text) == "\n".join(lines).strip("\n")


class TestTables:
    def test_a_pandas_table_is_cleaned(self) -> None:
        (table,) = cleaned(display(text_html=PANDAS, text_plain="x"))
        assert table == {
            "kind": "table",
            "html": '<table><thead><tr><th></th><th colspan="2">a &lt; b</th></tr></thead>'
            '<tbody><tr><th rowspan="2">0</th><td>1</td><td>2 </td></tr></tbody></table>',
        }

    @pytest.mark.parametrize("wrap", ["{}", "<div>{}</div>", "{}<p>after</p>", "<b>x</b>{}"])
    def test_what_stands_around_a_table_goes(self, wrap: str) -> None:
        table = "<table><tr><td>1</td></tr></table>"
        (found,) = cleaned(display(text_html=wrap.format(table)))
        assert "<td>1</td>" in found["html"]
        assert found["html"].startswith("<table>")
        assert found["html"].endswith("</table>")


BAD_HTML = [
    "<script>alert(1)</script>",
    "<iframe src='https://evil.example'></iframe>",
    "<img src=x onerror=alert(1)>",
    "<img/onerror=alert(1) src=x>",
    "<a href='javascript:alert(1)'>x</a>",
    "<svg onload=alert(1)></svg>",
    "<object data=x></object>",
    "<embed src=x>",
    "<form action=x><button>",
    "<link rel=stylesheet href=http://evil.example>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<base href=http://evil.example>",
]


class TestRefused:
    @pytest.mark.parametrize("markup", BAD_HTML)
    def test_html_that_runs_or_loads(self, markup: str) -> None:
        table = "<table><tr><td>1</td></tr></table>"
        for html in (markup, table + markup, table.replace("1", markup)):
            assert "shows HTML other than a plain table" in refusal(display(text_html=html))

    @pytest.mark.parametrize(
        "markup",
        [
            "<p>hello</p>",
            '<img src="https://evil.example/x.png">',
            '<video src="https://evil.example/x.mp4">',
            "",
            "<!-- <table -->",
            "<p title='<table'>x</p>",
        ],
    )
    def test_html_without_a_table(self, markup: str) -> None:
        assert "shows HTML other than a plain table" in refusal(display(text_html=markup))

    @pytest.mark.parametrize(
        "kind",
        [
            "application/javascript",
            "application/vnd.jupyter.widget-view+json",
            "text/markdown",
            "text/latex",
            "image/gif",
            "video/mp4",
        ],
    )
    def test_kinds_that_pages_do_not_know(self, kind: str) -> None:
        raw = {"output_type": "display_data", "data": {kind: "x", "text/plain": "x"}}
        expected = f"shows {kind}; pages take text, figures and plain tables only"
        assert expected in refusal(raw)

    @pytest.mark.parametrize(
        "content",
        [
            "<script>alert(1)</script>",
            '<path onload="alert(1)"/>',
            '<a xlink:href="javascript:alert(1)"/>',
            '<image href="https://evil.example/x.png"/>',
            "<foreignObject><body/></foreignObject>",
            "<use href='//evil.example/x.svg#a'/>",
            "<svg:script>alert(1)</svg:script>",
        ],
    )
    def test_drawings_that_run_or_load(self, content: str) -> None:
        raw = display(image_svg__xml=SVG.replace("</svg>", f"{content}</svg>"))
        assert "it could run or load something" in refusal(raw, alt="x")

    @given(
        bad=st.sampled_from(BAD_HTML),
        before=st.text("ab <>&\n", max_size=9),
        after=st.text("ab\n", max_size=9),
    )
    def test_nothing_dangerous_survives_inside_a_table(
        self, bad: str, before: str, after: str
    ) -> None:
        raw = display(text_html=f"<table><tr><td>{before}{bad}{after}</td></tr></table>")
        try:
            (table,) = cleaned(raw)
        except ExecutionError:
            return
        assert "alert" not in table["html"]
        assert "evil" not in table["html"]


class TestFigures:
    def test_a_drawing(self) -> None:
        raw = display(image_svg__xml=SVG, image_png=png(), text_plain="<Figure>")
        (found,) = cleaned(raw, alt="A line")
        assert (found["kind"], found["format"], found["alt"]) == ("figure", "svg", "A line")
        assert (found["width"], found["height"]) == (96, 48)
        assert base64.b64decode(found["data"]).startswith(b"<svg")

    def test_matplotlib_drawings_pass(self) -> None:
        from matplotlib.figure import Figure

        figure = Figure()
        axes = figure.subplots()
        axes.imshow([[0, 1]])
        axes.set_title("on x = 1")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg")
        raw = display(image_svg__xml=buffer.getvalue(), image_png=png())
        assert cleaned(raw, alt="x")[0]["kind"] == "figure"

    @pytest.mark.parametrize(("metadata", "width"), [({}, 4), ({"image/png": {"width": 2}}, 2)])
    def test_a_picture_and_its_scale(self, metadata: dict[str, Any], width: int) -> None:
        raw = {**display(image_png=png()), "metadata": metadata}
        (found,) = cleaned(raw, alt="A photo")
        assert (found["format"], found["width"]) == ("webp", width)

    def test_each_figure_has_its_own_alt(self) -> None:
        found = cleaned(*[display(image_png=png())] * 2, alt=["One", "Two"])
        assert [output["alt"] for output in found] == ["One", "Two"]

    @pytest.mark.parametrize(("shown", "alt"), [(1, []), (1, ["a", "b"]), (2, ["a"]), (0, ["a"])])
    def test_figures_and_alt_texts_must_match(self, shown: int, alt: list[str]) -> None:
        message = refusal(*[display(image_png=png())] * shown, alt=alt)
        assert f"shows {shown} figures and has {len(alt)} text alternatives" in message


class TestValues:
    def value(self, text: str) -> str:
        made = chapter(prose("{{ x }}"))
        return clean_value(text, made.cells[1], made, Policy(paths=("/home/me",)))

    @pytest.mark.parametrize("text", ["84.1 %", "a < b", "**bold**", "<Model>", ""])
    def test_plain_values_stay(self, text: str) -> None:
        assert self.value(text) == text

    def test_colors_and_addresses_go(self) -> None:
        assert self.value("\x1b[1m<f at 0x7f00aabbccdd>\x1b[0m") == "<f>"

    @pytest.mark.parametrize("text", ["<script>x</script>", "<img src=x onerror=y>"])
    def test_dangerous_values(self, text: str) -> None:
        with pytest.raises(ExecutionError, match=r"a\.py:\d+: cell 2: computes '<.*browser"):
            self.value(text)

    def test_a_path(self) -> None:
        with pytest.raises(ExecutionError, match="cell 2: computes a text with '/home/me'"):
            self.value("in /home/me/x")


class TestPreformatted:
    @given(st.text(), st.sampled_from(["pdl-stream", "pdl-result"]))
    def test_one_line_of_escaped_text(self, text: str, css: str) -> None:
        made = preformatted(text, css)
        body = made.removeprefix(f'<pre class="{css}" tabindex="0">').removesuffix("</pre>")
        assert "\n" not in made
        assert "<" not in body
        assert json.dumps(text) == json.dumps(
            body.replace("&#10;", "\n").replace("&lt;", "<").replace("&gt;", ">")
            .replace("&amp;", "&")
        )  # fmt: skip
