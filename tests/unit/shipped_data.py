"""The shipped data: at least 60 hand-written test items a task, none of them in the training data,
reference programs that pass their tests, and generators that give the same bytes. Argument: the
source folder."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

DATA = pathlib.Path(sys.argv[1]) / "experiments" / "data"
TASKS = {"translation": ["en-de.", "en-zh."], "summarization": [""], "dialogue": [""],
         "code": [""], "continuation": [""]}


def records(task, part):
    with open(DATA / task / f"{part}.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def texts(record):
    # What would give a test item away, even with something else beside it.
    keys = ("source", "prefix", "prompt", "canonical_solution", "turns")
    return {str(record[key]).strip() for key in keys if key in record}


class ShippedData(unittest.TestCase):
    def test_every_task_has_sixty_unseen_test_items(self):
        for task, variants in TASKS.items():
            for variant in variants:
                test = records(task, f"{variant}test")
                self.assertGreaterEqual(len(test), 60, task)
                seen = set()
                for part in ("train", "valid"):
                    for record in records(task, variant + part):
                        seen |= texts(record)
                for record in test:
                    self.assertFalse(texts(record) & seen, record)

    def test_reference_programs_pass(self):
        for record in records("code", "test"):
            space = {}
            exec(record["prompt"] + record["canonical_solution"] + record["test"], space)
            space["check"](space[record["entry_point"]])

    def test_generators_give_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "data"
            shutil.copytree(DATA, copy)
            for task in TASKS:
                for file in (copy / task).iterdir():
                    file.unlink()
                subprocess.run([sys.executable, copy / "generators" / f"{task}.py"], check=True)
                for file in (DATA / task).iterdir():
                    self.assertEqual((copy / task / file.name).read_bytes(), file.read_bytes(),
                                     file)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
