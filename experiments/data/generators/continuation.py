#!/usr/bin/env python3
"""Writes the continuation data: the hand-written test texts of written/continuation.test.txt, and
generated sentences for training and validation.

    experiments/data/generators/continuation.py

makes continuation/{train,valid,test}.jsonl, the same bytes every time. A record's text is its
prefix and its reference together. Each generated sentence fills one of the templates below.
"""
import random

from records import fill, split, write, written

SLOTS = {
    "en": {
        "who": ["my grandmother", "the old sailor", "a young doctor", "our teacher", "the baker",
                "a small boy", "the queen", "my neighbour"],
        "when": ["Every morning", "On Sunday evening", "In the winter", "When it rained",
                 "Before breakfast", "After the war", "One night"],
        "act": ["walked to the river and", "sat down by the fire and", "opened the window and",
                "took the last train and", "put on a warm coat and"],
        "end": ["counted the boats.", "sang an old song.", "waited for a letter.",
                "thought of the sea.", "fed the birds.", "wrote a long letter.",
                "looked up at the stars.", "laughed until it was dark."],
        "food": ["soup", "bread", "apple cake", "rice", "a good sauce"],
        "step": ["use fresh butter", "wash your hands", "warm the oven", "cut the onions small",
                 "take a large pot"],
        "tip": ["and do not hurry.", "and add a little salt.", "and let it stand for an hour.",
                "and taste it twice.", "and call your friends when it is ready."],
        "house": ["house", "garden", "shop", "street", "village"],
        "like": ["quiet", "full of people", "green", "covered with snow", "dark"],
        "because": ["because nobody lived there.", "because it was a holiday.",
                    "because the summer had come.", "because the lamps were broken."],
    },
    "de": {
        "who": ["meine Oma", "der Lehrer", "ein alter Mann", "die Ärztin", "mein Bruder"],
        "when": ["Jeden Morgen", "Am Sonntag", "Im Winter", "Eines Abends"],
        "act": ["ging zum Fluss und", "saß am Ofen und", "öffnete das Fenster und"],
        "end": ["zählte die Boote.", "sang ein Lied.", "wartete auf einen Brief.",
                "dachte an das Meer.", "fütterte die Vögel."],
    },
    "zh": {
        "who": ["奶奶", "老师", "一位老人", "医生", "弟弟"],
        "when": ["每天早上", "星期天", "冬天的时候", "有一天晚上"],
        "act": ["走到河边，", "坐在窗前，", "打开门，"],
        "end": ["看船慢慢开走。", "唱了一首歌。", "等朋友的信。", "想起了大海。", "喝了一杯茶。"],
    },
}
TEMPLATES = {
    "en": [("{when} {who} {act}", " {end}"),
           ("If you want to make {food}, {step}", " {tip}"),
           ("{when} the {house} was {like}", " {because}")],
    "zh": [("{when}，{who}{act}", "{end}")],
}


def german(slots):
    # The finite verb stands second, before the subject.
    return [(f"{when} {act.split()[0]} {who} {act.split(' ', 1)[1]}", f" {end}")
            for when in slots["when"] for who in slots["who"] for act in slots["act"]
            for end in slots["end"]]


def main():
    draw = random.Random(20240604)
    de = german(SLOTS["de"])
    texts = [("de", text) for text in draw.sample(de, 200)]
    for language, most in (("en", 350), ("zh", 150)):
        for template in TEMPLATES[language]:
            texts += [(language, text) for text in fill(template, SLOTS[language], most, draw)]
    parts = split([{"language": language, "prefix": prefix, "references": [rest]}
                   for language, (prefix, rest) in texts], 100, 20240604)
    parts["test"] = [{"language": language, "prefix": prefix,
                      "references": [rest if language == "zh" else " " + rest]}
                     for language, (prefix, rest) in written("continuation.test.txt")]
    write("continuation", parts)


if __name__ == "__main__":
    main()
