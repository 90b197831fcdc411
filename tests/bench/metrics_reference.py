"""Processor seconds that sacrebleu or rouge-score takes for a file of pairs.

Usage: metrics_reference.py bleu|chrf|rougeL PAIRS.json
"""
import json
import sys
import time


def main():
    metric, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        pairs = json.load(file)
    outputs, references = pairs["outputs"], [first for first, in pairs["references"]]
    if metric == "rougeL":
        from rouge_score import rouge_scorer
        kinds = ["rouge1", "rouge2", "rougeL", "rougeLsum"]  # Trellis computes all four at once
        scorer = rouge_scorer.RougeScorer(kinds, use_stemmer=True)
        begin = time.process_time()
        for output, reference in zip(outputs, references):
            scorer.score(reference, output)
    else:
        from sacrebleu.metrics import BLEU, CHRF
        scorer = BLEU() if metric == "bleu" else CHRF()
        begin = time.process_time()
        scorer.corpus_score(outputs, [references])
    print(time.process_time() - begin)


if __name__ == "__main__":
    main()
