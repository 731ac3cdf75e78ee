"""A program that Seesaw asks: seesaw audit Data/emoji --command 'python3 Examples/Audit/program.py'

A line of JSON a request on standard input, a line an answer on standard output, in order. This one knows a few words.
"""
import json
import sys

WORDS = {
    "Smileys & Emotion": "face eyes smile heart", "People & Body": "person man woman hand", "Objects": "paper book music",
    "Animals & Nature": "animal bird flower cat", "Food & Drink": "fruit drink food", "Activities": "ball sport game",
    "Travel & Places": "building car place clock", "Symbols": "arrow button sign zodiac",
}

for line in sys.stdin:
    request = json.loads(line)
    words = (request["text"] or "").replace(",", " ").replace(":", " ").split()  # null where the text is absent
    counts = {name: 0.2 + sum(word in known.split() for word in words) for name, known in WORDS.items()}
    total = sum(counts.values())
    answer = {"id": request["id"], "probabilities": {name: count / total for name, count in counts.items()}}
    print(json.dumps(answer), flush=True)
