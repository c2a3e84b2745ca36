"""Is every typed result found, and nothing let through that would run in a browser?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdl_site.prose import (
    fill,
    find_expressions,
    find_stray_braces,
    find_typed_numbers,
    find_unsafe_html,
)

PLAIN = st.text("abc DEF.,;:!?-\n", max_size=30)


def typed(text: str) -> list[str]:
    return [found for _, found in find_typed_numbers(text)]


class TestTypedNumbers:
    @pytest.mark.parametrize(
        "result",
        [
            "84 %",
            "84%",
            "84.1 %",
            "8,400 %",
            "5 percent",
            "0.5 per cent",
            "100%",
            "3 s",
            "3s",
            "7.5 s",
            "12 ms",
            "40 µs",
            "9 us",
            "1 sec",
            "20 secs",
            "1 second",
            "30 seconds",
            "5 milliseconds",
            "1 minute",
            "45 minutes",
            "1,200 s",
            "0.69",
            "84.12",
            "0.6990",
            "-0.25",
            "10.123456",
        ],
    )
    def test_results(self, result: str) -> None:
        assert typed(f"The run gave {result}, no more.") == [result]
        assert typed(f"({result})") == [result]
        assert typed(f"**{result}**") == [result]

    @pytest.mark.parametrize(
        "text",
        [
            "84 models",
            "0.5 of them",
            "chapter 3",
            "2 layers",
            "3D",
            "5 samples",
            "in the 1990s",
            "the 2010s",
            "version 2.1.13",
            "a 50-50 split",
            "x2s",
            "60,000 images",
            "3 states",
            "10 msec2vec",
            "8 usages",
            "7 secrets",
            "v0.69a",
        ],
    )
    def test_no_results(self, text: str) -> None:
        assert typed(text) == []

    @pytest.mark.parametrize("result", ["84 %", "3 s", "0.6990"])
    @pytest.mark.parametrize(
        "exempt",
        [
            "`{}`",
            "``{}``",
            "```\n{}\n```",
            "~~~text\n{}\n~~~",
            "    ```\n    {}\n    ```",
            "${}$",
            "$${}$$",
            "$$\n{}\n$$",
            "[x](a.md#{})",
            "[x][{}]",
            "<https://x.y/{}>",
            "https://x.y/{}",
            "{{{{ f'{{x}} {}' }}}}",
            "{{: .x title='{}' }}",
            "{{ .x #{} }}",
        ],
    )
    def test_exempt_places(self, exempt: str, result: str) -> None:
        if exempt.startswith("https"):
            result = result.replace(" ", "")
        text = f"Before 1.23 it is\n\n{exempt.format(result)}\n\nand 5 % after."
        assert typed(text) == ["1.23", "5 %"]

    def test_lines_are_counted_from_nought(self) -> None:
        text = "One.\n\n```\n84 %\n```\nThen 1 s\nand `2 s`\nand 3.00."
        assert find_typed_numbers(text) == [(5, "1 s"), (7, "3.00")]

    def test_a_lone_mark_hides_no_other_paragraph(self) -> None:
        assert typed("A lone ` here.\n\nWe got 84 %.\n\nAnother ` there.") == ["84 %"]
        assert typed("It costs $5 here.\n\nWe got 84 %.\n\nOr 6$ there.") == ["84 %"]

    @given(PLAIN, PLAIN, st.integers(0, 10**6))
    def test_percentages_are_found_wherever_they_stand(
        self, before: str, after: str, number: int
    ) -> None:
        found = find_typed_numbers(f"{before} {number} % {after}")
        assert (before.count("\n"), f"{number} %") in found

    @given(st.text(max_size=80))
    def test_any_text_is_read_without_a_fault(self, text: str) -> None:
        for line, found in find_typed_numbers(text):
            assert found in text
            assert 0 <= line <= text.count("\n")


class TestExpressions:
    @given(st.lists(st.sampled_from(["x", "f(1)", "d['a']", "f'{x:.2f}'", "{1: 2}[1]"])))
    def test_found_in_order_and_filled_in_order(self, codes: list[str]) -> None:
        text = "\n".join(f"a {{{{ {code} }}}} b" for code in codes)
        found = find_expressions(text)
        assert [e.code for e in found] == codes
        assert [e.line for e in found] == list(range(len(codes)))
        values = [str(n) for n in range(len(codes))]
        assert fill(text, values) == "\n".join(f"a {value} b" for value in values)

    @given(st.text(max_size=40))
    def test_a_value_is_never_read_again(self, value: str) -> None:
        assert fill("{{ a }}|{{ b }}", [value, "{{ c }}"]) == f"{value}|{{{{ c }}}}"

    def test_stray_braces(self) -> None:
        assert find_stray_braces("{{ x }} fine") is None
        assert find_stray_braces("fine\n\n{{x}}") == 2
        assert find_stray_braces("{{ x}}") == 0
        assert find_stray_braces("`{{x}}` $a_{{b}}$") is None


class TestUnsafeHtml:
    @pytest.mark.parametrize(
        "markup",
        [
            "<script>",
            "<SCRIPT src=x>",
            "< script>",
            "<iframe src='x'>",
            "<object>",
            "<embed>",
            "<form action=x>",
            "<base href=x>",
            "<meta http-equiv=refresh>",
            "<link rel=x>",
            "<style>",
            "<svg onload=x>",
            "<img src=x onerror=alert(1)>",
            "<a onclick = x>",
            "<img/onerror=alert(1)>",
            '<img src="x"onerror=alert(1)>',
            "<b\nonmouseover=x>",
            "<details ontoggle=x>",
            "[x](javascript:alert(1))",
            "[x]( JavaScript :alert(1))",
            "<a href='javascript:x'>",
            "<a href=javascript:x>",
            "<javascript:x>",
            "[x]: javascript:alert(1)",
        ],
    )
    def test_found(self, markup: str) -> None:
        assert find_unsafe_html(f"Text.\n\nMore {markup} text.")

    @pytest.mark.parametrize(
        "text",
        [
            "a <br> b",
            "<kbd>Ctrl</kbd>",
            "`<script>`",
            "```html\n<script>\n```",
            "a < b on = c",
            "JavaScript: a language",
            "the <b>meta</b> data",
            "<formula>",
            "x > y",
            "if on=1 then",
            "[x](https://example.org/javascript)",
        ],
    )
    def test_let_through(self, text: str) -> None:
        assert find_unsafe_html(text) == ""
