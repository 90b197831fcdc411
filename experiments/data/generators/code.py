#!/usr/bin/env python3
"""Writes the code data: the hand-written test functions of written/code.test.py, and generated
functions for training and validation.

    experiments/data/generators/code.py

makes code/{train,valid,test}.jsonl, the same bytes every time, with the keys of HumanEval: prompt,
entry_point, canonical_solution, test. Every generated function and its tests are run once. None has
the name or the description of a test function.
"""
import itertools
import random
import re

from records import DATA, split, write

NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "nine": 9, "ten": 10,
           "twelve": 12, "twenty": 20, "fifty": 50}
ORDINALS = {"first": 0, "third": 2, "fourth": 3, "fifth": 4, "last": -1}
ONE = ["n", "x", "number", "value"]
LISTS = ["items", "numbers", "values", "data"]
WORDS = ["text", "word", "name", "line"]


def arithmetic():
    for (word, n), a in itertools.product(NUMBERS.items(), ONE):
        for name, symbol, phrases in (
                ("add", "+", ["Return {a} plus {n}.", "Add {n} to {a}.",
                              "Return the sum of {a} and {n}."]),
                ("subtract", "-", ["Return {a} minus {n}.", "Subtract {n} from {a}."]),
                ("multiply_by", "*", ["Return {a} times {n}.", "Multiply {a} by {n}."]),
                ("remainder_of", "%", ["Return what is left when {a} is divided by {n}."])):
            for phrase in phrases:
                yield (f"{name}_{word}", a, phrase.format(a=a, n=n), f"return {a} {symbol} {n}",
                       [(call, eval(f"{call} {symbol} {n}")) for call in (f"{n + 3}", "0")])
        for name, symbol, phrase in (("is_more_than", ">", "Tell whether {a} is more than {n}."),
                                     ("is_less_than", "<", "Tell whether {a} is less than {n}."),
                                     ("is_at_least", ">=", "Tell whether {a} is at least {n}.")):
            yield (f"{name}_{word}", a, phrase.format(a=a, n=n), f"return {a} {symbol} {n}",
                   [(f"{n + 1}", n + 1 >= n if symbol != "<" else False),
                    (f"{n - 1}", symbol == "<")])
        yield (f"divides_by_{word}", a, f"Tell whether {a} can be divided by {n}.",
               f"return {a} % {n} == 0", [(f"{3 * n}", True), (f"{3 * n + 1}", False)])


def pairs():
    for a, b in (("a", "b"), ("x", "y"), ("first", "second"), ("left", "right")):
        for name, phrase, body, want in (
                ("add", f"Return the sum of {a} and {b}.", f"return {a} + {b}", 11),
                ("subtract", f"Return {a} minus {b}.", f"return {a} - {b}", 5),
                ("multiply", f"Return the product of {a} and {b}.", f"return {a} * {b}", 24),
                ("smaller", f"Return the smaller of {a} and {b}.", f"return min({a}, {b})", 3),
                ("power", f"Return {a} to the power of {b}.", f"return {a} ** {b}", 512),
                ("is_larger", f"Tell whether {a} is larger than {b}.", f"return {a} > {b}", True),
                ("are_equal", f"Tell whether {a} and {b} are equal.", f"return {a} == {b}", False)):
            yield name, f"{a}, {b}", phrase, body, [("8, 3", want)]


def lists():
    for a in LISTS:
        for name, phrase, body, want in (
                ("total", "Return the sum of the {a}.", "return sum({a})", 12),
                ("largest", "Return the largest of the {a}.", "return max({a})", 7),
                ("smallest", "Return the smallest of the {a}.", "return min({a})", 1),
                ("count", "Count the {a}.", "return len({a})", 3),
                ("backwards", "Return the {a} in reverse order.", "return {a}[::-1]", [1, 4, 7]),
                ("in_order", "Return the {a} in order.", "return sorted({a})", [1, 4, 7]),
                ("double_all", "Return twice each of the {a}.", "return [2 * n for n in {a}]",
                 [14, 8, 2]),
                ("odd_only", "Return the odd {a}.", "return [n for n in {a} if n % 2 == 1]",
                 [7, 1]),
                ("without_first", "Return the {a} without the first.", "return {a}[1:]", [4, 1]),
                ("without_last", "Return the {a} without the last.", "return {a}[:-1]", [7, 4])):
            for prefix in ("", "get_", "the_"):
                yield (prefix + name, a, phrase.format(a=a), body.format(a=a),
                       [("[7, 4, 1]", want)])
        for word, place in ORDINALS.items():
            yield (f"{word}_of", a, f"Return the {word} of the {a}.", f"return {a}[{place}]",
                   [("[5, 6, 7, 8, 9]", [5, 6, 7, 8, 9][place])])
        for word, n in NUMBERS.items():
            yield (f"at_most_{word}", a, f"Return the {a} that are at most {n}.",
                   f"return [x for x in {a} if x <= {n}]",
                   [(f"[{n - 1}, {n}, {n + 1}]", [n - 1, n])])
            yield (f"take_{word}", a, f"Return the first {word} of the {a}.",
                   f"return {a}[:{n}]", [("list(range(99))", list(range(n)))])


def texts():
    for a in WORDS:
        for name, phrase, body, want in (
                ("upper", "Return the {a} in capital letters.", "return {a}.upper()", "ICE TEA"),
                ("lower", "Return the {a} in small letters.", "return {a}.lower()", "ice tea"),
                ("length", "Return the length of the {a}.", "return len({a})", 7),
                ("reverse", "Return the {a} backwards.", "return {a}[::-1]", "aeT ecI"),
                ("first_letter", "Return the first letter of the {a}.", "return {a}[0]", "I"),
                ("last_letter", "Return the last letter of the {a}.", "return {a}[-1]", "a"),
                ("words_of", "Return the words of the {a}.", "return {a}.split()", ["Ice", "Tea"]),
                ("first_word", "Return the first word of the {a}.", "return {a}.split()[0]", "Ice"),
                ("twice", "Return the {a} twice.", "return {a} * 2", "Ice TeaIce Tea")):
            for prefix in ("", "get_", "the_"):
                yield (prefix + name, a, phrase.format(a=a), body.format(a=a),
                       [('"Ice Tea"', want)])
        for letter in "abcdefghklmnoprstw":
            yield (f"count_{letter}", a, f"Count the letter {letter} in the {a}.",
                   f'return {a}.count("{letter}")', [(f'"{letter}x{letter}"', 2)])
            yield (f"starts_with_{letter}", a,
                   f"Tell whether the {a} begins with the letter {letter}.", f'return {a}.startswith("{letter}")',
                   [(f'"{letter}xy"', True), ('"zzz"', False)])
            yield (f"without_{letter}", a, f"Return the {a} without the letter {letter}.",
                   f'return {a}.replace("{letter}", "")', [(f'"x{letter}y{letter}"', "xy")])


def record(name, arguments, phrase, body, cases):
    asserts = "\n".join(f"    assert candidate({call}) == {want!r}" for call, want in cases)
    return {"prompt": f'def {name}({arguments}):\n    """{phrase}"""\n', "entry_point": name,
            "canonical_solution": f"    {body}\n", "test": f"def check(candidate):\n{asserts}\n"}


def written():
    """The functions of written/code.test.py, each followed by "# test" and its asserts."""
    source = (DATA / "written" / "code.test.py").read_text("utf-8")
    for block in re.split(r"\n{3}(?=def )", source)[1:]:
        function, tests = block.split("# test\n")
        head, quote, body = re.split(r'("""\n)', function, maxsplit=1)
        name = head[len("def "):head.index("(")]
        checks = re.sub(rf"\b{name}\(", "candidate(", tests.strip())
        yield {"prompt": head + quote, "entry_point": name, "canonical_solution": body,
               "test": "def check(candidate):\n    " + checks.replace("\n", "\n    ") + "\n"}


def run(item):
    space = {}
    exec(item["prompt"] + item["canonical_solution"] + item["test"], space)
    space["check"](space[item["entry_point"]])


def main():
    test = list(written())
    taken = {item["entry_point"] for item in test}
    taken |= {item["prompt"].split('"""')[1] for item in test}
    made = [record(*parts) for parts in itertools.chain(arithmetic(), pairs(), lists(), texts())]
    made = [item for item in made if item["entry_point"] not in taken
            and item["prompt"].split('"""')[1] not in taken]
    for item in made + test:
        run(item)
    draw = random.Random(20240605)
    parts = split(draw.sample(made, 1100), 100, 20240605)
    parts["test"] = test
    write("code", parts)


if __name__ == "__main__":
    main()
