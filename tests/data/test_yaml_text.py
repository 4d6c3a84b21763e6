"""What is refused of YAML that PyYAML would take, or would never be done with."""

import functools

import pytest

from eqstream.data.errors import UserError
from eqstream.data.yaml_text import load_yaml

DEEP = "it: values are nested more than 64 deep"
BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x]"]
    + [
        f"{name}: &{name} [{', '.join([f'*{inner}'] * 9)}]" for inner, name in zip("abcdef", "bcdefg", strict=True)
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: " * 500 + "1" + "}" * 500, DEEP),
        ("[" * 2000 + "]" * 2000, DEEP),
        ("- " * 2000, DEEP),
        # Each alias adds a level, so that no part of the text is deep.
        ("- &a0 []\n" + "".join(f"- &a{i + 1} [*a{i}]\n" for i in range(64)), DEEP),
        ("a: &t {epochs: *t}", "it: the value on line 1 contains itself"),
        ("&t [*t]", "it: the value on line 1 contains itself"),
        (BOMB, "it: there are more than 100,000 keys and values"),
        pytest.param("[" + "1," * 100_000 + "]", "it: there are more than 100,000 keys and values",
                     marks=pytest.mark.slow),
        ("{1: 2, true: 3}", "it: a key must be a text, got `true` on line 1; put quotes around it"),
        ("{0x2: 3}", "it: a key must be a text, got `0x2` on line 1; put quotes around it"),
        ("{2.5: 3}", "it: a key must be a text, got `2.5` on line 1; put quotes around it"),
        ('{2: 3, "2": 4}', "it: key `2` is given twice, the second time on line 1"),
        ("a: 1\non: 2", "it: a key must be a text, got `on` on line 2; put quotes around it"),
        ("? 2026-01-01\n: 2", "it: a key must be a text, got `2026-01-01` on line 1; put quotes around it"),
        ("seed: " + "9" * 5000, "it: the whole number on line 1 is too long"),
        ("[1234567.123456789012]", "it: the number 1234567.123456789012 on line 1 would be rounded to "
         "1234567.123456789; write at most 17 digits or, in a condition on equations, put quotes around it"),
        ("1.0e+999999999", "it: the number 1.0e+999999999 on line 1 would be rounded to inf; "
         "write at most 17 digits or, in a condition on equations, put quotes around it"),
        ("1.0e-999999999", "it: the number 1.0e-999999999 on line 1 would be rounded to 0.0; "
         "write at most 17 digits or, in a condition on equations, put quotes around it"),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_yaml_that_python_could_not_bear_is_refused_in_one_line(text, message):
    with pytest.raises(UserError) as caught:
        load_yaml(text, "it")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: &x [1], b: *x, c: *x}", {"a": [1], "b": [1], "c": [1]}),
        ("[0.1, 1.50, 0.30000000000000004, 1e-3, 1.0e-5, -0.0, .inf, 1_000.5]",
         [0.1, 1.5, 0.30000000000000004, "1e-3", 1e-5, 0.0, float("inf"), 1000.5]),
        ("0xff", 255),
        ("[" * 63 + "]" * 63, functools.reduce(lambda inner, _: [inner], range(62), [])),
    ],
)  # fmt: skip
def test_yaml_within_bounds_is_what_pyyaml_makes_of_it(text, value):
    assert load_yaml(text, "it") == value


def test_whole_number_as_a_key_is_its_text_and_stays_a_number_as_a_value():
    assert load_yaml("{&two 2: 0.5, b: *two}", "it") == {"2": 0.5, "b": 2}
