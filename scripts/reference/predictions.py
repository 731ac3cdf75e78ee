#!/usr/bin/env python3
"""Writes Tests/Golden/predictions: the same small table of predictions in each form that a data frame may have.

    scripts/reference/predictions.py          needs pyarrow

Tests read them, and compare them with table.jsonl.
"""

import json
import pathlib
import shutil

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

root = pathlib.Path(__file__).resolve().parent.parent.parent / "Tests/Golden/predictions"
shutil.rmtree(root, ignore_errors=True)
root.mkdir(parents=True)

CLASSES = ["cat", "dog", "cow"]
ROWS = 6
labels = [CLASSES[row % 3] for row in range(ROWS)]
ids = [f"r{row}" for row in range(ROWS)]
groups = [f"g{row // 2}" for row in range(ROWS)]
index = [(row + 1) % ROWS for row in range(ROWS)]


def scores(shift):
    """Numbers that binary fractions hold, so that single precision is exact."""
    table = []
    for row in range(ROWS):
        own = [0.25, 0.25, 0.25]
        own[(row + shift) % 3] += 0.25
        table.append(own)
    return table


CONDITIONS = {"full": scores(0), "missing:image": scores(1), "swap:text:0": scores(2)}
LOGITS = [[float(row - column) for column in range(3)] for row in range(ROWS)]
GRID = {1: [LOGITS[0], LOGITS[1]], 4: [LOGITS[2], LOGITS[3]]}

# The table that every file below is.
with open(root / "table.jsonl", "w", encoding="utf-8") as lines:
    print(json.dumps({"classes": CLASSES, "modalities": ["image", "text"]}), file=lines)
    for row in range(ROWS):
        line = {"id": ids[row], "label": labels[row], "group": groups[row], "swap:text:0:index": index[row]}
        line |= {name: table[row] for name, table in CONDITIONS.items()}
        line["logits/only:text"] = LOGITS[row]
        if row in GRID:
            line["logits/grid"] = GRID[row]
        print(json.dumps(line), file=lines)

head = {"id": ids, "label": labels, "group": groups, "swap:text:0:index": index}
beside = {"classes": json.dumps(CLASSES), "modalities": json.dumps(["image", "text"])}
grid = pa.array([GRID.get(row) for row in range(ROWS)], pa.list_(pa.list_(pa.float64())))


def write(name, columns, metadata=None):
    table = pa.table(columns)
    if metadata:
        table = table.replace_schema_metadata(metadata)
    if name.endswith(".parquet"):
        pq.write_table(table, root / name, row_group_size=4)
    else:
        feather.write_feather(table, root / name, compression="uncompressed")


def lists(kind):
    return {name: pa.array(table, kind) for name, table in CONDITIONS.items()} | {
        "logits/only:text": pa.array(LOGITS, kind), "logits/grid": grid}


# Lists, of any width and of a fixed one; the label as a category.
write("lists.parquet", head | lists(pa.list_(pa.float64())), beside)
coded = head | {"label": pa.array(labels).dictionary_encode()}
write("fixed-lists.parquet", coded | lists(pa.list_(pa.float32(), 3)), beside)
write("lists.arrow", head | lists(pa.large_list(pa.float64())), beside)

# A struct by class, whose fields have an order of their own.
fields = pa.struct([(name, pa.float64()) for name in CLASSES])
turned = pa.struct([(name, pa.float32()) for name in reversed(CLASSES)])
structs = {
    name: pa.array([dict(zip(CLASSES, row)) for row in table], fields if name == "full" else turned)
    for name, table in CONDITIONS.items()}
structs["logits/only:text"] = pa.array([dict(zip(CLASSES, row)) for row in LOGITS], turned)
modalities = {"modalities": beside["modalities"]}
full = structs.pop("full")
write("structs.parquet", head | structs | {"logits/grid": grid, "full": full}, modalities)

# One column for each class, as a frame of pandas has them, with what pandas keeps of `frame.attrs` and of the index.
wide = {f"{name}:{one}": [row[c] for row in table] for name, table in CONDITIONS.items() for c, one in enumerate(CLASSES)}
wide |= {f"logits/only:text:{one}": [row[c] for row in LOGITS] for c, one in enumerate(CLASSES)}
attributes = {"PANDAS_ATTRS": json.dumps({"modalities": ["image", "text"]})}
write("columns.parquet", head | wide | {"logits/grid": grid, "__index_level_0__": list(range(ROWS))}, attributes)

# What `seesaw predict` writes, with the truth added.
predicted = {"id": ids, "place": [f"samples.csv:{row + 2}" for row in range(ROWS)], "label": labels[::-1]}
predicted["labels"] = pa.array([[one] for one in labels[::-1]], pa.list_(pa.string()))
predicted |= {f"probability:{one}": [row[c] for row in CONDITIONS["full"]] for c, one in enumerate(CLASSES)}
predicted |= {f"calibrated:{one}": pa.nulls(ROWS, pa.float64()) for one in CLASSES}
predicted |= {"present": pa.array([["image", "text"]] * ROWS), "empty": pa.nulls(ROWS, pa.list_(pa.string()))}
predicted |= {"condition": ["full"] * ROWS, "score": [0.5] * ROWS, "metric": ["accuracy"] * ROWS, "error": pa.nulls(ROWS, pa.string())}
write("predict.parquet", predicted)
write("predict-truth.parquet", predicted | {"truth": labels})
failed = predicted | {"truth": labels, "error": pa.array([None] * 5 + ["the picture cannot be read"])}
write("predict-error.parquet", failed)

# Several labels, as names and as 0 and 1; two classes, one number a row.
several = [["cat"], [], ["cat", "cow"], ["dog"], ["dog", "cat"], []]
write("several.parquet", {"label": pa.array(several, pa.list_(pa.string()))} | {f"full:{one}": [0.25] * ROWS for one in CLASSES})
ones = [[one in row for one in CLASSES] for row in several]
write("several-ones.parquet", {"labels": pa.array(ones, pa.list_(pa.bool_())), "full": pa.array([[0.25] * 3] * ROWS)}, beside)
write("binary.parquet", {"label": [True, False] * 3, "full": pa.array([0.75, 0.25] * 3, pa.float32())})

# What is refused.
write("uneven.parquet", {"label": [0, 1], "full": [[0.5, 0.5], [0.25, 0.25, 0.5]]})
write("lacking.parquet", {"label": [0, 1], "full": [[0.5, 0.5], None]})
write("unknown.parquet", {"label": [0, 1], "full": [[0.5, 0.5], [0.5, 0.5]], "path": ["a.png", "b.png"]})
write("one-class.parquet", {"label": ["cat", "dog"], "full:cat": [0.5, 0.5], "full:dog": [0.5, 0.5], "missing:image:cat": [0.5, 0.5]})
write("twice.parquet", {"label": [0, 1], "labels": [0, 1], "full": [[0.5, 0.5], [0.5, 0.5]]})
