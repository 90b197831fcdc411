"""Processor seconds that Hugging Face's `tokenizers` takes for texts, on one thread.

Usage: tokenizer_reference.py TOKENIZER.json TEXTS.json

Texts go to it a thousand at once, so that Python's share is small; by its call that finds out no
places in the text, where it has one.
"""
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"


def main():
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        texts = json.load(file)
    encode = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)
    begin = time.process_time()
    for first in range(0, len(texts), 1000):
        encode(texts[first:first + 1000], add_special_tokens=False)
    print(time.process_time() - begin)


if __name__ == "__main__":
    main()
