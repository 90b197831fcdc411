"""What the generators share: reading written/, drawing combinations, writing JSON Lines."""
import itertools
import json
import pathlib
import random

DATA = pathlib.Path(__file__).resolve().parent.parent


def written(name):
    """(language, fields) of every line of written/NAME."""
    language = "en"
    for line in (DATA / "written" / name).read_text("utf-8").splitlines():
        if line.startswith("# language: "):
            language = line.removeprefix("# language: ")
        elif line and not line.startswith("#"):
            yield language, [field.strip() for field in line.split(" | ")]


def fill(template, slots, most, draw):
    """At most `most` different texts of the template, each with one choice for every {slot} in it.
    A choice that is a tuple has parts, named {slot[0]}, {slot[1]} and so on."""
    names = [name for name in slots if "{" + name in str(template)]
    combinations = list(itertools.product(*(slots[name] for name in names)))
    draw.shuffle(combinations)
    for combination in combinations[:most]:
        values = dict(zip(names, combination))
        yield tuple(part.format(**values) for part in template)


def write(task, parts):
    """Writes TASK/PART.jsonl; parts maps names to records without an id."""
    (DATA / task).mkdir(exist_ok=True)
    for part, records in parts.items():
        with (DATA / task / f"{part}.jsonl").open("w", encoding="utf-8", newline="\n") as out:
            for number, record in enumerate(records, 1):
                record = {"id": f"{part}-{number}", **record}
                out.write(json.dumps(record, ensure_ascii=False) + "\n")


def split(records, valid, seed):
    """{"train": ..., "valid": ...} of shuffled records, without repeats."""
    unique = list({json.dumps(record): record for record in records}.values())
    random.Random(seed).shuffle(unique)
    return {"train": unique[valid:], "valid": unique[:valid]}
